package sbom

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// osvScanner reads the JSON that osv-scanner writes and, with the extension .osv-scanner.json, reads: packages by OSV ecosystem.
func osvScanner(b []byte, d *document) error {
	seen := false
	err := jsontree.Members(b, func(key string, v []byte) error {
		if key != "results" {
			return nil
		}
		seen = true
		return jsontree.Elements(v, func(v []byte) error {
			return jsontree.Members(v, func(key string, v []byte) error {
				if key != "packages" {
					return nil
				}
				return jsontree.Elements(v, d.osvEntry)
			})
		})
	})
	if err == nil && !seen {
		return fmt.Errorf("%w: it has no results", ErrFormat)
	}
	return err
}

// osvEntry reads one member of "packages": the package, and what osv-scanner found in it, which is not read.
func (d *document) osvEntry(b []byte) error {
	return jsontree.Members(b, func(key string, v []byte) error {
		if key != "package" {
			return nil
		}
		var e struct{ Name, Version, Ecosystem, Commit string }
		if err := jsontree.Decode(v, &e); err != nil {
			return err
		}
		base, release, _ := strings.Cut(e.Ecosystem, ":")
		p := inventory.Package{Ecosystem: inventory.Ecosystem(base), Name: e.Name, Version: e.Version}
		if bySource(p.Ecosystem) {
			p.SourceName = e.Name // osv-scanner writes the name by which OSV is asked
		}
		if base == "" {
			d.gap(e.Name+e.Commit, "the package has no ecosystem")
			return nil
		}
		if s, ok := systemOf(p.Ecosystem); ok {
			os := inventory.OS{ID: s.id, VersionID: versionID(s.id, release), Pro: strings.HasPrefix(release, "Pro:")}
			if p.Ecosystem == inventory.OpenSUSE && release == "Tumbleweed" {
				os = inventory.OS{ID: "opensuse-tumbleweed"}
			}
			if !d.setOS(os) {
				d.gap(p.Name, fmt.Sprintf("it is of %s, the inventory of %s %s", e.Ecosystem, d.inv.OS.ID, d.inv.OS.VersionID))
				return nil
			}
		}
		return d.add(p)
	})
}

// versionID returns the os-release VERSION_ID for a release as OSV names it.
func versionID(id, release string) string {
	switch id {
	case "alpine":
		return strings.TrimPrefix(release, "v")
	case "ubuntu":
		r, _, _ := strings.Cut(strings.TrimPrefix(release, "Pro:"), ":")
		return r
	case "opensuse-leap":
		return strings.TrimPrefix(release, "Leap ")
	case "sles":
		f := strings.Fields(release)
		for i, w := range f {
			if sp, ok := strings.CutPrefix(w, "SP"); ok && i > 0 {
				sp, _, _ = strings.Cut(sp, "-")
				return f[i-1] + "." + sp
			}
		}
		if len(f) > 0 {
			return f[len(f)-1]
		}
	case "rhel":
		p := strings.Split(release, ":")
		if len(p) > 1 {
			return p[1]
		}
	}
	return release
}
