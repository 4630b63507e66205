package sbom

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// spdxPackage is a package of an SPDX document, whatever its version and form.
type spdxPackage struct {
	id, name, version, purpose, source string
	purls                              []string
	info                               map[string]string // what hinomi wrote in the comment of it
}

// spdxDocument gathers packages until it is known which of them are what the document is about.
type spdxDocument struct {
	*document
	packages []spdxPackage
	subjects map[string]bool
	gapsSaid []inventory.Gap // what hinomi wrote that it could not read
}

func newSPDX(d *document) *spdxDocument {
	return &spdxDocument{document: d, subjects: map[string]bool{}}
}

// take takes a package.
func (d *spdxDocument) take(p spdxPackage) error {
	if len(d.packages) >= MaxPackages {
		return tooMany()
	}
	d.packages = append(d.packages, p)
	return nil
}

// place places all that was taken, the system first.
func (d *spdxDocument) place() error {
	for _, p := range d.packages {
		if !isSystem(p.purpose) || p.name == "" {
			continue
		}
		os := inventory.OS{ID: strings.ToLower(p.name), VersionID: p.version}
		if s, ok := systemNamed(p.name); ok {
			os.ID = s.id
		}
		os.PrettyName, os.Codename, os.Arch, os.Build, os.Pro = p.info["prettyName"], p.info["codename"], p.info["arch"], p.info["build"], p.info["ubuntuPro"] == "true"
		if !d.setOS(os) {
			d.gap("operating system "+os.ID+" "+os.VersionID, d.otherSystem(os))
		}
	}
	for i := range d.packages {
		if err := d.placePackage(&d.packages[i]); err != nil {
			return err
		}
	}
	for _, g := range d.gapsSaid {
		d.gap(g.Path, g.Reason)
	}
	return nil
}

func isSystem(purpose string) bool {
	return purpose == "OPERATING-SYSTEM" || purpose == "OPERATING_SYSTEM" || purpose == "operatingSystem"
}

// placePackage adds a package by its package URL. The one thing that the document is about, containers, files and what only groups others are no packages
// of the host; anything else without a package URL is a gap.
func (d *spdxDocument) placePackage(p *spdxPackage) error {
	if p.info["ecosystem"] != "" {
		return d.add(p.own())
	}
	subject := d.subjects[p.id] && len(d.subjects) == 1
	for _, u := range p.purls {
		if _, _, err := fromPURL(u); err != nil && subject {
			continue // a repository or an image, which is no package
		}
		if err := d.addPURL(u, p.complete); err != nil {
			return err
		}
	}
	if len(p.purls) > 0 || subject || isSystem(p.purpose) {
		return nil
	}
	switch strings.ToLower(p.purpose) {
	case "container", "file", "data", "source", "archive":
		return nil
	case "application":
		if p.version == "" || p.version == "NOASSERTION" {
			return nil // a lock file or program that holds the others
		}
	}
	d.gap(strings.TrimSpace(p.name+" "+p.version), "the package has no package URL: its ecosystem is not known")
	return nil
}

// own restores a package that hinomi wrote.
func (p *spdxPackage) own() inventory.Package {
	i := p.info
	out := inventory.Package{
		Ecosystem: inventory.Ecosystem(i["ecosystem"]), Name: p.name, Version: p.version, Location: i["location"], SHA1: i["sha1"],
		FoundBy: i["foundBy"], Arch: i["arch"], SourceName: i["sourceName"], SourceVersion: i["sourceVersion"], Module: i["module"], Vendor: i["vendor"],
		Repository: i["repository"], Status: i["status"], OwnedBy: i["ownedBy"], Parent: i["parent"], Dev: i["dev"] == "true",
	}
	if len(p.purls) > 0 {
		out.PURL = p.purls[0]
	}
	return out
}

// complete adds the source package, which Trivy writes into sourceInfo: "built package from: openssl 3.0.20-1".
func (p *spdxPackage) complete(out *inventory.Package) {
	text, ok := strings.CutPrefix(p.source, "built package from: ")
	if f := strings.Fields(text); ok && len(f) > 0 && out.SourceName == "" {
		out.SourceName = f[0]
		if len(f) > 1 && f[1] != out.Version {
			out.SourceVersion = f[1]
		}
	}
}

// comment reads what hinomi writes into comments: "hinomi:" and a JSON object of texts. Other comments mean nothing here.
func (p *spdxPackage) comment(text string) {
	rest, ok := strings.CutPrefix(text, "hinomi:")
	if !ok || len(rest) > 64<<10 {
		return
	}
	info := map[string]string{}
	if jsontree.Decode([]byte(rest), &info) == nil {
		p.info = info
	}
}

// documentComment reads what hinomi writes of the whole inventory.
func (d *spdxDocument) documentComment(text string) error {
	rest, ok := strings.CutPrefix(text, "hinomi:")
	if !ok {
		return nil
	}
	var w struct {
		Covered []string         `json:"covered"`
		Gaps    []inventory.Gap  `json:"gaps"`
		Kernel  inventory.Kernel `json:"kernel"`
		Repos   []inventory.Repo `json:"repositories"`
	}
	if err := jsontree.Decode([]byte(rest), &w); err != nil {
		return fmt.Errorf("the comment of the document: %w", err)
	}
	d.inv.Covered, d.inv.Kernel, d.inv.Repos, d.gapsSaid = w.Covered, w.Kernel, w.Repos, w.Gaps
	return nil
}
