// Package rejudge judges the units that inventories are kept in (store/part), and again exactly those that a change of the advisories touches.
package rejudge

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/part"
)

// Judge judges units with one advisory database.
type Judge struct {
	DB      *advisorydb.DB
	Edition int64        // what the store calls this database; 0 if it does not know it
	Options vuln.Options // Now must be set
	Rules   string       // a sum of what in Options users decided: where it is another than before, everything is judged again
	Workers int          // how many units are judged at the same time; 1 if 0
}

// Units judges units and returns their verdicts in the same order. What a unit's verdict depends on is among its asks.
func (j *Judge) Units(ctx context.Context, units []part.Unit) ([]part.Verdict, error) {
	out := make([]part.Verdict, len(units))
	n := max(1, j.Workers)
	size := (len(units) + n - 1) / n
	g, ctx := errgroup.WithContext(ctx)
	for from := 0; from < len(units); from += size {
		g.Go(func() error {
			r := newRecorder(j.DB)
			for i := from; i < min(from+size, len(units)); i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				v, err := j.unit(r, &units[i])
				if err != nil {
					return fmt.Errorf("judge %s: %w", units[i].Source, err)
				}
				out[i] = v
			}
			return nil
		})
	}
	return out, g.Wait()
}

func (j *Judge) unit(r *recorder, u *part.Unit) (part.Verdict, error) {
	r.begin()
	v := part.Verdict{Unit: u.PK, Group: u.Group, Edition: j.Edition, Whole: true}
	res := vuln.Match(&u.Inventory, r, j.Options)
	found, err := vuln.Findings(&res, asset.Ref{}, r, j.Options.Now)
	if err != nil {
		return v, err
	}
	if !u.Frame { // of the system itself the frame speaks
		found = slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Type == finding.EndOfLife })
	}
	v.Findings, v.Excused = found, vuln.Excused(&res, asset.Ref{})
	for _, n := range res.NotAssessed {
		v.Notes = append(v.Notes, part.Note{Reason: string(n.Reason), Ecosystem: n.Ecosystem, Package: n.Package, Version: n.Version, Packages: n.Packages, Detail: n.Detail})
		// Gaps are places: what lies outside of them is judged all the same.
		v.Whole = v.Whole && u.Frame && n.Reason == vuln.InventoryGap
	}
	v.Asks = r.end(found)
	return v, nil
}
