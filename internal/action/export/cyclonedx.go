package export

import (
	"fmt"
	"io"
	"strconv"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"hinomi/internal/inventory"
)

// CycloneDX writes an inventory as a CycloneDX 1.6 JSON document: one component per package, with its purl, where it lies and how it was found.
// What could not be read stands in the properties hinomi:gap, since a list without them would look complete.
func CycloneDX(w io.Writer, inv *inventory.Inventory, version string) error {
	bom, _ := bill(inv, version)
	return encodeBill(w, bom)
}

func encodeBill(w io.Writer, bom *cdx.BOM) error {
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	if err := e.Encode(bom); err != nil { // EncodeVersion copies the document, for fields newer than 1.6: here are none
		return fmt.Errorf("write CycloneDX: %w", err)
	}
	return nil
}

// bill makes the document of an inventory and says by which reference each package stands in it.
func bill(inv *inventory.Inventory, version string) (*cdx.BOM, map[packageKey]string) {
	bom := cdx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.Metadata = &cdx.Metadata{
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "hinomi", Version: version}}},
		Component: &cdx.Component{BOMRef: "root", Type: cdx.ComponentTypeOS, Name: system(inv.OS), Version: inv.OS.VersionID},
	}
	if !inv.ReadAt.IsZero() {
		bom.Metadata.Timestamp = stamp(inv.ReadAt)
	}
	props := wholeProperties(inv)
	bom.Metadata.Properties = &props
	components := make([]cdx.Component, 0, len(inv.Packages)+1)
	if inv.OS.Known() {
		components = append(components, systemComponent(inv.OS))
	}
	refs := make(map[packageKey]string, len(inv.Packages))
	for i := range inv.Packages {
		c := component(i, &inv.Packages[i])
		components = append(components, c)
		if k := keyOf(&inv.Packages[i]); refs[k] == "" {
			refs[k] = c.BOMRef
		}
	}
	bom.Components = &components
	return bom, refs
}

// wholeProperties say what was covered and what could not be read, and of the host what CycloneDX has no field for.
func wholeProperties(inv *inventory.Inventory) []cdx.Property {
	props := []cdx.Property{}
	add := func(name, value string) {
		if value != "" {
			props = append(props, cdx.Property{Name: name, Value: value})
		}
	}
	for _, c := range inv.Covered {
		add("hinomi:covered", c)
	}
	for _, g := range inv.Gaps {
		add("hinomi:gap", g.Path+": "+g.Reason)
	}
	add("hinomi:kernel", inv.Kernel.Release)
	if inv.Kernel.Running {
		add("hinomi:kernelRunning", "true")
	}
	for _, k := range inv.Kernel.Installed {
		add("hinomi:kernelInstalled", k)
	}
	for _, r := range inv.Repos {
		if r.Enabled && r.Topic != "" {
			add("hinomi:repository", r.ID+" "+r.Topic)
		} else if r.Enabled {
			add("hinomi:repository", r.ID)
		}
	}
	return props
}

func system(os inventory.OS) string {
	if os.Known() {
		return os.ID
	}
	return "unknown"
}

func systemComponent(os inventory.OS) cdx.Component {
	c := cdx.Component{BOMRef: "os", Type: cdx.ComponentTypeOS, Name: os.ID, Version: os.VersionID, CPE: os.CPE, Description: os.PrettyName}
	pro := ""
	if os.Pro {
		pro = "true"
	}
	if props := properties([][2]string{
		{"hinomi:idLike", os.IDLike}, {"hinomi:codename", os.Codename}, {"hinomi:arch", os.Arch}, {"hinomi:build", os.Build}, {"hinomi:ubuntuPro", pro},
	}); len(props) > 0 {
		c.Properties = &props
	}
	return c
}

// properties makes properties of those that have a value.
func properties(list [][2]string) []cdx.Property {
	var out []cdx.Property
	for _, kv := range list {
		if kv[1] != "" {
			out = append(out, cdx.Property{Name: kv[0], Value: kv[1]})
		}
	}
	return out
}

func component(i int, p *inventory.Package) cdx.Component {
	c := cdx.Component{BOMRef: "pkg-" + strconv.Itoa(i), Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL}
	if p.Location != "" {
		c.Evidence = &cdx.Evidence{Occurrences: &[]cdx.EvidenceOccurrence{{Location: p.Location}}}
	}
	if p.SHA1 != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA1, Value: p.SHA1}}
	}
	dev := ""
	if p.Dev {
		dev = "true"
	}
	props := properties([][2]string{
		{"hinomi:foundBy", p.FoundBy},
		{"hinomi:ecosystem", string(p.Ecosystem)},
		{"hinomi:arch", p.Arch},
		{"hinomi:sourceName", p.SourceName},
		{"hinomi:sourceVersion", p.SourceVersion},
		{"hinomi:module", p.Module},
		{"hinomi:vendor", p.Vendor},
		{"hinomi:repository", p.Repository},
		{"hinomi:status", p.Status},
		{"hinomi:ownedBy", p.OwnedBy},
		{"hinomi:parent", p.Parent},
		{"hinomi:dev", dev},
	})
	c.Properties = &props
	return c
}
