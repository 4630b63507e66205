package export

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/inventory"
)

// The parts of SPDX 2.3 (SPDX specification, clauses 6 to 11) that are written.
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		License       string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Comment       string             `json:"comment,omitempty"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"name"`
		Version   string         `json:"versionInfo,omitempty"`
		Download  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		Purpose   string         `json:"primaryPackagePurpose,omitempty"`
		Source    string         `json:"sourceInfo,omitempty"`
		Checksums []spdxChecksum `json:"checksums,omitempty"`
		Refs      []spdxRef      `json:"externalRefs,omitempty"`
		Comment   string         `json:"comment,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
		Comment  string `json:"comment,omitempty"`
	}
	spdxRelationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

// The host as a whole and its system. Trivy knows a system by how its identifier begins.
const (
	spdxRoot   = "SPDXRef-Root"
	spdxSystem = "SPDXRef-OperatingSystem"
)

// SPDX writes the packages as an SPDX 2.3 document in JSON. What was found in a package stands in its external references of the category
// SECURITY, type advisory (annex K, "How To Use SPDX to Communicate Security Information"). What SPDX has no field for, such as the place of a
// package and what could not be read, stands in comments that begin with "hinomi:" and hold a JSON object; hinomi reads it back.
func SPDX(w io.Writer, d *Document) error {
	inv := d.listed()
	name := d.Target
	if name == "" {
		name = "findings"
	}
	out := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name, Namespace: "https://spdx.org/spdxdocs/hinomi-" + d.digest(),
		Creation: spdxCreation{stamp(d.Now), []string{"Tool: hinomi-" + d.Version}}, Packages: []spdxPackage{}, Relationships: []spdxRelationship{},
	}
	comment, err := said(map[string]any{
		"covered": inv.Covered, "gaps": inv.Gaps, "kernel": inv.Kernel, "repositories": inv.Repos, "notAssessed": d.NotAssessed,
	})
	if err != nil {
		return err
	}
	out.Comment = comment
	out.Packages = append(out.Packages, spdxPackage{ID: spdxRoot, Name: name, Download: "NOASSERTION"})
	out.Relationships = append(out.Relationships, spdxRelationship{out.ID, "DESCRIBES", spdxRoot})
	own, _ := inv.OS.Ecosystem()
	if inv.OS.Known() {
		system, err := spdxSystemPackage(inv.OS)
		if err != nil {
			return err
		}
		out.Packages = append(out.Packages, system)
		out.Relationships = append(out.Relationships, spdxRelationship{spdxRoot, "CONTAINS", spdxSystem})
	}
	against := d.against()
	for i := range inv.Packages {
		p, err := spdxOf(i, &inv.Packages[i])
		if err != nil {
			return err
		}
		p.Refs = append(p.Refs, against[keyOf(&inv.Packages[i])]...)
		out.Packages = append(out.Packages, p)
		holder := spdxRoot
		if inv.OS.Known() && inv.Packages[i].Ecosystem == own {
			holder = spdxSystem
		}
		out.Relationships = append(out.Relationships, spdxRelationship{holder, "CONTAINS", p.ID})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write SPDX: %w", err)
	}
	return nil
}

// said writes a comment that hinomi reads back.
func said(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write SPDX: %w", err)
	}
	return "hinomi:" + string(b), nil
}

func spdxSystemPackage(os inventory.OS) (spdxPackage, error) {
	p := spdxPackage{ID: spdxSystem, Name: os.ID, Version: os.VersionID, Download: "NOASSERTION", Purpose: "OPERATING_SYSTEM"} // as the JSON schema spells it
	if os.CPE != "" {
		kind := "cpe22Type"
		if strings.HasPrefix(os.CPE, "cpe:2.3:") {
			kind = "cpe23Type"
		}
		p.Refs = []spdxRef{{Category: "SECURITY", Type: kind, Locator: os.CPE}}
	}
	info := map[string]string{}
	for k, v := range map[string]string{"prettyName": os.PrettyName, "codename": os.Codename, "arch": os.Arch, "build": os.Build, "idLike": os.IDLike} {
		if v != "" {
			info[k] = v
		}
	}
	if os.Pro {
		info["ubuntuPro"] = "true"
	}
	var err error
	p.Comment, err = said(info)
	return p, err
}

func spdxOf(i int, p *inventory.Package) (spdxPackage, error) {
	out := spdxPackage{ID: "SPDXRef-Package-" + strconv.Itoa(i), Name: p.Name, Version: p.Version, Download: "NOASSERTION", Purpose: "LIBRARY"}
	if p.PURL != "" {
		out.Refs = []spdxRef{{Category: "PACKAGE-MANAGER", Type: "purl", Locator: p.PURL}}
	}
	if p.SourceName != "" {
		v := p.SourceVersion
		if v == "" {
			v = p.Version
		}
		out.Source = "built package from: " + p.SourceName + " " + v // the words that Trivy writes and reads
	}
	if p.SHA1 != "" {
		out.Checksums = []spdxChecksum{{"SHA1", p.SHA1}}
	}
	info := map[string]string{}
	for k, v := range map[string]string{
		"ecosystem": string(p.Ecosystem), "foundBy": p.FoundBy, "location": p.Location, "arch": p.Arch, "sourceName": p.SourceName, "sourceVersion": p.SourceVersion,
		"module": p.Module, "vendor": p.Vendor, "repository": p.Repository, "status": p.Status, "ownedBy": p.OwnedBy, "parent": p.Parent, "sha1": p.SHA1,
	} {
		if v != "" {
			info[k] = v
		}
	}
	if p.Dev {
		info["dev"] = "true"
	}
	var err error
	out.Comment, err = said(info)
	return out, err
}

// against says what is known against each package: its advisories, active ones only.
func (d *Document) against() map[packageKey][]spdxRef {
	out := map[packageKey][]spdxRef{}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Package == nil || f.Status != "ACTIVE" && f.Status != "" || page(f) == "" {
			continue
		}
		for j := range f.Package.Packages {
			p := &f.Package.Packages[j]
			ref := spdxRef{Category: "SECURITY", Type: "advisory", Locator: page(f), Comment: f.Package.VulnerabilityID + " " + string(f.Severity)}
			if k := keyOfVulnerable(p); !slices.Contains(out[k], ref) {
				out[k] = append(out[k], ref)
			}
		}
	}
	return out
}
