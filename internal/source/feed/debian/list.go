package debian

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Lists reads data/DSA/list and data/DLA/list of the security tracker's repository: which advisory of Debian's names which CVEs and brought
// which version to which release. The tracker's JSON knows the same fixes, but neither the advisories' names nor their dates.
//
//	[29 Mar 2023] DSA-5380-1 xorg-server - security update
//		{CVE-2023-1393}
//		[bullseye] - xorg-server 2:1.20.11-1+deb11u1
//
// In place of a version may stand <not-affected>, <end-of-life> (StateWillNotFix) or <unfixed>. Lines that begin with a word of the
// team's, such as NOTE, say nothing of versions. An advisory without a CVE (a regression's update, mostly) is no
// vulnerability.
func Lists() form.Feed {
	return form.Feed{
		ID: "debian-dsa", Title: "Debian security advisories",
		Files: []string{"debian/DSA.list", "debian/DLA.list", "debian/DSA.list.gz", "debian/DLA.list.gz", "debian/security-tracker*.zip", "native/debian/security-tracker*.zip"},
		Name: func(file string) string {
			for _, kind := range []string{"DSA", "DLA"} {
				if strings.HasPrefix(file, "debian/"+kind) {
					return "debian/" + strings.ToLower(kind)
				}
			}
			return "debian/dsa-dla"
		},
		Read: func(ctx context.Context, in *form.Document) error {
			var err error
			if strings.HasSuffix(in.File, ".zip") { // the repository's data folder
				err = in.Readers(ctx, func(_ string, r io.Reader) error { return readList(ctx, in, r) }, "DSA/list", "DLA/list")
			} else {
				var r io.ReadCloser
				if r, err = in.Stream(); err != nil {
					return err
				}
				defer func() { _ = r.Close() }() // only read
				err = readList(ctx, in, r)
			}
			if err == nil && in.Documents() == 0 {
				return fmt.Errorf("%w: no advisories", form.ErrFormat)
			}
			return err
		},
	}
}

func readList(ctx context.Context, in *form.Document, r io.Reader) error {
	l := lister{in: in}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20) // a hundred times the longest line known
	for n := 1; s.Scan(); n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			in.Progress()
		}
		if err := l.line(n, s.Text()); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: a line of more than 1 MiB", form.ErrLimit)
	}
	if err := form.Format(s.Err()); err != nil {
		return err
	}
	return l.finish()
}

// lister reads a list line by line.
type lister struct {
	in  *form.Document
	now *advisory.Advisory // the advisory at hand
}

var (
	head    = regexp.MustCompile(`^\[ ?(\d{1,2} [A-Z][a-z]{2} \d{4})\] (D[SL]A-\d+(?:-\d+)?) +(\S.*)$`)
	cves    = regexp.MustCompile(`CVE-\d{4}-\d{4,}`)
	version = regexp.MustCompile(`^\[([a-z]+)\] +- +(\S+) +(<[a-z-]+>|[0-9][^\s()]*)(?: .*)?$`)
)

func (l *lister) line(n int, text string) error {
	if strings.HasPrefix(text, "[") {
		if err := l.finish(); err != nil {
			return err
		}
		g := head.FindStringSubmatch(text)
		if g == nil {
			l.in.Problem(fmt.Sprintf("line %d", n), fmt.Errorf("%w: %.80q", form.ErrFormat, text))
			return nil
		}
		at, err := time.Parse("2 Jan 2006", g[1])
		if err != nil {
			l.in.Problem(g[2], form.Format(err))
		}
		l.now = &advisory.Advisory{
			Source: l.in.Feed, ID: g[2], Summary: g[3], Published: at, Modified: at, Errata: true,
			URLs: []string{"https://security-tracker.debian.org/tracker/" + g[2]},
		}
		return nil
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "", strings.HasPrefix(text, "NOTE:"), strings.HasPrefix(text, "TODO:"), strings.HasPrefix(text, "NOT-FOR-US:"), strings.HasPrefix(text, "RESERVED"):
	case l.now == nil:
		l.in.Problem(fmt.Sprintf("line %d", n), fmt.Errorf("%w: before the first advisory: %.80q", form.ErrFormat, text))
	case strings.HasPrefix(text, "{"):
		l.now.Upstream = append(l.now.Upstream, cves.FindAllString(text, -1)...)
	default:
		g := version.FindStringSubmatch(text)
		if g == nil {
			l.in.Problem(l.now.ID, fmt.Errorf("%w: line %d: %.80q", form.ErrFormat, n, text))
			return nil
		}
		l.now.Affected = append(l.now.Affected, listed(release(g[1]), g[2], g[3]))
	}
	return nil
}

// listed makes a row of one line.
func listed(release, pkg, fixed string) advisory.Affected {
	row := advisory.Affected{Ecosystem: "Debian", Release: release, Package: pkg}
	events := []advisory.Event{{Introduced: "0"}}
	switch fixed {
	case "<not-affected>":
		row.State = advisory.StateNotAffected
		return row
	case "<end-of-life>", "<ignored>":
		row.State = advisory.StateWillNotFix
	case "<unfixed>", "<no-dsa>":
		row.State = advisory.StateOpen
	case "<postponed>":
		row.State = advisory.StatePending
	case "<undetermined>":
		row.State = advisory.StateUndecided
	default:
		row.State = advisory.StateFixed
		events = append(events, advisory.Event{Fixed: fixed})
	}
	row.Ranges = []advisory.Range{{Type: "ECOSYSTEM", Events: events}}
	return row
}

// finish hands on the advisory at hand.
func (l *lister) finish() error {
	a := l.now
	if a == nil {
		return nil
	}
	l.now = nil
	slices.Sort(a.Upstream)
	a.Upstream = slices.Compact(a.Upstream)
	return l.in.Advisory(a)
}
