package store

import (
	"context"
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
)

// PutCoverage stores the status of assets for types of scan; rows that say the same already are not written. It returns how many were.
func (db *DB) PutCoverage(ctx context.Context, list []coverage.Coverage) (written int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		for _, c := range list {
			body, err := asJSON(c)
			if err != nil {
				return err
			}
			n, err := db.exec(ctx, `INSERT INTO coverage (asset_pk, scan, status, reason, last_scanned, next_scan, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (asset_pk, scan) DO UPDATE SET status = excluded.status, reason = excluded.reason, last_scanned = excluded.last_scanned,
 next_scan = excluded.next_scan, body = excluded.body WHERE coverage.body <> excluded.body`,
				assetKey(c.Resource), string(c.Scan), string(c.Status), string(c.Reason), micros(c.LastScanned), micros(c.Next), body)
			if err != nil {
				return fmt.Errorf("coverage of %s: %w", c.Resource, err)
			}
			written += int(n)
		}
		return nil
	})
	return written, err
}

// CoverageFilter selects rows of coverage. Empty fields do not restrict.
type CoverageFilter struct {
	Scans    []coverage.Scan
	Statuses []coverage.Status
	Reasons  []coverage.Reason
	Accounts []string
	Regions  []string
	Assets   []string // ids
	Tags     []string
}

func (f CoverageFilter) where(s auth.Scope) *where {
	w := new(where)
	w.asset(s, "a")
	in(w, "c.scan", f.Scans)
	in(w, "c.status", f.Statuses)
	in(w, "c.reason", f.Reasons)
	in(w, "a.account", f.Accounts)
	in(w, "a.region", f.Regions)
	in(w, "a.id", f.Assets)
	if len(f.Tags) > 0 {
		w.tagged("a", f.Tags)
	}
	return w
}

// coverageKey is the cursor of coverage.
type coverageKey struct {
	Ref  asset.Ref
	Scan string
}

// Coverage returns a page of coverage, by account, region, asset and scan.
func (db *DB) Coverage(ctx context.Context, s auth.Scope, f CoverageFilter, from string, limit int) ([]coverage.Coverage, string, error) {
	w := f.where(s)
	var k coverageKey
	if ok, err := after(from, &k); err != nil {
		return nil, "", err
	} else if ok {
		w.add("(a.account, a.region, a.id, c.scan) > (?, ?, ?, ?)", k.Ref.Account, k.Ref.Region, k.Ref.ID, k.Scan)
	}
	return list(ctx, db.q(ctx), jsonRow[coverage.Coverage], w, limit, `SELECT c.body FROM coverage c JOIN asset a ON a.pk = c.asset_pk`,
		"a.account, a.region, a.id, c.scan", func(c coverage.Coverage) any { return coverageKey{c.Resource, string(c.Scan)} })
}

// CoverageCount is how many assets share a status and its reason.
type CoverageCount struct {
	Scan   coverage.Scan   `json:"scanType"`
	Status coverage.Status `json:"scanStatus"`
	Reason coverage.Reason `json:"reason"`
	Count  int             `json:"count"`
}

// CountCoverage counts what a filter selects.
func (db *DB) CountCoverage(ctx context.Context, s auth.Scope, f CoverageFilter) ([]CoverageCount, error) {
	w := f.where(s)
	return query(ctx, db.q(ctx), func(row scanner) (CoverageCount, error) {
		var c CoverageCount
		return c, row.Scan(&c.Scan, &c.Status, &c.Reason, &c.Count)
	}, `SELECT c.scan, c.status, c.reason, COUNT(*) FROM coverage c JOIN asset a ON a.pk = c.asset_pk`+w.sql()+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, w.args...)
}
