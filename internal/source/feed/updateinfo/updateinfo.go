// Package updateinfo reads the errata of rpm repositories.
package updateinfo

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/osv"
)

// Feed reads the errata of an rpm repository, updateinfo.xml as createrepo_c writes it and dnf reads it: Amazon Linux's ALAS is
// published in no other complete form, and AlmaLinux, Rocky, Oracle and Fedora publish theirs so, too.
// The folder is updateinfo/ECOSYSTEM/RELEASE/REPOSITORY/: "updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz".
func Feed() form.Feed {
	return form.Feed{
		ID: "updateinfo", Title: "rpm errata by repository", Files: []string{
			"updateinfo/*/*/*/updateinfo.xml", "updateinfo/*/*/*/updateinfo.xml.gz", "updateinfo/*/*/*/updateinfo.xml.xz", "updateinfo/*/*/*/updateinfo.xml.zst",
		},
		Name: func(file string) string {
			return "updateinfo/" + form.Folder(file, 1) + "/" + form.Folder(file, 2) + "/" + form.Folder(file, 3)
		},
		Read: func(ctx context.Context, in *form.Document) error {
			r, err := in.Stream()
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }() // only read
			return Read(ctx, in, r, advisory.Affected{Ecosystem: form.Folder(in.File, 1), Release: form.Folder(in.File, 2), Repo: repository(form.Folder(in.File, 3))})
		},
	}
}

// repository returns what a host must have enabled for the errata of a repository to be about it: "" for what is always enabled, and for
// Amazon Linux 2023's "nvidia", whose packages no other repository has. Otherwise the name is the host's own: an extras topic of Amazon
// Linux 2 ("docker", "kernel-5.15"), "kernel-livepatch" of Amazon Linux 2023.
func repository(name string) string {
	if name == "core" || name == "nvidia" {
		return ""
	}
	return name
}

type xmlUpdate struct {
	Type   string `xml:"type,attr"`
	ID     string `xml:"id"`
	Title  string `xml:"title"`
	Issued struct {
		Date string `xml:"date,attr"`
	} `xml:"issued"`
	Updated struct {
		Date string `xml:"date,attr"`
	} `xml:"updated"`
	Severity    string `xml:"severity"`
	Description string `xml:"description"`
	References  []struct {
		Href  string `xml:"href,attr"`
		ID    string `xml:"id,attr"`
		Type  string `xml:"type,attr"`
		Title string `xml:"title,attr"`
	} `xml:"references>reference"`
	Packages []struct {
		Name    string `xml:"name,attr"`
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"version,attr"`
		Release string `xml:"release,attr"`
		Arch    string `xml:"arch,attr"`
	} `xml:"pkglist>collection>package"`
}

// Read hands on every update; base says of which ecosystem, release and repository they are. change, if given, corrects each advisory
// before it is handed on.
func Read(ctx context.Context, in *form.Document, r io.Reader, base advisory.Affected, change ...func(*advisory.Advisory)) error {
	if base.Ecosystem != "Amazon Linux" || form.Folder(in.File, 3) == "core" { // its other repositories add to the core
		in.SpeaksFor(base.Ecosystem, base.Release)
	}
	part := form.NewPart(r, in.Limits().Document)
	d := xml.NewDecoder(part)
	for seen := false; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.Next()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && seen {
			return nil
		}
		if err != nil {
			return form.Format(err)
		}
		start, ok := tok.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local == "updates":
			seen = true
		case start.Name.Local == "update" && seen:
			var u xmlUpdate
			if err := d.DecodeElement(&u, &start); err != nil {
				return form.Format(err)
			}
			if err := update(in, &u, base, change); err != nil {
				return err
			}
			in.Progress()
		default:
			return fmt.Errorf("%w: element %q", form.ErrFormat, start.Name.Local)
		}
	}
}

func update(in *form.Document, u *xmlUpdate, base advisory.Affected, change []func(*advisory.Advisory)) error {
	if u.ID == "" {
		in.Problem(fmt.Sprintf("update %d", in.Documents()), fmt.Errorf("%w: no id", form.ErrFormat))
		return nil
	}
	a := &advisory.Advisory{
		Source: in.Feed, ID: u.ID, Summary: strings.TrimSpace(u.Title), Details: strings.TrimSpace(u.Description), Word: strings.TrimSpace(u.Severity),
		Published: form.Date(u.Issued.Date), Modified: form.Date(u.Updated.Date), Errata: true,
	}
	for _, r := range u.References {
		if r.Type == "cve" || strings.HasPrefix(r.ID, "CVE-") {
			a.Related = append(a.Related, r.ID)
			continue
		}
		a.URLs = append(a.URLs, r.Href)
		relate(a, r.Title) // Fedora's refer to bugs, whose titles name the CVEs
	}
	if len(a.Related) == 0 && u.Type == "security" {
		relate(a, u.Description)
	}
	var bad int
	a.Affected, bad = packagesOf(u, base)
	if bad > 0 {
		in.Problem(u.ID, fmt.Errorf("%w: %d packages without a name or a version", form.ErrFormat, bad))
	}
	for _, do := range change {
		do(a)
	}
	return in.Advisory(a)
}

// cve finds CVE ids in a text.
var cve = regexp.MustCompile(`\bCVE-\d{4}-\d{4,7}\b`)

// relate adds the CVEs that a text names.
func relate(a *advisory.Advisory, text string) {
	for _, id := range cve.FindAllString(text, -1) {
		if !slices.Contains(a.Related, id) {
			a.Related = append(a.Related, id)
		}
	}
}

// packagesOf returns one row per package and version, with all its architectures, and how many packages have no name or no version.
func packagesOf(u *xmlUpdate, base advisory.Affected) (out []advisory.Affected, bad int) {
	at := map[[2]string]int{}
	for _, p := range u.Packages {
		if p.Name == "" || p.Version == "" {
			bad++
			continue
		}
		evr := p.Version
		if p.Release != "" {
			evr += "-" + p.Release
		}
		if p.Epoch != "" && p.Epoch != "0" {
			evr = p.Epoch + ":" + evr
		}
		i, ok := at[[2]string{p.Name, evr}]
		if !ok {
			f := base
			f.Package, f.State = p.Name, advisory.StateFixed
			f.Ranges = []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: evr}}}}
			f.Module = osv.ModuleOf(f.Ranges)
			i = len(out)
			at[[2]string{p.Name, evr}] = i
			out = append(out, f)
		}
		if p.Arch != "" && !slices.Contains(out[i].Arches, p.Arch) {
			out[i].Arches = append(out[i].Arches, p.Arch)
		}
	}
	for i := range out {
		slices.Sort(out[i].Arches)
	}
	return out, bad
}
