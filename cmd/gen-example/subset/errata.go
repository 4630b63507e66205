package subset

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// release is the operating system of the demo's disk, as OSV names it.
const release = "AlmaLinux:10"

// Listed reads packages.tsv, of which the demo's package database is made:
// name, [epoch:]version-release, architecture and source package. It returns
// an error if a line has another form or a name stands there twice.
func Listed(name string) ([]Package, error) {
	rows, err := columns(name)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var all []Package
	for _, f := range rows {
		if seen[f[0]] || !strings.HasSuffix(f[3], ".src.rpm") {
			return nil, fmt.Errorf("%s: package %s: twice, or no source package", name, f[0])
		}
		seen[f[0]] = true
		all = append(all, Package{release, f[0], f[1]})
	}
	return all, nil
}

// columns reads a file of four columns separated by tabs; a line that begins
// with # is a comment.
func columns(name string) ([][]string, error) {
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) != 4 || slices.Contains(f, "") {
			return nil, fmt.Errorf("%s: line %q: want four columns", name, line)
		}
		rows = append(rows, f)
	}
	if len(rows) == 0 {
		return nil, errors.New(name + " is empty")
	}
	return rows, nil
}

// errata takes AlmaLinux's advisories for the release that name one of the
// packages. Which of them affect one is not computed here: the reference says
// it, where the package has the version of the list.
func (s *subset) errata(packages []Package, reference string) error {
	rows, err := columns(reference)
	if err != nil {
		return err
	}
	affecting := map[string]bool{}
	for _, f := range rows {
		if slices.Contains(packages, Package{f[0], f[1], f[2]}) {
			affecting[f[3]] = true
			s.findings = append(s.findings, f)
		}
	}
	file := path.Join("osv", "AlmaLinux", "all.zip")
	total := 0
	kept, err := pickZip(filepath.Join(s.in, file), func(name string, raw []byte) (bool, error) {
		total++
		r, err := ParseRecord(raw)
		if err != nil {
			return false, fmt.Errorf("read %s: %w", name, err)
		}
		if !slices.ContainsFunc(packages, r.Names) {
			return false, nil
		}
		if affecting[r.ID] {
			delete(affecting, r.ID)
			for _, id := range r.cves(true) {
				s.cves[id] = true
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if len(affecting) > 0 {
		return fmt.Errorf("%s has findings by advisories that the feed does not have: %v", reference, affecting)
	}
	return s.put(file, kept.zip, kept.count, fmt.Sprintf("only the documents that name a package of the demo's disk in %s (of %d); documents whole", release, total))
}
