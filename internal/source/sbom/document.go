package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"hinomi/internal/inventory"
)

// cycloneDX reads a CycloneDX bill of materials in JSON (ECMA-424, 1.4 to 1.7).
func cycloneDX(b []byte, inv *inventory.Inventory) error {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(b), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if bom.BOMFormat != "CycloneDX" {
		return fmt.Errorf("%w: bomFormat %q", ErrFormat, bom.BOMFormat)
	}
	var todo []cdx.Component
	if bom.Metadata != nil && bom.Metadata.Component != nil {
		c := *bom.Metadata.Component
		if c.Type != cdx.ComponentTypeOS {
			c.PackageURL = "" // the subject itself is not a package of the host
		}
		todo = append(todo, c)
	}
	if bom.Components != nil {
		todo = append(todo, *bom.Components...)
	}
	for _, c := range todo { // the system first: packages are judged by it
		cycloneOS(&c, inv)
	}
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.Components != nil {
			todo = append(todo, *c.Components...)
		}
		cycloneComponent(&c, inv)
	}
	return nil
}

func cycloneOS(c *cdx.Component, inv *inventory.Inventory) {
	if c.Type != cdx.ComponentTypeOS {
		return
	}
	if s, ok := systemNamed(c.Name); ok {
		setOS(inv, inventory.OS{ID: s.id, VersionID: c.Version, PrettyName: c.Description}, "cyclonedx")
		return
	}
	setOS(inv, inventory.OS{ID: strings.ToLower(c.Name), VersionID: c.Version, PrettyName: c.Description}, "cyclonedx")
}

// cycloneComponent adds a component that is a package. Files, devices and services are no packages; a library without a package URL is a gap.
func cycloneComponent(c *cdx.Component, inv *inventory.Inventory) {
	switch {
	case c.PackageURL != "":
		addPURL(inv, c.PackageURL, "cyclonedx")
	case c.Type == cdx.ComponentTypeLibrary || c.Type == cdx.ComponentTypeFramework:
		gap(inv, "cyclonedx", c.Name+" "+c.Version, "the component has no package URL: its ecosystem is not known")
	}
}

// spdx2 reads an SPDX 2.2 or 2.3 document in JSON.
func spdx2(b []byte, inv *inventory.Inventory) error {
	var d struct {
		Version  string `json:"spdxVersion"`
		Packages []struct {
			ID      string `json:"SPDXID"`
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
			Purpose string `json:"primaryPackagePurpose"`
			Refs    []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
		Describes     []string `json:"documentDescribes"`
		Relationships []struct {
			From string `json:"spdxElementId"`
			To   string `json:"relatedSpdxElement"`
			Type string `json:"relationshipType"`
		} `json:"relationships"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if !strings.HasPrefix(d.Version, "SPDX-2.") {
		return fmt.Errorf("%w: %s", ErrUnknown, d.Version)
	}
	subject := map[string]bool{}
	for _, id := range d.Describes {
		subject[id] = true
	}
	for _, r := range d.Relationships {
		if r.Type == "DESCRIBES" {
			subject[r.To] = true
		}
	}
	for _, p := range d.Packages {
		if p.Purpose == "OPERATING-SYSTEM" {
			if s, ok := systemNamed(p.Name); ok {
				setOS(inv, inventory.OS{ID: s.id, VersionID: p.Version}, "spdx")
			}
		}
	}
	for _, p := range d.Packages {
		found := false
		for _, r := range p.Refs {
			if r.Type == "purl" {
				found = true
				addPURL(inv, r.Locator, "spdx")
			}
		}
		if !found && !subject[p.ID] && p.Purpose != "OPERATING-SYSTEM" && p.Purpose != "CONTAINER" && p.Purpose != "FILE" {
			gap(inv, "spdx", p.Name+" "+p.Version, "the package has no package URL: its ecosystem is not known")
		}
	}
	return nil
}

// spdx3 reads an SPDX 3.0 document in JSON-LD, as its own serialization writes it: a flat @graph.
func spdx3(b []byte, inv *inventory.Inventory) error {
	var d struct {
		Graph []struct {
			Type string `json:"type"`
			Name string `json:"name"`
			Ver  string `json:"software_packageVersion"`
			PURL string `json:"software_packageUrl"`
			IDs  []struct {
				Type string `json:"externalIdentifierType"`
				ID   string `json:"identifier"`
			} `json:"externalIdentifier"`
		} `json:"@graph"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, e := range d.Graph {
		if e.Type != "software_Package" {
			continue
		}
		purl := e.PURL
		for _, id := range e.IDs {
			if purl == "" && (id.Type == "packageUrl" || id.Type == "purl") {
				purl = id.ID
			}
		}
		if purl == "" {
			gap(inv, "spdx", e.Name+" "+e.Ver, "the package has no package URL: its ecosystem is not known")
			continue
		}
		addPURL(inv, purl, "spdx")
	}
	return nil
}

// osvScanner reads the JSON that osv-scanner writes and, with the extension .osv-scanner.json, reads: packages by OSV ecosystem.
func osvScanner(b []byte, inv *inventory.Inventory) error {
	var d struct {
		Results []struct {
			Packages []struct {
				Package struct {
					Name      string `json:"name"`
					Version   string `json:"version"`
					Ecosystem string `json:"ecosystem"`
					Commit    string `json:"commit"`
				} `json:"package"`
			} `json:"packages"`
		} `json:"results"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, r := range d.Results {
		for _, e := range r.Packages {
			base, release, _ := strings.Cut(e.Package.Ecosystem, ":")
			p := inventory.Package{Ecosystem: inventory.Ecosystem(base), Name: e.Package.Name, Version: e.Package.Version, FoundBy: "osv-scanner"}
			if base == "" {
				gap(inv, "osv-scanner", e.Package.Name+e.Package.Commit, "the package has no ecosystem")
				continue
			}
			if s, ok := systemOf(p.Ecosystem); ok {
				os := inventory.OS{ID: s.id, VersionID: versionID(s.id, release)}
				if !setOS(inv, os, "osv-scanner") {
					gap(inv, "osv-scanner", p.Name, fmt.Sprintf("it is of %s, the inventory of %s %s", e.Package.Ecosystem, inv.OS.ID, inv.OS.VersionID))
					continue
				}
			}
			add(inv, p)
		}
	}
	return nil
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
