// Package alpine reads Alpine's security database: which version of which source package fixed what.
package alpine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Feed reads secdb.alpinelinux.org/{release}/{repository}.json, one file per release and repository. Packages are origins (source
// packages); under each version stand the ids that it fixed, and under "0" those that never were in the package. What is not fixed is not
// listed. The folder is alpine/RELEASE/REPOSITORY.json: "alpine/v3.22/main.json".
//
// A release is spoken for by its repository "main", which every installation has.
func Feed() form.Feed {
	return form.Feed{
		ID: "alpine-secdb", Title: "Alpine security database", Files: []string{"alpine/*/*.json", "alpine/*/*.json.gz"},
		Name: func(file string) string {
			repo, _, _ := strings.Cut(file[strings.LastIndexByte(file, '/')+1:], ".")
			return "alpine/" + form.Folder(file, 1) + "/" + repo
		},
		Read: func(ctx context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return read(ctx, in, b)
		},
	}
}

type secdb struct {
	Release    string   `json:"distroversion"`
	Repository string   `json:"reponame"`
	Packages   packages `json:"packages"`
}

// packages tells a list that is empty or null, as a new repository's is, from one that is missing.
type packages struct {
	given bool
	list  []struct {
		Pkg struct {
			Name  string              `json:"name"`
			Fixes map[string][]string `json:"secfixes"`
		} `json:"pkg"`
	}
}

// UnmarshalJSON reads the list.
func (p *packages) UnmarshalJSON(b []byte) error {
	p.given = true
	return json.Unmarshal(b, &p.list)
}

func read(ctx context.Context, in *form.Document, b []byte) error {
	var d secdb
	if err := json.Unmarshal(b, &d); err != nil {
		return form.Format(err)
	}
	if !d.Packages.given || d.Release == "" || d.Repository == "" {
		return fmt.Errorf("%w: no packages of a release and a repository", form.ErrFormat)
	}
	if release := form.Folder(in.File, 1); d.Release != release {
		return fmt.Errorf("%w: it is about %q, its folder says %q", form.ErrFormat, d.Release, release)
	}
	if d.Repository == "main" {
		in.SpeaksFor("Alpine", d.Release)
	}
	known := byID{}
	for _, p := range d.Packages.list {
		if p.Pkg.Name == "" {
			in.Problem("a package", fmt.Errorf("%w: no name", form.ErrFormat))
			continue
		}
		for _, version := range slices.Sorted(maps.Keys(p.Pkg.Fixes)) {
			row := advisory.Affected{Ecosystem: "Alpine", Release: d.Release, Package: p.Pkg.Name, State: advisory.StateFixed}
			if version == "0" {
				row.State = advisory.StateNotAffected
			} else {
				row.Ranges = []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: version}}}}
			}
			for _, entry := range p.Pkg.Fixes[version] {
				if version == "" || !known.add(in.Feed, entry, row) {
					in.Problem(p.Pkg.Name+" "+version, fmt.Errorf("%w: fixes %q", form.ErrFormat, entry))
				}
			}
		}
	}
	for i, id := range slices.Sorted(maps.Keys(known)) {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			in.Progress()
		}
		if err := in.Advisory(known[id]); err != nil {
			return err
		}
	}
	return nil
}

// byID collects what a file says of each id.
type byID map[string]*advisory.Advisory

// add adds a row to the advisories of an entry. It is false if the entry names none.
func (k byID) add(source, entry string, row advisory.Affected) bool {
	ids, aliases := idsOf(entry)
	for _, id := range ids {
		a := k[id]
		if a == nil {
			a = &advisory.Advisory{Source: source, ID: id}
			k[id] = a
		}
		for _, alias := range aliases {
			if !slices.Contains(a.Aliases, alias) {
				a.Aliases = append(a.Aliases, alias)
			}
		}
		if n := len(a.Affected); n > 0 && a.Affected[n-1].Package == row.Package && sameFix(&a.Affected[n-1], &row) {
			continue // two parts of one CVE, "CVE-2017-17434-1" and "-2", mended together
		}
		a.Affected = append(a.Affected, row)
	}
	return len(ids) > 0
}

func sameFix(a, b *advisory.Affected) bool {
	return len(a.Ranges) == len(b.Ranges) && (len(a.Ranges) == 0 || a.Ranges[0].Events[1] == b.Ranges[0].Events[1])
}

// cve finds a CVE id; a few are written with underscores or a space, with a number behind ("CVE-2017-17434-1") or a note ("CVE-2017-2616 (+ regression fix)").
var cve = regexp.MustCompile(`CVE[-_ ](\d{4})[-_](\d{4,})`)

// other is an id that is no CVE: XSA-207, GHSA-…, wnpa-sec-2017-18.
var other = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*([-_.:][A-Za-z0-9]+)+$`)

// idsOf reads an entry: the vulnerabilities it is about and the other names they have. "CVE-2017-8904 XSA-214" is one under two names.
func idsOf(entry string) (ids, aliases []string) {
	for _, g := range cve.FindAllStringSubmatch(entry, -1) {
		ids = append(ids, "CVE-"+g[1]+"-"+g[2])
	}
	for _, w := range strings.Fields(entry) {
		if other.MatchString(w) && !cve.MatchString(w) {
			aliases = append(aliases, w)
		}
	}
	if len(ids) == 0 && len(aliases) > 0 {
		ids, aliases = aliases[:1], aliases[1:]
	}
	return ids, aliases
}
