package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"hinomi/internal/auth"
	"hinomi/internal/finding"
)

// FindingCount is how many findings share type, severity and status.
type FindingCount struct {
	Type     finding.Type     `json:"type"`
	Severity finding.Severity `json:"severity"`
	Status   finding.Status   `json:"status"`
	Count    int              `json:"count"`
}

// CountFindings counts the findings that a filter selects, the worst first.
func (db *DB) CountFindings(ctx context.Context, s auth.Scope, f FindingFilter) ([]FindingCount, error) {
	if len(f.Statuses) == 0 {
		f.Statuses = []finding.Status{finding.Active}
	}
	t := tally{}
	err := db.reading(ctx, func(ctx context.Context) error {
		if err := db.countOwn(ctx, s, f, t); err != nil {
			return fmt.Errorf("count findings of assets: %w", err)
		}
		if err := db.countUnits(ctx, s, f, t); err != nil {
			return fmt.Errorf("count findings of inventories: %w", err)
		}
		return nil
	})
	out := make([]FindingCount, 0, len(t))
	for k, n := range t {
		if n != 0 && slices.Contains(f.Statuses, k.Status) {
			k.Count = n
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b FindingCount) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Status, b.Status))
	})
	return out, err
}

// tally counts by a FindingCount without its count.
type tally map[FindingCount]int

func (t tally) add(typ finding.Type, rank int, status finding.Status, n int) {
	for _, v := range finding.Severities() {
		if v.Rank() == rank {
			t[FindingCount{Type: typ, Severity: v, Status: status}] += n
		}
	}
}

// countOwn counts what is of the assets themselves.
func (db *DB) countOwn(ctx context.Context, s auth.Scope, f FindingFilter, t tally) error {
	sd := db.sides(f)[0]
	w := f.where(s, sd, db.now())
	_, err := query(ctx, db.q(ctx), func(row scanner) (struct{}, error) {
		var typ finding.Type
		var status finding.Status
		var rank, n int
		err := row.Scan(&typ, &rank, &status, &n)
		t.add(typ, rank, status, n)
		return struct{}{}, err
	}, `SELECT f.type, f.severity, CASE WHEN `+sd.ended+` > 0 OR a.gone_at > 0 THEN 'CLOSED' WHEN m.key IS NOT NULL THEN 'SUPPRESSED' ELSE 'ACTIVE' END,
 COUNT(*) FROM `+sd.from+w.sql()+` GROUP BY 1, 2, 3`, w.args...)
	return err
}

// countUnits counts what is of inventories: how many assets have each, times what its parts have, less what is suppressed. No asset's findings
// are looked at one by one.
func (db *DB) countUnits(ctx context.Context, s auth.Scope, f FindingFilter, t tally) error {
	x := db.d.inOrder
	w := new(where)
	w.asset(s, "a")
	w.add("l.until_at = 0")
	f.assets(w)
	members := `WITH w AS MATERIALIZED (SELECT l.inventory_pk, SUM(CASE WHEN a.gone_at = 0 THEN 1 ELSE 0 END) AS live, SUM(CASE WHEN a.gone_at > 0 THEN 1 ELSE 0 END) AS gone
 FROM asset a ` + x + ` asset_inventory l ON l.asset_pk = a.pk` + w.sql() + ` GROUP BY l.inventory_pk) `
	if len(w.conds) == 1 { // of all assets: those that are gone are few, and the others' rows need not be read
		members = `WITH w AS MATERIALIZED (SELECT inventory_pk, COUNT(*) AS live, 0 AS gone FROM asset_inventory WHERE until_at = 0 GROUP BY inventory_pk
 UNION ALL SELECT l.inventory_pk, -1, 1 FROM asset a ` + x + ` asset_inventory l ON l.asset_pk = a.pk AND l.until_at = 0 WHERE a.gone_at > 0) `
	}
	w.conds = nil // its arguments stay
	f.content(w)
	body := `SELECT f.type, f.severity, SUM(f.open * w.live), SUM(f.gone * w.live + (f.open + f.gone) * w.gone) FROM w ` + x + ` inventory_part ip ON ip.inventory_pk = w.inventory_pk ` +
		x + ` part_count f ON f.part_pk = ip.part_pk`
	if len(f.Vulnerabilities) > 0 || f.Text != "" {
		body = `SELECT f.type, f.severity, SUM(CASE WHEN f.gone_at = 0 THEN w.live ELSE 0 END), SUM(CASE WHEN f.gone_at = 0 THEN w.gone ELSE w.live + w.gone END) FROM unit_finding f ` +
			x + ` part_unit pu ON pu.unit_pk = f.unit_pk ` + x + ` inventory_part ip ON ip.part_pk = pu.part_pk ` + x + ` w ON w.inventory_pk = ip.inventory_pk`
	}
	if _, err := query(ctx, db.q(ctx), func(row scanner) (struct{}, error) {
		var typ finding.Type
		var rank, open, closed int
		err := row.Scan(&typ, &rank, &open, &closed)
		t.add(typ, rank, finding.Active, open)
		t.add(typ, rank, finding.Closed, closed)
		return struct{}{}, err
	}, members+body+w.sql()+` GROUP BY f.type, f.severity`, w.args...); err != nil {
		return err
	}
	return db.countMarked(ctx, s, f, t)
}

// countMarked moves what is suppressed from the active ones.
func (db *DB) countMarked(ctx context.Context, s auth.Scope, f FindingFilter, t tally) error {
	x := db.d.inOrder
	w := new(where)
	w.asset(s, "a")
	f.assets(w)
	f.content(w)
	w.add("(m.until_at = 0 OR m.until_at > ?) AND a.gone_at = 0 AND f.gone_at = 0", micros(db.now()))
	_, err := query(ctx, db.q(ctx), func(row scanner) (struct{}, error) {
		var typ finding.Type
		var rank, n int
		err := row.Scan(&typ, &rank, &n)
		t.add(typ, rank, finding.Active, -n)
		t.add(typ, rank, finding.Suppressed, n)
		return struct{}{}, err
	}, `SELECT f.type, f.severity, COUNT(*) FROM finding_mark m `+x+` asset a ON a.pk = m.asset_pk `+x+` asset_inventory l ON l.asset_pk = a.pk AND l.until_at = 0 `+
		x+` inventory_part ip ON ip.inventory_pk = l.inventory_pk `+x+` part_unit pu ON pu.part_pk = ip.part_pk `+x+` unit_finding f ON f.unit_pk = pu.unit_pk AND f.key = m.key`+
		w.sql()+` GROUP BY f.type, f.severity`, w.args...)
	return err
}
