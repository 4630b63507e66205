package subset

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Package is one package on the demo's disk, named as the advisories of its
// ecosystem name it.
type Package struct{ Ecosystem, Name, Version string }

// Installed reads the language packages below dir: Python's PKG-INFO and
// METADATA files (PyPA core metadata) and the build information of Go programs,
// whose standard library is the module "stdlib" as in the Go vulnerability
// database. It returns an error if there are none.
func Installed(dir string) ([]Package, error) {
	var all []Package
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		var found []Package
		switch parent := filepath.Base(filepath.Dir(name)); {
		case d.Name() == "METADATA" && strings.HasSuffix(parent, ".dist-info"),
			d.Name() == "PKG-INFO" && strings.HasSuffix(parent, ".egg-info"):
			found, err = pythonPackage(name)
		default:
			found, err = goModules(name)
		}
		all = append(all, found...)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no packages below %s", dir)
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Ecosystem+" "+a.Name, b.Ecosystem+" "+b.Name) })
	return slices.Compact(all), err
}

// separators are the runs that PEP 503 makes one hyphen.
var separators = regexp.MustCompile(`[-_.]+`)

func normalized(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

func pythonPackage(name string) ([]Package, error) {
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	p := Package{Ecosystem: "PyPI"}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			break // the header ends at the first empty line
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Name":
			p.Name = normalized(value)
		case "Version":
			p.Version = value
		}
	}
	if p.Name == "" || p.Version == "" {
		return nil, fmt.Errorf("%s: no name or version", name)
	}
	return []Package{p}, nil
}

func goModules(name string) ([]Package, error) {
	raw, err := readFile(name)
	if err != nil || !bytes.HasPrefix(raw, []byte("\x7fELF")) {
		return nil, err // not a program
	}
	info, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read build information of %s: %w", name, err)
	}
	version, ok := strings.CutPrefix(info.GoVersion, "go")
	if !ok {
		return nil, errors.New(name + ": Go version " + info.GoVersion)
	}
	all := []Package{{"Go", "stdlib", version}}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Path != "" {
			m = m.Replace
		}
		all = append(all, Package{"Go", m.Path, m.Version})
	}
	return all, nil
}

func readFile(name string) ([]byte, error) {
	return os.ReadFile(name) //nolint:gosec // the tool reads what its user names
}
