package rejudge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/part"
)

// Advance brings what is kept to the advisories in use.
type Advance struct {
	Store    *store.DB
	Before   *advisorydb.DB // what was in use before, still open; nil if that is not known
	Judge    Judge          // with the advisories in use; its Edition is not used
	Progress func(done, total int)

	against int64 // the edition that everything was judged with, if its advisories are those in use
}

// Report says what an Advance did.
type Report struct {
	Keys  int     `json:"keys"` // keys of the advisories that changed
	All   bool    `json:"all"`  // what changed could not be told: everything was judged again
	Units []int64 `json:"-"`    // units that were judged
	Noted []int64 `json:"-"`    // units of which something else could not be judged than before
	store.Judged
}

// rules stands among the states of the feeds for what users decided; no ecosystem has such a name.
const rules = "=rules"

// batch is how many units are judged and kept in one transaction.
const batch = 2000

// Run judges again what depends on what changed in the advisories since everything was judged last, without touching any host or asset.
// If that cannot be told, because the file of then is gone, it judges everything again. It may be ended at any time and be run again: what
// was judged is kept, and only the end of a run says that all was.
func (a *Advance) Run(ctx context.Context) (Report, error) {
	var out Report
	was, err := a.Store.JudgedWith(ctx)
	if err != nil {
		return out, err
	}
	is := store.JudgedWith{File: a.Judge.DB.ID(), Feeds: feedStates(a.Judge.DB.Feeds(), a.Judge.Options)}
	if a.Judge.Rules != "" {
		is.Feeds[rules] = a.Judge.Rules
	}
	if a.against = 0; was.File == is.File {
		a.against = was.Edition
	}
	changes, err := a.changes(ctx, was, is, &out)
	if err != nil {
		return out, err
	}
	todo, err := a.Store.TouchedUnits(ctx, changes, was.Last+1)
	if err != nil {
		return out, err
	}
	if len(todo) == 0 && was.File == is.File && maps.Equal(was.Feeds, is.Feeds) {
		return out, nil
	}
	if is.Edition, err = a.Store.BeginEdition(ctx); err != nil {
		return out, err
	}
	a.Judge.Edition = is.Edition
	done := make(map[int64]bool, len(todo))
	for list := range slices.Chunk(todo, batch) {
		if err := a.judge(ctx, list, done, &out); err != nil {
			return out, err
		}
		a.Progress(len(done), len(todo))
	}
	err = a.Store.EndEdition(ctx, is, func(ctx context.Context) error { // what scans have brought meanwhile
		late, err := a.Store.TouchedUnits(ctx, changes, is.Edition)
		if err != nil {
			return err
		}
		return a.judge(ctx, slices.DeleteFunc(late, func(pk int64) bool { return done[pk] }), done, &out)
	})
	return out, err
}

// judge judges units and keeps the verdicts.
func (a *Advance) judge(ctx context.Context, keys []int64, done map[int64]bool, out *Report) error {
	if len(keys) == 0 {
		return nil
	}
	units, err := a.Store.Units(ctx, keys)
	if err != nil {
		return fmt.Errorf("read units: %w", err)
	}
	verdicts, err := a.Judge.Units(ctx, units)
	if err != nil {
		return err
	}
	for i := range verdicts {
		// Where the file could not be read, nothing was left out by anybody's decision.
		if !slices.ContainsFunc(verdicts[i].Notes, func(n part.Note) bool { return n.Reason == string(vuln.LookupFailed) }) {
			verdicts[i].Against = a.against
		}
	}
	judged, noted, err := a.Store.PutVerdicts(ctx, a.Judge.Options.Now, verdicts)
	if err != nil {
		return err
	}
	out.Added += judged.Added
	out.Changed += judged.Changed
	out.Gone += judged.Gone
	out.Units = append(out.Units, keys...)
	out.Noted = append(out.Noted, noted...)
	for _, k := range keys {
		done[k] = true
	}
	return nil
}

// changes tells what is different between the advisories then and now.
func (a *Advance) changes(ctx context.Context, was, is store.JudgedWith, out *Report) (part.Changes, error) {
	var c part.Changes
	if was.Edition == 0 || was.Feeds[rules] != is.Feeds[rules] || was.File != is.File && (a.Before == nil || a.Before.ID() != was.File) {
		out.All, c.All = true, true
		return c, nil
	}
	for base := range merged(was.Feeds, is.Feeds) {
		if was.Feeds[base] != is.Feeds[base] {
			c.Ecosystems = append(c.Ecosystems, base)
		}
	}
	if len(c.Ecosystems) > 0 {
		c.Ecosystems = append(c.Ecosystems, "") // frames, which are judged by the feeds of their systems
		slices.Sort(c.Ecosystems)
	}
	if was.File == is.File {
		return c, nil
	}
	err := advisorydb.Changed(ctx, a.Before, a.Judge.DB, func(d advisorydb.Change) error {
		out.Keys++
		c.Asks = append(c.Asks, int64(d.Ask))
		if d.CVE != "" {
			c.Vulnerabilities = append(c.Vulnerabilities, d.CVE)
		}
		return nil
	})
	return c, err
}

func merged(a, b map[string]string) map[string]bool {
	out := make(map[string]bool, len(a)+len(b))
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

// feedStates says for each ecosystem what its feeds say of themselves that verdicts tell: which speak for which release, whether they are
// complete, and whether they are stale.
func feedStates(feeds []advisory.Feed, o vuln.Options) map[string]string {
	after := o.StaleAfter
	if after <= 0 {
		after = vuln.DefaultStaleAfter
	}
	lines := map[string][]string{}
	for _, f := range feeds {
		line := "|" + f.Name
		if f.Complete {
			line += "|complete"
		}
		if f.AsOf.IsZero() || o.Now.Sub(f.AsOf) > after {
			line += "|stale since " + f.AsOf.Format(time.DateOnly)
		}
		for _, e := range f.Ecosystems {
			base, _ := advisory.ParseEcosystem(e)
			lines[base] = append(lines[base], e+line)
		}
	}
	out := make(map[string]string, len(lines))
	for base, l := range lines {
		sum := sha256.Sum256([]byte(strings.Join(l, "\n")))
		out[base] = hex.EncodeToString(sum[:8])
	}
	return out
}
