package sbom

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/modfile"

	"hinomi/internal/inventory"
)

// lines calls do with each line, without its end.
func lines(b []byte, do func(line string)) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		do(strings.TrimRight(s.Text(), "\r"))
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

// isRequirements recognises pip's files by name: requirements.txt, requirements-dev.txt, app.requirements.txt.
func isRequirements(base string, _ []byte) bool {
	return strings.HasSuffix(base, ".txt") && strings.Contains(base, "requirements")
}

// requirements reads pip's requirements file (pip.pypa.io, "Requirements File Format"). Only a pinned version says what is installed.
func requirements(b []byte, inv *inventory.Inventory) error {
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\\\n"), []byte(" "))
	return lines(b, func(line string) {
		if i := strings.Index(" "+line, " #"); i >= 0 {
			line = line[:max(i-1, 0)]
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			return
		case strings.HasPrefix(line, "-r") || strings.HasPrefix(line, "--requirement") || strings.HasPrefix(line, "-c") || strings.HasPrefix(line, "-e"):
			gap(inv, "requirements", line, "another file or folder is named, which was not read")
			return
		case strings.HasPrefix(line, "-"):
			return
		}
		spec, _, _ := strings.Cut(line, ";")
		spec, _, _ = strings.Cut(spec, " --hash")
		name, version, ok := strings.Cut(spec, "==")
		name, _, _ = strings.Cut(name, "[")
		version = strings.TrimSpace(strings.TrimPrefix(version, "="))
		if !ok || strings.ContainsAny(version, ",*<>!~ ") || strings.ContainsAny(name, "<>!~@ ") && strings.TrimSpace(name) != strings.Trim(name, " ") {
			gap(inv, "requirements", line, "the version is not pinned")
			return
		}
		add(inv, inventory.Package{Ecosystem: inventory.PyPI, Name: strings.TrimSpace(name), Version: version, FoundBy: "requirements"})
	})
}

// goMod reads a go.mod (go.dev/ref/mod): the required modules after replacement, and the standard library of the toolchain it names.
func goMod(b []byte, inv *inventory.Inventory) error {
	f, err := modfile.ParseLax("go.mod", b, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	full, err := modfile.Parse("go.mod", b, nil)
	if err == nil {
		f = full // with the replacements, which the lax form leaves out
	} else {
		gap(inv, "go.mod", "replace", "the file could be read in part only: "+err.Error())
	}
	type at struct{ path, version string }
	replaced := map[at]at{}
	for _, r := range f.Replace {
		replaced[at{r.Old.Path, r.Old.Version}] = at{r.New.Path, r.New.Version}
	}
	for _, r := range f.Require {
		m := at{r.Mod.Path, r.Mod.Version}
		n, ok := replaced[m]
		if !ok {
			n, ok = replaced[at{m.path, ""}]
		}
		if ok {
			if n.version == "" {
				gap(inv, "go.mod", m.path, "it is replaced by the folder "+n.path)
				continue
			}
			m = n
		}
		add(inv, inventory.Package{Ecosystem: inventory.Go, Name: m.path, Version: m.version, FoundBy: "go.mod"})
	}
	switch {
	case f.Toolchain != nil && strings.HasPrefix(f.Toolchain.Name, "go"):
		add(inv, inventory.Package{Ecosystem: inventory.Go, Name: "stdlib", Version: strings.TrimPrefix(f.Toolchain.Name, "go"), FoundBy: "go.mod"})
	case f.Go != nil:
		add(inv, inventory.Package{Ecosystem: inventory.Go, Name: "stdlib", Version: f.Go.Version, FoundBy: "go.mod"})
	}
	return nil
}

// cargoLock reads Cargo.lock (doc.rust-lang.org/cargo). A package without a source is the workspace's own.
func cargoLock(b []byte, inv *inventory.Inventory) error {
	var d struct {
		Package []struct {
			Name    string `toml:"name"`
			Version string `toml:"version"`
			Source  string `toml:"source"`
		} `toml:"package"`
	}
	if err := toml.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, p := range d.Package {
		add(inv, inventory.Package{Ecosystem: inventory.Cargo, Name: p.Name, Version: p.Version, FoundBy: "Cargo.lock"})
	}
	return nil
}

// gradleLock reads gradle.lockfile (docs.gradle.org, "Locking Versions"): group:artifact:version=configurations.
func gradleLock(b []byte, inv *inventory.Inventory) error {
	return lines(b, func(line string) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "empty=") {
			return
		}
		gav, _, _ := strings.Cut(line, "=")
		p := strings.Split(gav, ":")
		if len(p) != 3 {
			gap(inv, "gradle.lockfile", line, "not of the form group:artifact:version")
			return
		}
		add(inv, inventory.Package{Ecosystem: inventory.Maven, Name: p[0] + ":" + p[1], Version: p[2], FoundBy: "gradle.lockfile"})
	})
}

// npmDependency is one entry of version 1, which nests.
type npmDependency struct {
	Version      string                   `json:"version"`
	Dev          bool                     `json:"dev"`
	Dependencies map[string]npmDependency `json:"dependencies"`
}

// packageLock reads npm's package-lock.json (docs.npmjs.com, "package-lock.json"), lockfileVersion 1 to 3.
func packageLock(b []byte, inv *inventory.Inventory) error {
	var d struct {
		Version  int `json:"lockfileVersion"`
		Packages map[string]struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Dev     bool   `json:"dev"`
			Link    bool   `json:"link"`
		} `json:"packages"`
		Dependencies map[string]npmDependency `json:"dependencies"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if d.Version >= 2 {
		for where, p := range d.Packages {
			i := strings.LastIndex(where, "node_modules/")
			if i < 0 || p.Link {
				continue // the project itself and its workspaces
			}
			name := p.Name
			if name == "" {
				name = where[i+len("node_modules/"):]
			}
			addNPM(inv, name, p.Version, where, p.Dev)
		}
		return nil
	}
	type level struct {
		where string
		deps  map[string]npmDependency
	}
	for todo := []level{{"", d.Dependencies}}; len(todo) > 0; {
		l := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for name, dep := range l.deps {
			where := l.where + "node_modules/" + name
			addNPM(inv, name, dep.Version, where, dep.Dev)
			todo = append(todo, level{where + "/", dep.Dependencies})
		}
	}
	return nil
}

// addNPM adds one package; an alias ("npm:other@1.0.0") is what it stands for, and a file or repository has no version to compare.
func addNPM(inv *inventory.Inventory, name, version, where string, dev bool) {
	if alias, ok := strings.CutPrefix(version, "npm:"); ok {
		if i := strings.LastIndexByte(alias, '@'); i > 0 {
			name, version = alias[:i], alias[i+1:]
		}
	}
	if strings.ContainsAny(version, ":/") {
		gap(inv, "package-lock", name, "installed from "+version+", which has no version")
		return
	}
	add(inv, inventory.Package{Ecosystem: inventory.NPM, Name: name, Version: version, Location: where, Dev: dev, FoundBy: "package-lock"})
}
