package vex

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// maxXML bounds a document in XML, which is held as a tree twenty times as large.
const maxXML = 8 << 20

func isXML(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(b[:min(len(b), 256)]), []byte("<"))
}

// cycloneHead is what a document says once for all its vulnerabilities.
type cycloneHead struct {
	author string
	time   string
	purls  map[string]string // package URLs by bom-ref
}

// cycloneXML reads CycloneDX in XML.
func (d *reader) cycloneXML(b []byte) error {
	if !bytes.Contains(b[:min(len(b), 8<<10)], []byte("http://cyclonedx.org/schema/bom/")) {
		return ErrUnknown
	}
	if len(b) > maxXML {
		return fmt.Errorf("%w: more than %d bytes of XML", ErrTooLarge, maxXML)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(b), cdx.BOMFileFormatXML).Decode(&bom); err != nil {
		return err
	}
	h := cycloneHead{purls: map[string]string{}}
	if m := bom.Metadata; m != nil {
		h.time, h.author = m.Timestamp, authorOf(m)
		if m.Component != nil {
			h.component(m.Component)
		}
	}
	if bom.Components != nil {
		for i := range *bom.Components {
			h.component(&(*bom.Components)[i])
		}
	}
	if bom.Vulnerabilities == nil {
		return fmt.Errorf("%w: it has no vulnerabilities", ErrFormat)
	}
	for i := range *bom.Vulnerabilities {
		if err := d.cycloneVulnerability(&(*bom.Vulnerabilities)[i], &h); err != nil {
			return err
		}
	}
	return nil
}

func (h *cycloneHead) component(c *cdx.Component) {
	if c.BOMRef != "" && c.PackageURL != "" {
		h.purls[c.BOMRef] = c.PackageURL
	}
	if c.Components != nil {
		for i := range *c.Components {
			h.component(&(*c.Components)[i])
		}
	}
}

// cycloneJSON reads CycloneDX in JSON: references first, then vulnerability by vulnerability.
func (d *reader) cycloneJSON(b []byte) error {
	h := cycloneHead{purls: map[string]string{}}
	var list []byte
	err := jsontree.Members(b, func(key string, v []byte) error {
		switch key {
		case "metadata":
			var m cdx.Metadata
			if len(v) > 1<<20 {
				return fmt.Errorf("%w: metadata of %d bytes", ErrTooLarge, len(v))
			}
			if err := jsontree.Decode(v, &m); err != nil {
				return err
			}
			h.time, h.author = m.Timestamp, authorOf(&m)
			if m.Component != nil {
				h.component(m.Component)
			}
		case "components":
			return h.components(v, 0)
		case "vulnerabilities":
			list = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if list == nil {
		return fmt.Errorf("%w: it has no vulnerabilities", ErrFormat)
	}
	return jsontree.Elements(list, func(v []byte) error {
		var one cdx.Vulnerability
		if len(v) > 4<<20 {
			return fmt.Errorf("%w: a vulnerability of %d bytes", ErrTooLarge, len(v))
		}
		if err := jsontree.Decode(v, &one); err != nil {
			return err
		}
		return d.cycloneVulnerability(&one, &h)
	})
}

// components keeps the package URLs of components and those inside them, sixteen deep.
func (h *cycloneHead) components(b []byte, depth int) error {
	if depth > 16 {
		return fmt.Errorf("%w: components nested more than 16 deep", ErrFormat)
	}
	return jsontree.Elements(b, func(v []byte) error {
		ref, purl := "", ""
		err := jsontree.Members(v, func(key string, v []byte) (err error) {
			switch key {
			case "bom-ref":
				ref, err = jsontree.Text(v)
			case "purl":
				purl, err = jsontree.Text(v)
			case "components":
				err = h.components(v, depth+1)
			}
			return err
		})
		if ref != "" && purl != "" {
			h.purls[ref] = purl
		}
		return err
	})
}

// authorOf names who made a document: its authors, its manufacturer or supplier, or the tool.
func authorOf(m *cdx.Metadata) string {
	if m.Authors != nil {
		for _, a := range *m.Authors {
			if n := cmp.Or(a.Name, a.Email); n != "" {
				return n
			}
		}
	}
	for _, o := range []*cdx.OrganizationalEntity{m.Manufacturer, m.Supplier, m.Manufacture} { // Manufacture is that of 1.5 and before
		if o != nil && o.Name != "" {
			return o.Name
		}
	}
	if m.Tools != nil && m.Tools.Components != nil {
		for _, c := range *m.Tools.Components {
			if c.Name != "" {
				return strings.TrimSpace(c.Name + " " + c.Version)
			}
		}
	}
	return ""
}

// cycloneVulnerability turns a vulnerability with an analysis into a statement for each component that it affects. One without an analysis
// says that somebody's scanner found it, which is no statement.
func (d *reader) cycloneVulnerability(v *cdx.Vulnerability, h *cycloneHead) error {
	if v.Analysis == nil || v.Analysis.State == "" {
		return nil
	}
	s := advisory.Statement{Vulnerability: v.ID, Author: h.author}
	if s.Vulnerability == "" {
		d.problem("a vulnerability", "it has no id")
		return nil
	}
	if v.References != nil {
		for _, r := range (*v.References)[:min(len(*v.References), 100)] {
			if r.ID != "" && r.ID != v.ID {
				s.Aliases = append(s.Aliases, r.ID)
			}
		}
	}
	if !cycloneState(&s, v.Analysis) {
		d.problem(v.ID, fmt.Sprintf("its state %q is none of CycloneDX", clip(string(v.Analysis.State))))
		return nil
	}
	s.At = when(cmp.Or(v.Analysis.LastUpdated, v.Analysis.FirstIssued, v.Updated, h.time))
	if v.Properties != nil {
		for _, p := range *v.Properties {
			if p.Name == "hinomi:asset" {
				s.Asset = p.Value[strings.LastIndexByte(p.Value, '/')+1:]
			}
		}
	}
	if v.Affects == nil || len(*v.Affects) == 0 {
		d.problem(v.ID, "it affects no component")
		return nil
	}
	for i := range *v.Affects {
		if err := d.cycloneAffected(&(*v.Affects)[i], s, h); err != nil {
			return err
		}
	}
	return nil
}

// cycloneState reads the analysis (CycloneDX 1.6, "vulnerabilities[].analysis") in OpenVEX's words. That it needs a configuration, a dependency
// or an environment that is not there has no such word: it stands as the reason in free text.
func cycloneState(s *advisory.Statement, a *cdx.VulnerabilityAnalysis) bool {
	s.Impact = a.Detail
	switch a.State {
	case cdx.IASResolved, cdx.IASResolvedWithPedigree:
		s.Status = advisory.FixedStatus
	case cdx.IASExploitable:
		s.Status = advisory.AffectedStatus
	case cdx.IASInTriage:
		s.Status = advisory.UnderInvestigation
	case cdx.IASFalsePositive:
		s.Status, s.Impact = advisory.NotAffected, strings.TrimSuffix("false positive: "+a.Detail, ": ")
	case cdx.IASNotAffected:
		s.Status = advisory.NotAffected
	default:
		return false
	}
	if s.Status != advisory.NotAffected {
		return true
	}
	switch a.Justification {
	case "":
	case cdx.IAJCodeNotPresent:
		s.Justification = advisory.CodeNotPresent
	case cdx.IAJCodeNotReachable:
		s.Justification = advisory.CodeNotInPath
	case cdx.IAJProtectedByCompiler, cdx.IAJProtectedAtRuntime, cdx.IAJProtectedAtPerimeter, cdx.IAJProtectedByMitigatingControl:
		s.Justification = advisory.InlineMitigationsExist
	default:
		s.Impact = strings.TrimSuffix(strings.ReplaceAll(string(a.Justification), "_", " ")+": "+s.Impact, ": ")
	}
	return true
}

// cycloneAffected adds a statement for one affected component: that of the document with this reference, a package URL, or the end of a
// BOM-Link (urn:cdx:serial/version#bom-ref) that is one. Versions that are listed one by one replace that of the package URL.
func (d *reader) cycloneAffected(a *cdx.Affects, s advisory.Statement, h *cycloneHead) error {
	ref := a.Ref
	if purl, ok := h.purls[ref]; ok {
		ref = purl
	} else if i := strings.IndexByte(ref, '#'); strings.HasPrefix(ref, "urn:cdx:") && i > 0 {
		ref = unescaped(ref[i+1:])
	}
	about := advisory.Statement{}
	switch {
	case !strings.HasPrefix(ref, "pkg:") && h.purls[a.Ref] == "" && strings.HasPrefix(a.Ref, "urn:cdx:"):
		d.problem(s.Vulnerability+" in "+a.Ref, "the component stands in another document, by a name that is no package URL")
		return nil
	case !strings.HasPrefix(ref, "pkg:") && instanceOf(ref) == "":
		d.problem(s.Vulnerability+" in "+a.Ref, "the document has no component of this name with a package URL")
		return nil
	case !place(&about, ref):
		d.problem(s.Vulnerability+" in "+a.Ref, "it is neither a package URL nor an instance")
		return nil
	}
	s.Product, s.Asset = about.Product, cmp.Or(about.Asset, s.Asset)
	if a.Range == nil || len(*a.Range) == 0 || s.Product == "" {
		return d.add(s)
	}
	for _, v := range *a.Range {
		if v.Version == "" {
			d.problem(s.Vulnerability+" in "+s.Product, "it holds for a range of versions: "+v.Range)
			continue
		}
		t := s
		t.Product = withVersion(s.Product, v.Version)
		switch v.Status { //nolint:exhaustive // affected is what the analysis speaks of
		case cdx.VulnerabilityStatusNotAffected:
			if t.Status != advisory.NotAffected && t.Status != advisory.FixedStatus {
				t.Status, t.Impact = advisory.NotAffected, "the version is listed as unaffected"
			}
		case cdx.VulnerabilityStatusUnknown:
			t.Status = advisory.UnderInvestigation
		}
		if err := d.add(t); err != nil {
			return err
		}
	}
	return nil
}

// withVersion gives a package URL another version, unless it has that one.
func withVersion(purl, version string) string {
	p, err := packageurl.FromString(purl)
	if err != nil || p.Version == version || p.Qualifiers.Map()["epoch"]+":"+p.Version == version {
		return purl
	}
	p.Version = version
	return p.ToString()
}
