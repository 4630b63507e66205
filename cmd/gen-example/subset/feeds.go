// Package subset cuts out of complete advisory feeds the real documents that
// concern a few packages, with a manifest that carries over their origin.
package subset

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// products are the names under which endoflife.date keeps the operating
// systems of the example's images.
var products = []string{"almalinux", "amazon-linux", "debian", "ubuntu", "windows-server"}

// subset is the state of one cut through the complete feeds.
type subset struct {
	in       string
	files    map[string][]byte
	packages []Package
	source   map[string]map[string]any // the source's manifest entries by file
	entries  []map[string]any
	cves     map[string]bool // of the advisories that affect a package on the disk
	findings [][]string      // ecosystem, package, version, advisory
}

// Input is what the subset is made of.
type Input struct {
	Feeds     string // folder of complete feeds
	Disk      string // folder with the files of the demo's disk
	Packages  string // packages.tsv: the operating system's packages on the disk
	Reference string // findings of osv-scanner for a list that holds those packages, as ecosystem, package, version and advisory
}

// Files takes from the complete feeds the documents that concern the disk:
// every OSV document of Go, PyPI and AlmaLinux that names a package there (also
// where its version is not affected), and what the other feeds say of the CVEs
// of those that affect one. Documents are copied whole. It returns the files by
// their slash-separated names: feeds/… in the layout of the complete feeds,
// with a MANIFEST.json of their own, and expected-findings.tsv, the packages
// that are affected: those of Go and PyPI by the version order of osv-scalibr,
// those of AlmaLinux as the reference has them. A source whose licence does not
// let us ship it is an error.
func Files(in Input) (map[string][]byte, error) {
	packages, err := Installed(in.Disk)
	if err != nil {
		return nil, fmt.Errorf("read packages: %w", err)
	}
	system, err := Listed(in.Packages)
	if err != nil {
		return nil, fmt.Errorf("read the list of packages: %w", err)
	}
	s := &subset{in: in.Feeds, files: map[string][]byte{}, packages: packages, cves: map[string]bool{}}
	steps := []func() error{
		s.readManifest,
		func() error { return s.osv("Go") },
		func() error { return s.osv("PyPI") },
		func() error { return s.errata(system, in.Reference) },
		s.vulnrichment, s.kev, s.epss, s.endOfLife, s.writeManifest,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	s.writeFindings()
	return s.files, nil
}

func (s *subset) readManifest() error {
	raw, err := readFile(filepath.Join(s.in, "MANIFEST.json"))
	if err != nil {
		return err
	}
	var m struct {
		Entries []map[string]any `json:"entries"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	s.source = map[string]map[string]any{}
	for _, e := range m.Entries {
		name, _ := e["file"].(string)
		s.source[name] = e
	}
	return nil
}

func (s *subset) osv(ecosystem string) error {
	file := path.Join("osv", ecosystem, "all.zip")
	total := 0
	kept, err := pickZip(filepath.Join(s.in, file), func(name string, raw []byte) (bool, error) {
		total++
		r, err := ParseRecord(raw)
		if err != nil {
			return false, fmt.Errorf("read %s: %w", name, err)
		}
		keep := false
		for _, p := range s.packages {
			if !r.Names(p) {
				continue
			}
			keep = true
			hit, err := r.Affects(p)
			if err != nil {
				return false, err
			}
			if hit {
				s.findings = append(s.findings, []string{p.Ecosystem, p.Name, p.Version, r.ID})
				for _, id := range r.cves(false) {
					s.cves[id] = true
				}
			}
		}
		return keep, nil
	})
	if err != nil {
		return err
	}
	return s.put(file, kept.zip, kept.count, fmt.Sprintf("only the documents that name a package on the demo's disk (of %d); documents whole", total))
}

func (s *subset) vulnrichment() error {
	const file = "cve/vulnrichment-subset.zip"
	kept, err := pickZip(filepath.Join(s.in, file), func(name string, _ []byte) (bool, error) {
		return s.cves[strings.TrimSuffix(path.Base(name), ".json")], nil
	})
	if err != nil {
		return err
	}
	return s.put(file, kept.zip, kept.count, s.ofCVEs())
}

func (s *subset) ofCVEs() string {
	return fmt.Sprintf("only for the %d CVEs of the advisories that affect a package on the demo's disk", len(s.cves))
}

func (s *subset) kev() error {
	const file = "kev/known_exploited_vulnerabilities.json"
	raw, err := readFile(filepath.Join(s.in, file))
	if err != nil {
		return err
	}
	var catalogue struct {
		Title   string            `json:"title"`
		Version string            `json:"catalogVersion"`
		Date    string            `json:"dateReleased"`
		Count   int               `json:"count"`
		Entries []json.RawMessage `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(raw, &catalogue); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	kept := []json.RawMessage{}
	for _, e := range catalogue.Entries {
		var id struct {
			CVE string `json:"cveID"`
		}
		if err := json.Unmarshal(e, &id); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if s.cves[id.CVE] {
			kept = append(kept, e)
		}
	}
	total := len(catalogue.Entries)
	catalogue.Entries, catalogue.Count = kept, len(kept)
	cut, err := json.MarshalIndent(catalogue, "", "  ")
	if err != nil {
		return err
	}
	return s.put(file, append(cut, '\n'), len(kept), fmt.Sprintf("%s (of %d); entries whole, count adjusted", s.ofCVEs(), total))
}

func (s *subset) epss() error {
	const file = "epss/epss_kev_subset.csv"
	raw, err := readFile(filepath.Join(s.in, file))
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if len(rows) == 0 || rows[0][0] != "CVE" {
		return fmt.Errorf("read %s: no header", file)
	}
	kept := rows[:1]
	for _, row := range rows[1:] {
		if s.cves[row[0]] {
			kept = append(kept, row)
		}
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(kept); err != nil {
		return err
	}
	return s.put(file, b.Bytes(), len(kept)-1, s.ofCVEs())
}

func (s *subset) endOfLife() error {
	const file = "eol/endoflife-products.zip"
	kept, err := pickZip(filepath.Join(s.in, file), func(name string, _ []byte) (bool, error) {
		return slices.Contains(products, strings.TrimSuffix(path.Base(name), path.Ext(name))), nil
	})
	if err != nil {
		return err
	}
	return s.put(file, kept.zip, kept.count, "only the operating systems of the example's images; documents whole")
}

// put writes one file and its manifest entry, which carries over origin,
// commit and licence of the source's entry.
func (s *subset) put(file string, data []byte, count int, note string) error {
	from, ok := s.source[file]
	if !ok {
		return fmt.Errorf("%s is not in the source's manifest", file)
	}
	e := map[string]any{}
	for _, key := range []string{"upstream_name", "canonical_feed", "format", "licence", "repository", "ref", "commit", "commit_date", "newest"} {
		if v, ok := from[key]; ok {
			e[key] = v
		}
	}
	if lic, _ := e["licence"].(string); lic == "" || strings.Contains(lic, "-SA") || strings.Contains(lic, "no licence") {
		return fmt.Errorf("%s: its licence %q does not let us ship it", file, lic)
	}
	sum := sha256.Sum256(data)
	e["file"], e["bytes"], e["sha256"] = file, len(data), hex.EncodeToString(sum[:])
	e["count"], e["complete"] = count, false
	e["note"] = strings.TrimSpace("SUBSET for the demo: " + note + ". " + text(from["note"]))
	s.entries = append(s.entries, e)
	s.files[path.Join("feeds", file)] = data
	return nil
}

func text(v any) string {
	t, _ := v.(string)
	return t
}

func (s *subset) writeManifest() error {
	total := 0
	for _, e := range s.entries {
		total += e["bytes"].(int)
	}
	m := map[string]any{
		"purpose":     "subset for the demo: real advisory documents that concern the disk examples/disk/shop-web-01.img.gz",
		"files":       len(s.entries),
		"total_bytes": total,
		"cves":        slices.Sorted(maps.Keys(s.cves)),
		"entries":     s.entries,
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	s.files["feeds/MANIFEST.json"] = append(raw, '\n')
	return nil
}

func (s *subset) writeFindings() {
	slices.SortFunc(s.findings, slices.Compare)
	var b strings.Builder
	b.WriteString("# ecosystem\tpackage\tversion\tadvisory\n")
	for _, f := range slices.CompactFunc(s.findings, slices.Equal) {
		f[0], _, _ = strings.Cut(f[0], ":") // the disk has one release
		b.WriteString(strings.Join(f, "\t") + "\n")
	}
	s.files["expected-findings.tsv"] = []byte(b.String())
}
