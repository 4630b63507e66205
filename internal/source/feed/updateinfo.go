package feed

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"hinomi/internal/advisory"
)

// updateinfo reads the errata of an rpm repository, updateinfo.xml as createrepo_c writes it and dnf reads it: Amazon Linux's ALAS is
// published in no other complete form, and AlmaLinux, Rocky, Oracle and Fedora publish theirs so, too.
// The folder is updateinfo/ECOSYSTEM/RELEASE/REPOSITORY/: "updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz".
func updateinfo() Feed {
	return Feed{
		ID: "updateinfo", Title: "rpm errata by repository", files: []string{"updateinfo/*/*/*/updateinfo.xml", "updateinfo/*/*/*/updateinfo.xml.gz"},
		name: func(file string) string {
			return "updateinfo/" + folderOf(file, 1) + "/" + folderOf(file, 2) + "/" + folderOf(file, 3)
		},
		read: func(ctx context.Context, in *Document) error {
			r, err := in.stream()
			if err != nil {
				return err
			}
			repo := folderOf(in.File, 3)
			if repo == "core" { // always enabled
				repo = ""
			}
			return in.updateinfo(ctx, r, advisory.Affected{Ecosystem: folderOf(in.File, 1), Release: folderOf(in.File, 2), Repo: repo})
		},
	}
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
		Href string `xml:"href,attr"`
		ID   string `xml:"id,attr"`
		Type string `xml:"type,attr"`
	} `xml:"references>reference"`
	Packages []struct {
		Name    string `xml:"name,attr"`
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"version,attr"`
		Release string `xml:"release,attr"`
		Arch    string `xml:"arch,attr"`
	} `xml:"pkglist>collection>package"`
}

// updateinfo hands on every update; base says of which ecosystem, release and repository they are.
func (in *Document) updateinfo(ctx context.Context, r io.Reader, base advisory.Affected) error {
	in.speaksFor[advisory.JoinEcosystem(base.Ecosystem, base.Release)] = true
	part := &partReader{r: r, limit: in.limits.Document}
	d := xml.NewDecoder(part)
	for seen := false; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.n = 0
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && seen {
			return nil
		}
		if err != nil {
			return formatError(err)
		}
		start, ok := tok.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local == "updates":
			seen = true
		case start.Name.Local == "update" && seen:
			var u xmlUpdate
			if err := d.DecodeElement(&u, &start); err != nil {
				return formatError(err)
			}
			if err := in.update(&u, base); err != nil {
				return err
			}
			in.progress(d.InputOffset(), in.rows)
		default:
			return fmt.Errorf("%w: element %q", ErrFormat, start.Name.Local)
		}
	}
}

// formatError keeps a limit's error as it is and calls all others the format's.
func formatError(err error) error {
	if errors.Is(err, ErrLimit) || errors.Is(err, ErrFormat) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// partReader bounds what one element may hold.
type partReader struct {
	r     io.Reader
	n     int64
	limit int64
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	if p.n > p.limit {
		return n, fmt.Errorf("%w: one element of more than %d bytes", ErrLimit, p.limit)
	}
	return n, err
}

func (in *Document) update(u *xmlUpdate, base advisory.Affected) error {
	if u.ID == "" {
		in.problem(fmt.Sprintf("update %d", in.documents), fmt.Errorf("%w: no id", ErrFormat))
		return nil
	}
	a := &advisory.Advisory{
		Source: in.Feed, ID: u.ID, Summary: strings.TrimSpace(u.Title), Details: strings.TrimSpace(u.Description), Word: strings.TrimSpace(u.Severity),
		Published: dateOf(u.Issued.Date), Modified: dateOf(u.Updated.Date), Errata: true,
	}
	for _, r := range u.References {
		if r.Type == "cve" || strings.HasPrefix(r.ID, "CVE-") {
			a.Related = append(a.Related, r.ID)
			continue
		}
		a.URLs = append(a.URLs, r.Href)
	}
	a.Affected = packagesOf(u, base)
	return in.advisory(a)
}

// packagesOf returns one row per package and version, with all its architectures.
func packagesOf(u *xmlUpdate, base advisory.Affected) []advisory.Affected {
	var out []advisory.Affected
	at := map[[2]string]int{}
	for _, p := range u.Packages {
		evr := p.Version + "-" + p.Release
		if p.Epoch != "" && p.Epoch != "0" {
			evr = p.Epoch + ":" + evr
		}
		i, ok := at[[2]string{p.Name, evr}]
		if !ok {
			f := base
			f.Package, f.State = p.Name, advisory.StateFixed
			f.Ranges = []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: evr}}}}
			f.Module = moduleOf(f.Ranges)
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
	return out
}
