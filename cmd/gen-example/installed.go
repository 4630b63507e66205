package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// installed is one package on the demo's disk, named as the advisories of its
// ecosystem name it.
type installed struct{ ecosystem, name, version string }

// installedIn reads the language packages below dir: Python's PKG-INFO and
// METADATA files (PyPA core metadata) and the build information of Go programs,
// whose standard library is the module "stdlib" as in the Go vulnerability
// database. It returns an error if there are none.
func installedIn(dir string) ([]installed, error) {
	var all []installed
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		var found []installed
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
	slices.SortFunc(all, func(a, b installed) int { return strings.Compare(a.ecosystem+" "+a.name, b.ecosystem+" "+b.name) })
	return slices.Compact(all), err
}

// separators are the runs that PEP 503 makes one hyphen.
var separators = regexp.MustCompile(`[-_.]+`)

func normalized(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

func pythonPackage(name string) ([]installed, error) {
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	p := installed{ecosystem: "PyPI"}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			break // the header ends at the first empty line
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Name":
			p.name = normalized(value)
		case "Version":
			p.version = value
		}
	}
	if p.name == "" || p.version == "" {
		return nil, fmt.Errorf("%s: no name or version", name)
	}
	return []installed{p}, nil
}

func goModules(name string) ([]installed, error) {
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
	all := []installed{{"Go", "stdlib", version}}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Path != "" {
			m = m.Replace
		}
		all = append(all, installed{"Go", m.Path, strings.TrimPrefix(m.Version, "v")})
	}
	return all, nil
}
