// Package windows reads what is installed on Windows from its registry: the system and its build, updates, and programs of the machine and of its
// users.
package windows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
	"hinomi/internal/source/extract/regf"
)

const (
	systemFolder = "Windows/System32"
	softwareHive = "Windows/System32/config/SOFTWARE"
	versionKey   = `Microsoft\Windows NT\CurrentVersion`
)

// Sink takes what is found, and which database was read.
type Sink interface {
	kind.Sink
	// Database says that a package database was read from path.
	Database(path string)
}

// hive is an open hive with its file's name on the host.
type hive struct {
	*regf.Hive
	name  string // for fs.FS
	files []*host.File
}

func (h *hive) close() {
	for _, f := range h.files {
		f.Close()
	}
}

// place names a key of the hive as a location on the host.
func (h *hive) place(key string) string { return host.Path(h.name) + `\` + key }

// openHive opens a hive and its logs by the name of the hive, in any case. The error is fs.ErrNotExist if there is none.
func openHive(sys *host.Host, name string) (*hive, error) {
	real, err := find(sys, name)
	if err != nil {
		return nil, err
	}
	f, err := sys.Open(real)
	if err != nil {
		return nil, err
	}
	h := &hive{name: real, files: []*host.File{f}}
	var logs []regf.Log
	var lost []string
	for _, ext := range []string{".LOG", ".LOG1", ".LOG2"} {
		log, err := find(sys, real+ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var l *host.File
		if err == nil {
			l, err = sys.Open(log)
		}
		if err != nil {
			lost = append(lost, fmt.Sprintf("%s: %v", path.Base(real+ext), err))
			continue
		}
		h.files = append(h.files, l)
		logs = append(logs, regf.Log{Name: path.Base(log), Reader: l, Size: l.Size})
	}
	if h.Hive, err = regf.Open(f, f.Size, logs...); err != nil {
		h.close()
		return nil, errors.Join(append([]error{err}, asErrors(lost)...)...)
	}
	return h, nil
}

func asErrors(texts []string) []error {
	var out []error
	for _, t := range texts {
		out = append(out, errors.New(t))
	}
	return out
}

// find returns the name that a path has on the host, whatever its case there. The error is fs.ErrNotExist if there is none.
func find(sys *host.Host, name string) (string, error) {
	if _, err := fs.Stat(sys.FS(), name); err == nil {
		return name, nil
	}
	done := "."
	for part := range strings.SplitSeq(name, "/") {
		_, entries, err := sys.ReadDir(done)
		if err != nil {
			return "", err
		}
		next := ""
		for _, e := range entries {
			if strings.EqualFold(e.Name(), part) {
				next = e.Name()
				break
			}
		}
		if next == "" {
			return "", fs.ErrNotExist
		}
		done = path.Join(done, next)
	}
	return done, nil
}

// Identify says which Windows the host runs; the zero OS if it is none. With an error the system is Windows and its build is unknown.
func Identify(sys *host.Host) (inventory.OS, string, error) {
	if _, err := find(sys, systemFolder); err != nil {
		return inventory.OS{}, "", nil //nolint:nilerr // what cannot be listed is a gap of the walk
	}
	os := inventory.OS{ID: "windows", PrettyName: "Windows"}
	h, err := openHive(sys, softwareHive)
	if errors.Is(err, fs.ErrNotExist) {
		return os, host.Path(softwareHive), errors.New("a Windows root without a SOFTWARE hive: neither its build nor what is installed is known")
	}
	if err != nil {
		return os, host.Path(softwareHive), err
	}
	defer h.close()
	k, err := h.Key(versionKey)
	if err != nil {
		return os, h.place(versionKey), err
	}
	identify(k, &os)
	if os.Build == "" || os.VersionID == "" {
		return os, h.place(versionKey), fmt.Errorf("the build %q belongs to no release that is known here", os.Build)
	}
	return os, "", nil
}

// identify reads the key CurrentVersion.
func identify(k regf.Key, os *inventory.OS) {
	text := func(name string) string {
		s, err := k.Text(name)
		if err != nil {
			return ""
		}
		return s
	}
	if name := text("ProductName"); name != "" {
		os.PrettyName = name
		if v := text("DisplayVersion"); v != "" {
			os.PrettyName += " " + v
		}
	}
	build := text("CurrentBuild")
	if build == "" {
		build = text("CurrentBuildNumber")
	}
	if build == "" {
		return
	}
	version := text("CurrentVersion") // stays 6.3 since Windows 8.1
	if major, err := k.Uint32("CurrentMajorVersionNumber"); err == nil {
		minor, _ := k.Uint32("CurrentMinorVersionNumber") // 0 since Windows 10, also where it is not written
		version = fmt.Sprintf("%d.%d", major, minor)
	}
	os.Build = version + "." + build
	if ubr, err := k.Uint32("UBR"); err == nil { // update build revision, since Windows 8.1
		os.Build += fmt.Sprintf(".%d", ubr)
	}
	os.VersionID = release(build, strings.HasPrefix(text("InstallationType"), "Server") || strings.HasPrefix(text("EditionID"), "Server"))
	os.Arch = architecture(text("BuildLabEx"))
}

// release names the release of a build ("Windows Server release information" and "Windows 10 and 11 release information", Microsoft Learn).
func release(build string, server bool) string {
	for _, r := range []struct{ build, server, client string }{
		{"6003", "2008", ""},
		{"7601", "2008 R2", "7"},
		{"9200", "2012", "8"},
		{"9600", "2012 R2", "8.1"},
		{"14393", "2016", "10"},
		{"17763", "2019", "10"},
		{"20348", "2022", ""},
		{"25398", "23H2", ""},
		{"26100", "2025", "11"},
		{"10240", "", "10"},
		{"10586", "", "10"},
		{"15063", "", "10"},
		{"16299", "1709", "10"},
		{"17134", "1803", "10"},
		{"18362", "1903", "10"},
		{"18363", "1909", "10"},
		{"19041", "2004", "10"},
		{"19042", "20H2", "10"},
		{"19043", "", "10"},
		{"19044", "", "10"},
		{"19045", "", "10"},
		{"22000", "", "11"},
		{"22621", "", "11"},
		{"22631", "", "11"},
		{"26200", "", "11"},
	} {
		if r.build == build {
			if server {
				return r.server
			}
			return r.client
		}
	}
	return ""
}

// architecture takes the processor out of a build's label, such as "20348.859.amd64fre.fe_release_svc_prod2.220707-1832".
func architecture(label string) string {
	for part := range strings.SplitSeq(label, ".") {
		for _, kind := range []string{"fre", "chk"} {
			if arch, ok := strings.CutSuffix(part, kind); ok && arch != "" {
				return arch
			}
		}
	}
	return ""
}

// Read reads the installed updates and programs.
func Read(ctx context.Context, sys *host.Host, out Sink) error {
	if _, err := find(sys, systemFolder); err != nil {
		return nil //nolint:nilerr // no Windows
	}
	h, err := openHive(sys, softwareHive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // said by Identify
	}
	if err != nil {
		return fmt.Errorf("%s: %w", softwareHive, err)
	}
	defer h.close()
	report(h, out)
	out.Database(h.name)
	updates(ctx, h, out)
	framework(h, out)
	for _, view := range []string{"", `WOW6432Node\`} {
		programs(ctx, h, view+`Microsoft\Windows\CurrentVersion\Uninstall`, out)
	}
	if err := users(ctx, sys, out); err != nil {
		return err
	}
	return ctx.Err()
}

// report passes on what must be known about the read of a hive.
func report(h *hive, out Sink) {
	for _, g := range h.Gaps() {
		out.Gap(h.name, g)
	}
	for _, n := range h.Notes() {
		out.Note(host.Path(h.name) + ": " + n)
	}
}

// users reads the programs that users have installed for themselves.
func users(ctx context.Context, sys *host.Host, out Sink) error {
	folder, err := find(sys, "Users")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []fs.DirEntry
	if err == nil {
		_, names, err = sys.ReadDir(folder)
	}
	if err != nil {
		return fmt.Errorf("list the users: %w", err)
	}
	hives := []string{"Windows/System32/config/systemprofile/NTUSER.DAT"}
	for _, e := range names {
		if e.IsDir() {
			hives = append(hives, path.Join(folder, e.Name(), "NTUSER.DAT"))
		}
	}
	for _, name := range hives {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h, err := openHive(sys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			out.Gap(name, err.Error())
			continue
		}
		report(h, out)
		for _, view := range []string{"", `WOW6432Node\`} {
			programs(ctx, h, `Software\`+view+`Microsoft\Windows\CurrentVersion\Uninstall`, out)
		}
		h.close()
	}
	return nil
}
