package sbom

import (
	"fmt"
	"strings"
)

// spdxTags reads an SPDX 2.2 or 2.3 document in tag-value form (ISO/IEC 5962, "Tag:value"): a tag and a value a line, a value of several
// lines between <text> and </text>.
func spdxTags(b []byte, out *document) error {
	r := &tagReader{d: newSPDX(out)}
	err := lines(b, r.line)
	if err != nil {
		return err
	}
	if r.open {
		return fmt.Errorf("%w: a <text> has no end", ErrFormat)
	}
	if err := r.end(); err != nil {
		return err
	}
	if err := spdxVersion(r.version); err != nil {
		return err
	}
	return r.d.place()
}

// tagReader follows the sections of a document.
type tagReader struct {
	d       *spdxDocument
	version string
	in      string // the section: "", "package" or another
	p       spdxPackage
	open    bool // inside <text>
	tag     string
	text    strings.Builder
}

func (r *tagReader) line(line string) error {
	if r.open {
		before, _, ended := strings.Cut(line, "</text>")
		if r.text.Len()+len(before) <= 4<<20 {
			r.text.WriteString(before + "\n")
		}
		if !ended {
			return nil
		}
		r.open = false
		return r.field(r.tag, strings.TrimSuffix(r.text.String(), "\n"))
	}
	if t := strings.TrimSpace(line); t == "" || t[0] == '#' {
		return nil
	}
	tag, value, ok := strings.Cut(line, ":")
	if !ok {
		r.d.gap(line, "a line that is no tag and value")
		return nil
	}
	tag, value = strings.TrimSpace(tag), strings.TrimSpace(value)
	if rest, ok := strings.CutPrefix(value, "<text>"); ok {
		before, _, ended := strings.Cut(rest, "</text>")
		if ended {
			return r.field(tag, before)
		}
		r.open, r.tag = true, tag
		r.text.Reset()
		r.text.WriteString(before + "\n")
		return nil
	}
	return r.field(tag, value)
}

// end ends a section.
func (r *tagReader) end() error {
	in, p := r.in, r.p
	r.in, r.p = "other", spdxPackage{}
	if in != "package" {
		return nil
	}
	return r.d.take(p)
}

func (r *tagReader) field(tag, value string) error {
	switch tag {
	case "SPDXVersion":
		r.version = value
	case "DocumentComment":
		return r.d.documentComment(value)
	case "PackageName":
		if err := r.end(); err != nil {
			return err
		}
		r.in, r.p = "package", spdxPackage{name: value}
	case "FileName", "SnippetSPDXID", "LicenseID", "Annotator", "Reviewer": // another section begins
		return r.end()
	case "Relationship":
		if f := strings.Fields(value); len(f) == 3 {
			r.d.relation(f[0], f[1], f[2])
		}
	}
	if r.in != "package" {
		return nil
	}
	switch tag {
	case "SPDXID":
		r.p.id = value
	case "PackageVersion":
		r.p.version = value
	case "PrimaryPackagePurpose":
		r.p.purpose = value
	case "PackageSourceInfo":
		r.p.source = value
	case "PackageComment":
		r.p.comment(value)
	case "ExternalRef":
		if f := strings.Fields(value); len(f) == 3 {
			r.p.reference(f[1], f[2])
		}
	}
	return nil
}
