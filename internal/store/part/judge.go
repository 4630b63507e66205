package part

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hinomi/internal/finding"
	"hinomi/internal/store/row"
)

// Note is one thing about a unit that could not be judged, and why. Of an inventory's units equal ones are counted together.
type Note struct {
	Reason    string `json:"reason"`
	Ecosystem string `json:"ecosystem,omitempty"`
	Package   string `json:"package,omitempty"`
	Version   string `json:"version,omitempty"`
	Packages  int    `json:"packages,omitempty"` // how many packages it is about
	Detail    string `json:"detail,omitempty"`
}

// Verdict is what an evaluation found in a unit. The findings' Resource, times and status are not used; their ID is the fingerprint without
// an asset.
type Verdict struct {
	Unit     int64
	Group    int64
	Edition  int64   // of the advisories that it was judged with, counted up; 0: of none that is known, it is to be judged again
	Whole    bool    // judged with complete and current feeds: only then what it no longer holds is closed
	Notes    []Note  // what could not be judged
	Asks     []int64 // the rows of the advisory index that the verdict depends on
	Findings []finding.Finding
	// Excused are the IDs of findings, sorted, that are not there because somebody said so, or something mends them while the package runs:
	// they are closed also where the advisories are incomplete.
	Excused []string
	// Against is set where the advisories are those of this edition, and only what users decided about matching is other: what a verdict of it
	// held and this one does not is left out by their decision, also where the advisories are incomplete. 0: they may be others.
	Against int64
}

// Outcome says what verdicts changed.
type Outcome struct {
	Added, Changed, Gone int
	Noted                []int64  // units of which something else could not be judged than before
	Whole                []int64  // units that are wholly judged now and were not before
	Opened               []string // keys of findings that are open now and were not before, each once
}

func (o *Outcome) add(p Outcome) {
	o.Added += p.Added
	o.Changed += p.Changed
	o.Gone += p.Gone
	o.Noted = append(o.Noted, p.Noted...)
	o.Whole = append(o.Whole, p.Whole...)
	o.Opened = append(o.Opened, p.Opened...)
	slices.Sort(o.Opened)
	o.Opened = slices.Compact(o.Opened)
}

// Judge keeps verdicts reached at a time (microseconds since 1970). One that was reached with an older edition of the advisories than the
// one kept is left out.
func (h Home) Judge(ctx context.Context, at int64, verdicts []Verdict) (Outcome, error) {
	var out Outcome
	for list := range slices.Chunk(verdicts, chunk) {
		j := judging{Home: h, at: at, counts: map[tally]change{}, again: map[int64][]int64{}}
		if err := j.run(ctx, list); err != nil {
			return out, fmt.Errorf("keep verdicts: %w", err)
		}
		out.add(j.out)
	}
	return out, nil
}

// judging is one chunk of Judge.
type judging struct {
	Home
	at     int64
	units  map[int64]heldUnit
	held   map[int64]map[string]heldFinding
	counts map[tally]change
	asks   *row.Inserter
	again  map[int64][]int64 // by edition, units of which nothing else changed
	out    Outcome
}

type heldUnit struct {
	edition, asks int64
	whole         bool
	notes         string
}

type heldFinding struct {
	typ      string
	severity int
	print    int64
	gone     int64
}

// tally is what is counted of a unit; change is by how much.
type tally struct {
	unit     int64
	typ      string
	severity int
}

type change struct{ open, gone int }

func (j *judging) tally(unit int64, typ string, severity, open, gone int) {
	t := tally{unit, typ, severity}
	c := j.counts[t]
	j.counts[t] = change{c.open + open, c.gone + gone}
}

func (j *judging) run(ctx context.Context, list []Verdict) error {
	keys := make([]int64, len(list))
	for i := range list {
		keys[i] = list[i].Unit
	}
	if err := j.load(ctx, numbers(keys)); err != nil {
		return err
	}
	j.asks = j.inserter("unit_ask", "ask unit_pk", "")
	ins := j.inserter("unit_finding", "unit_pk key grp type severity score vulnerability print body first_seen updated_at", "")
	for i := range list {
		v := &list[i]
		u, ok := j.units[v.Unit]
		if !ok || v.Edition < u.edition {
			continue // it was removed, or somebody has judged it with newer advisories
		}
		if err := j.findings(ctx, v, u, ins); err != nil {
			return err
		}
		if err := j.unit(ctx, v, u); err != nil {
			return err
		}
	}
	if err := errors.Join(ins.Flush(ctx), j.asks.Flush(ctx)); err != nil {
		return err
	}
	for edition, units := range j.again {
		if _, err := j.ExecContext(ctx, `UPDATE unit SET edition = $1 WHERE pk IN (`+numbers(units)+`)`, edition); err != nil {
			return err
		}
	}
	return j.recount(ctx)
}

func (j *judging) load(ctx context.Context, in string) error {
	j.units, j.held = map[int64]heldUnit{}, map[int64]map[string]heldFinding{}
	if err := j.each(ctx, func(scan func(...any) error) error {
		var pk int64
		var u heldUnit
		var whole int
		err := scan(&pk, &u.edition, &whole, &u.asks, &u.notes)
		u.whole = whole == 1
		j.units[pk] = u
		return err
	}, `SELECT pk, edition, whole, asks, notes FROM unit WHERE pk IN (`+in+`)`); err != nil {
		return err
	}
	return j.each(ctx, func(scan func(...any) error) error {
		var pk int64
		var key string
		var f heldFinding
		err := scan(&pk, &key, &f.typ, &f.severity, &f.print, &f.gone)
		if j.held[pk] == nil {
			j.held[pk] = map[string]heldFinding{}
		}
		j.held[pk][key] = f
		return err
	}, `SELECT unit_pk, key, type, severity, print, gone_at FROM unit_finding WHERE unit_pk IN (`+in+`)`)
}

// findings writes what is new, differs or is no longer so.
func (j *judging) findings(ctx context.Context, v *Verdict, u heldUnit, ins *row.Inserter) error {
	have := j.held[v.Unit]
	for i := range v.Findings {
		f := &v.Findings[i]
		body, err := Body(*f)
		if err != nil {
			return err
		}
		print, rank := printOf(body), f.Severity.Rank()
		old, known := have[f.ID]
		delete(have, f.ID)
		switch {
		case !known:
			j.out.Added++
			j.out.Opened = append(j.out.Opened, f.ID)
			j.tally(v.Unit, string(f.Type), rank, 1, 0)
			err = ins.Add(ctx, v.Unit, f.ID, v.Group, string(f.Type), rank, f.Score, Vulnerability(f), print, body, j.at, j.at)
		case old.gone != 0 || old.print != print:
			j.out.Changed++
			j.tally(v.Unit, string(f.Type), rank, 1, 0)
			if old.gone != 0 {
				j.out.Opened = append(j.out.Opened, f.ID)
				j.tally(v.Unit, old.typ, old.severity, 0, -1)
			} else {
				j.tally(v.Unit, old.typ, old.severity, -1, 0)
			}
			_, err = j.ExecContext(ctx, `UPDATE unit_finding SET severity = $3, score = $4, vulnerability = $5, print = $6, body = $7, updated_at = $8, gone_at = 0, gone_why = ''
WHERE unit_pk = $1 AND key = $2`, v.Unit, f.ID, rank, f.Score, Vulnerability(f), print, body, j.at)
		}
		if err != nil {
			return fmt.Errorf("finding %s: %w", f.Title, err)
		}
	}
	decided := v.Against > 0 && u.edition >= v.Against
	for _, key := range slices.Sorted(maps.Keys(have)) {
		old := have[key]
		_, excused := slices.BinarySearch(v.Excused, key)
		if old.gone != 0 || !v.Whole && !excused && !decided {
			continue
		}
		why := "judged again with current advisories: no longer vulnerable"
		switch {
		case excused:
			why = "not affected: a statement (VEX) or a live patch says so"
		case !v.Whole:
			why = "judged again with the same advisories: left out by the policy of matching"
		}
		j.out.Gone++
		j.tally(v.Unit, old.typ, old.severity, -1, 1)
		if _, err := j.ExecContext(ctx, `UPDATE unit_finding SET gone_at = $3, gone_why = $4, updated_at = $3 WHERE unit_pk = $1 AND key = $2`,
			v.Unit, key, j.at, why); err != nil {
			return err
		}
	}
	return nil
}

// unit writes how a unit was judged, if that is something else than before.
func (j *judging) unit(ctx context.Context, v *Verdict, old heldUnit) error {
	notes, err := json.Marshal(v.Notes)
	if err != nil {
		return fmt.Errorf("encode what could not be judged: %w", err)
	}
	whole := 0
	if v.Whole {
		whole = 1
	}
	if old.notes != string(notes) {
		j.out.Noted = append(j.out.Noted, v.Unit)
	}
	if v.Whole && !old.whole {
		j.out.Whole = append(j.out.Whole, v.Unit)
	}
	asks := asksOf(v.Asks)
	if asks != old.asks {
		if old.asks != 0 {
			if _, err := j.ExecContext(ctx, `DELETE FROM unit_ask WHERE unit_pk = $1`, v.Unit); err != nil {
				return err
			}
		}
		for i, a := range v.Asks {
			if i > 0 && v.Asks[i-1] == a {
				continue
			}
			if err := j.asks.Add(ctx, a, v.Unit); err != nil {
				return err
			}
		}
	}
	if old.whole == v.Whole && old.notes == string(notes) && old.asks == asks {
		if old.edition != v.Edition {
			j.again[v.Edition] = append(j.again[v.Edition], v.Unit)
		}
		return nil
	}
	_, err = j.ExecContext(ctx, `UPDATE unit SET edition = $2, whole = $3, asks = $4, notes = $5 WHERE pk = $1`, v.Unit, v.Edition, whole, asks, string(notes))
	return err
}

// asksOf sorts asks and hashes them; 0 is none.
func asksOf(asks []int64) int64 {
	if len(asks) == 0 {
		return 0
	}
	slices.Sort(asks)
	h := sha256.New()
	var b [8]byte
	for _, a := range asks {
		binary.LittleEndian.PutUint64(b[:], uint64(a)) // #nosec G115 -- the same 64 bits
		_, _ = h.Write(b[:])                           // a hash takes everything
	}
	return int64(binary.LittleEndian.Uint64(h.Sum(nil)) >> 1) // #nosec G115 -- 63 bits remain
}

// recount adds what changed to the counts of all parts that hold the units.
func (j *judging) recount(ctx context.Context) error {
	all := slices.SortedFunc(maps.Keys(j.counts), func(a, b tally) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.typ, b.typ), cmp.Compare(a.severity, b.severity))
	})
	all = slices.DeleteFunc(all, func(t tally) bool { return j.counts[t] == change{} })
	for list := range slices.Chunk(all, 200) {
		var b strings.Builder
		var args []any
		for i, t := range list {
			c := j.counts[t]
			if i > 0 {
				b.WriteString(", ")
			}
			args = append(args, t.typ)
			fmt.Fprintf(&b, "(%d, CAST($%d AS TEXT), %d, %d, %d)", t.unit, len(args), t.severity, c.open, c.gone)
		}
		if _, err := j.ExecContext(ctx, `WITH d (unit_pk, type, severity, open, gone) AS (VALUES `+b.String()+`)
INSERT INTO part_count (part_pk, type, severity, open, gone)
SELECT u.part_pk, d.type, d.severity, SUM(d.open), SUM(d.gone) FROM d `+j.InOrder+` part_unit u ON u.unit_pk = d.unit_pk
 WHERE 1 = 1 GROUP BY u.part_pk, d.type, d.severity
ON CONFLICT (part_pk, type, severity) DO UPDATE SET open = part_count.open + excluded.open, gone = part_count.gone + excluded.gone`, args...); err != nil {
			return fmt.Errorf("count findings: %w", err)
		}
	}
	return nil
}

// Body is what is kept of a finding: all but its life and its asset, which columns say.
func Body(f finding.Finding) (string, error) {
	f.Status, f.StatusWhy = "", ""
	f.FirstSeen, f.LastSeen, f.ClosedAt, f.UpdatedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	b, err := json.Marshal(&f)
	if err != nil {
		return "", fmt.Errorf("encode finding %s: %w", f.Title, err)
	}
	return string(b), nil
}

// Vulnerability is what a finding is of: a CVE or advisory, or a rule; "" for others.
func Vulnerability(f *finding.Finding) string {
	switch {
	case f.Package != nil:
		return f.Package.VulnerabilityID
	case f.Rule != nil:
		return f.Rule.ID
	}
	return ""
}

func printOf(body string) int64 {
	h := sha256.Sum256([]byte(body))
	return int64(binary.LittleEndian.Uint64(h[:8]) >> 1) // #nosec G115 -- 63 bits remain
}
