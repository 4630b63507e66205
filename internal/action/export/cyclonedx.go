// Package export writes what hinomi knows in forms that other tools read.
package export

import (
	"fmt"
	"io"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"hinomi/internal/inventory"
)

// CycloneDX writes an inventory as a CycloneDX 1.6 JSON document: one component per package, with its purl, where it lies and how it was found.
// What could not be read stands in the properties hinomi:gap, since a list without them would look complete.
func CycloneDX(w io.Writer, inv *inventory.Inventory, version string) error {
	bom := cdx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.Metadata = &cdx.Metadata{
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "hinomi", Version: version}}},
		Component: &cdx.Component{BOMRef: "root", Type: cdx.ComponentTypeOS, Name: system(inv.OS), Version: inv.OS.VersionID},
	}
	if !inv.ReadAt.IsZero() {
		bom.Metadata.Timestamp = inv.ReadAt.UTC().Format("2006-01-02T15:04:05Z")
	}
	var props []cdx.Property
	for _, c := range inv.Covered {
		props = append(props, cdx.Property{Name: "hinomi:covered", Value: c})
	}
	for _, g := range inv.Gaps {
		props = append(props, cdx.Property{Name: "hinomi:gap", Value: g.Path + ": " + g.Reason})
	}
	bom.Metadata.Properties = &props
	components := make([]cdx.Component, 0, len(inv.Packages)+1)
	if inv.OS.Known() {
		components = append(components, cdx.Component{
			BOMRef: "os", Type: cdx.ComponentTypeOS, Name: inv.OS.ID, Version: inv.OS.VersionID, CPE: inv.OS.CPE, Description: inv.OS.PrettyName,
		})
	}
	for i := range inv.Packages {
		components = append(components, component(i, &inv.Packages[i]))
	}
	bom.Components = &components
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	if err := e.Encode(bom); err != nil { // EncodeVersion copies the document, for fields newer than 1.6: here are none
		return fmt.Errorf("write CycloneDX: %w", err)
	}
	return nil
}

func system(os inventory.OS) string {
	if os.Known() {
		return os.ID
	}
	return "unknown"
}

func component(i int, p *inventory.Package) cdx.Component {
	c := cdx.Component{
		BOMRef: fmt.Sprintf("pkg-%d", i), Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL,
		Evidence: &cdx.Evidence{Occurrences: &[]cdx.EvidenceOccurrence{{Location: p.Location}}},
	}
	if p.SHA1 != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA1, Value: p.SHA1}}
	}
	props := []cdx.Property{{Name: "hinomi:foundBy", Value: p.FoundBy}, {Name: "hinomi:ecosystem", Value: string(p.Ecosystem)}}
	for _, kv := range [][2]string{
		{"hinomi:arch", p.Arch},
		{"hinomi:sourceName", p.SourceName},
		{"hinomi:sourceVersion", p.SourceVersion},
		{"hinomi:module", p.Module},
		{"hinomi:ownedBy", p.OwnedBy},
		{"hinomi:parent", p.Parent},
	} {
		if kv[1] != "" {
			props = append(props, cdx.Property{Name: kv[0], Value: kv[1]})
		}
	}
	c.Properties = &props
	return c
}
