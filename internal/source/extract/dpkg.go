package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

const dpkgDir = "var/lib/dpkg"

// dpkg reads the status database of dpkg: status, the updates that a run of dpkg has not yet folded into it, and status.d, which
// images without dpkg have (one file a package). Debian Policy 5.3, dpkg(1) "Package states".
func dpkg() Extractor {
	return Extractor{ID: "dpkg", System: func(_ context.Context, h *host.Host, out *Output) error {
		db := &dpkgDB{byKey: map[string]int{}}
		db.file(h, out, path.Join(dpkgDir, "status"), false)
		db.updates(h, out)
		db.folder(h, out)
		if len(db.packages) == 0 {
			return nil
		}
		for i := range db.packages {
			if p := &db.packages[i]; p.installed {
				out.Add(p.asPackage(out.OS()))
			}
		}
		db.owners(h, out)
		return nil
	}}
}

// dpkgPackage is one stanza.
type dpkgPackage struct {
	name, version, arch, status, source, maintainer, path string
	installed                                             bool
}

type dpkgDB struct {
	packages []dpkgPackage
	byKey    map[string]int // name and architecture → index
}

// file reads one file of stanzas, if it is there. What could be read before an error is kept.
func (db *dpkgDB) file(h *host.Host, out *Output, name string, single bool) {
	f, err := h.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		out.Gap(name, err.Error())
		return
	}
	defer f.Close()
	out.Database(name)
	err = parseDpkg(f, host.Path(name), func(p dpkgPackage, problem string) {
		if problem != "" {
			out.Gap(name, problem)
		}
		if p.name != "" && (p.version != "" || !dpkgInstalled(p.status) && !single) {
			db.put(p, single)
		}
	})
	if err != nil {
		out.Gap(name, err.Error())
	}
}

// put adds a package, or replaces what an older record said of it.
func (db *dpkgDB) put(p dpkgPackage, single bool) {
	// status.d has no Status field: what has a file there is installed.
	p.installed = dpkgInstalled(p.status) || single && p.status == ""
	key := p.name + "\x00" + p.arch
	if i, had := db.byKey[key]; had {
		db.packages[i] = p
		return
	}
	if len(db.packages) < maxPackages {
		db.byKey[key] = len(db.packages)
		db.packages = append(db.packages, p)
	}
}

// updates reads the journal of a run of dpkg that has not ended: files of digits, in their order (dpkg, lib/dpkg/dbmodify.c).
func (db *dpkgDB) updates(h *host.Host, out *Output) {
	dir, entries, err := h.ReadDir(path.Join(dpkgDir, "updates"))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			out.Gap(path.Join(dpkgDir, "updates"), err.Error())
		}
		return
	}
	n := 0
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" {
			n++
			db.file(h, out, path.Join(dir, e.Name()), false)
		}
	}
	if n > 0 {
		out.Note(fmt.Sprintf("dpkg was running: %d updates folded into its status", n))
	}
}

func (db *dpkgDB) folder(h *host.Host, out *Output) {
	dir, entries, err := h.ReadDir(path.Join(dpkgDir, "status.d"))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			out.Gap(path.Join(dpkgDir, "status.d"), err.Error())
		}
		return
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".md5sums") {
			continue
		}
		db.file(h, out, path.Join(dir, e.Name()), true)
	}
}

// dpkgInstalled says whether a package's files are on the disk: its third word is not not-installed or config-files.
func dpkgInstalled(status string) bool {
	words := strings.Fields(status)
	if len(words) != 3 {
		return false
	}
	switch words[2] {
	case "installed", "unpacked", "half-installed", "half-configured", "triggers-awaited", "triggers-pending":
		return true
	}
	return false
}

// parseDpkg calls fn with each stanza, and with what is wrong with it.
func parseDpkg(f *host.File, location string, fn func(p dpkgPackage, problem string)) error {
	p, problem, any := dpkgPackage{path: location}, "", false
	end := func() {
		if any {
			if problem == "" && (p.name == "" || p.version == "" && (dpkgInstalled(p.status) || p.status == "")) {
				problem = fmt.Sprintf("a record without a name or a version: %q %q", p.name, p.version)
			}
			fn(p, problem)
		}
		p, problem, any = dpkgPackage{path: location}, "", false
	}
	err := f.Lines(f.Limit(), func(line []byte, cut bool) error {
		if len(line) == 0 {
			end()
			return nil
		}
		any = true
		if line[0] == ' ' || line[0] == '\t' {
			return nil // goes on with the field before
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			problem = fmt.Sprintf("a line that is no field: %.80q", line)
			return nil
		}
		field := p.field(string(key))
		if field == nil {
			return nil
		}
		if *field = string(bytes.TrimSpace(value)); cut {
			problem, *field = fmt.Sprintf("field %s is longer than %d bytes", key, host.MaxLine), ""
		}
		return nil
	})
	end()
	return err
}

// field returns where the value of a field belongs, nil if it is not needed.
func (p *dpkgPackage) field(key string) *string {
	switch key {
	case "Package":
		return &p.name
	case "Version":
		return &p.version
	case "Architecture":
		return &p.arch
	case "Status":
		return &p.status
	case "Source":
		return &p.source
	case "Maintainer":
		return &p.maintainer
	}
	return nil
}

func (p *dpkgPackage) asPackage(os inventory.OS) inventory.Package {
	eco, _ := os.Ecosystem()
	out := inventory.Package{
		Ecosystem: eco, Name: p.name, Version: p.version, Arch: p.arch, Location: p.path, Vendor: p.maintainer,
		PURL: systemPURL(packageurl.TypeDebian, os, p.name, p.version, "", p.arch),
	}
	if p.status != "install ok installed" {
		out.Status = p.status
	}
	// Source: name (version), the version only where it differs. Debian Policy 5.6.1.
	name, version, _ := strings.Cut(p.source, " ")
	if out.SourceName = name; name == "" {
		out.SourceName = p.name
	}
	if version = strings.Trim(version, "() "); version != p.version {
		out.SourceVersion = version
	}
	return out
}

// owners reads which files each package of the distribution has put on the disk (info/*.list). The lists are many and small: several are read
// at once, since on a disk far away each may wait for a block.
func (db *dpkgDB) owners(h *host.Host, out *Output) {
	dir, entries, err := h.ReadDir(path.Join(dpkgDir, "info"))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			out.Gap(path.Join(dpkgDir, "info"), err.Error())
		}
		return
	}
	distribution := map[string]bool{}
	for _, p := range db.packages {
		if p.installed && debianMaintainer(p.maintainer) {
			distribution[p.name] = true
		}
	}
	type list struct {
		name  string
		owner uint32
	}
	lists := make(chan list)
	var mu sync.Mutex
	var readers sync.WaitGroup
	for range out.run.opts.Workers {
		readers.Go(func() {
			own := out.run.owned.claims()
			for l := range lists {
				out.run.guard(out.id, host.Path(l.name), func() error { return own.list(h, l.name, l.owner) })
			}
			mu.Lock()
			defer mu.Unlock()
			out.run.owned.add(own)
		})
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".list")
		name, _, _ := strings.Cut(base, ":") // libc6:amd64.list
		if ok && distribution[name] && e.Type().IsRegular() {
			lists <- list{path.Join(dir, e.Name()), out.run.owned.owner(name)}
		}
	}
	close(lists)
	readers.Wait()
}

// list claims the files of one list, a path a line.
func (c *claims) list(h *host.Host, name string, owner uint32) error {
	f, err := h.OpenExact(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Lines(f.Limit(), func(line []byte, cut bool) error {
		if !cut {
			c.claim(line, nil, owner)
		}
		return nil
	})
}

// debianMaintainer says whether a package is the distribution's own work, by the domain of its maintainer's address. It is false for a package
// of a third party's repository (its files are not patched by the distribution), and for the few packages whose maintainer writes from elsewhere.
func debianMaintainer(maintainer string) bool {
	_, address, ok := strings.Cut(maintainer, "<")
	if !ok {
		return false
	}
	_, domain, _ := strings.Cut(strings.TrimRight(address, "> "), "@")
	for _, d := range []string{"debian.org", "debian.net", "ubuntu.com", "canonical.com"} {
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}
