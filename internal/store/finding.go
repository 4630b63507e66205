package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
)

// Assessment is what an evaluation found on one asset itself, not in its inventory. Findings' IDs are fingerprints with the asset.
type Assessment struct {
	Ref      asset.Ref
	Types    []finding.Type // what was evaluated: open findings of these types that are not in Findings are closed
	ReadAt   time.Time      // when the evidence was read
	Gap      bool           // a part of the evidence was missing: nothing is closed
	Findings []finding.Finding
}

// Assessed says what assessments changed.
type Assessed struct{ Opened, Changed, Closed, Reopened, Older int }

// PutAssessments stores what was found on assets. A finding is closed only by evidence read after it was last seen and outside a gap;
// an assessment older than the stored one of its type is counted and ignored.
func (db *DB) PutAssessments(ctx context.Context, list []Assessment) (Assessed, error) {
	var out Assessed
	err := db.InTx(ctx, func(ctx context.Context) error {
		for _, a := range list {
			for _, t := range a.Types {
				if err := db.assess(ctx, a, t, &out); err != nil {
					return fmt.Errorf("findings of %s: %w", a.Ref, err)
				}
			}
		}
		return nil
	})
	return out, err
}

type ownFinding struct {
	id, hash     string
	last, closed int64
}

func (db *DB) assess(ctx context.Context, a Assessment, t finding.Type, out *Assessed) error {
	pk, at, now := assetKey(a.Ref), micros(a.ReadAt), micros(db.now())
	var before int64
	if err := db.q(ctx).QueryRowContext(ctx, `SELECT COALESCE(MAX(read_at), 0) FROM assessment WHERE asset_pk = $1 AND type = $2`, pk, string(t)).Scan(&before); err != nil {
		return err
	}
	if at < before {
		out.Older++
		return nil
	}
	have, err := query(ctx, db.q(ctx), func(row scanner) (ownFinding, error) {
		var o ownFinding
		return o, row.Scan(&o.id, &o.hash, &o.last, &o.closed)
	}, `SELECT id, hash, last_seen, closed_at FROM finding WHERE asset_pk = $1 AND type = $2 AND origin = $3`, pk, string(t), originAsset)
	if err != nil {
		return err
	}
	byID := make(map[string]ownFinding, len(have))
	for _, o := range have {
		byID[o.id] = o
	}
	for _, f := range a.Findings {
		if f.Type != t {
			continue
		}
		o, known := byID[f.ID]
		delete(byID, f.ID)
		if err := db.putOwn(ctx, pk, at, now, f, o, known, a.Gap, out); err != nil {
			return err
		}
	}
	if a.Gap {
		return nil
	}
	for id, o := range byID {
		if o.closed != 0 || at <= max(o.last, before) {
			continue
		}
		out.Closed++
		if _, err := db.exec(ctx, `UPDATE finding SET closed_at = $2, last_seen = $3, why = $4, updated_at = $5 WHERE id = $1`,
			id, at, max(o.last, before), "no longer so in what was read at "+a.ReadAt.UTC().Format(time.RFC3339), now); err != nil {
			return err
		}
	}
	_, err = db.exec(ctx, `INSERT INTO assessment (asset_pk, type, read_at) VALUES ($1, $2, $3)
ON CONFLICT (asset_pk, type) DO UPDATE SET read_at = excluded.read_at WHERE assessment.read_at < excluded.read_at`, pk, string(t), at)
	return err
}

// putOwn writes a finding that is new, differs, or was closed.
func (db *DB) putOwn(ctx context.Context, pk, at, now int64, f finding.Finding, o ownFinding, known, gap bool, out *Assessed) error {
	body, err := findingBody(f)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:16])
	switch {
	case !known:
		out.Opened++
		_, err = db.exec(ctx, `INSERT INTO finding (id, asset_pk, key, origin, type, severity, score, vulnerability, hash, body, first_seen, last_seen, updated_at)
VALUES ($1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)`,
			f.ID, pk, originAsset, string(f.Type), f.Severity.Rank(), f.Score, vulnerabilityOf(f), hash, body, at, now)
		return err
	case o.closed == 0 && o.hash == hash && !gap:
		return nil // the assessment's time is its "last seen"
	case o.closed != 0 && at <= o.closed:
		return nil
	case o.closed != 0:
		out.Reopened++
	case o.hash != hash:
		out.Changed++
	}
	_, err = db.exec(ctx, `UPDATE finding SET severity = $2, score = $3, vulnerability = $4, hash = $5, body = $6, last_seen = $7, closed_at = 0, why = '', updated_at = $8 WHERE id = $1`,
		f.ID, f.Severity.Rank(), f.Score, vulnerabilityOf(f), hash, body, at, now)
	return err
}

// FindingFilter selects findings. Empty fields do not restrict.
type FindingFilter struct {
	Statuses        []finding.Status // without any: ACTIVE
	Types           []finding.Type
	Severities      []finding.Severity
	Accounts        []string
	Regions         []string
	Assets          []string // ids
	Tags            []string // on assets that carry one of these tags of ours
	Vulnerabilities []string // CVE and advisory ids, rule ids
	Text            string   // part of the evidence, in any case
}

// findings is every finding of every asset: those of the asset itself or of its past, and those of its inventory.
const findings = `(SELECT f.id, f.key, f.type, f.severity, f.score, f.vulnerability, f.body, f.why, f.first_seen, f.updated_at,
  CASE WHEN f.origin = 'asset' AND f.closed_at = 0 AND s.read_at > f.last_seen THEN s.read_at ELSE f.last_seen END AS last_seen,
  CASE WHEN f.closed_at > 0 THEN f.closed_at ELSE a.gone_at END AS closed_at, a.pk, a.account, a.region, a.kind, a.id AS asset_id
 FROM finding f JOIN asset a ON a.pk = f.asset_pk LEFT JOIN assessment s ON s.asset_pk = f.asset_pk AND s.type = f.type
UNION ALL SELECT '' AS id, f.key, f.type, f.severity, f.score, f.vulnerability, f.body, f.gone_why, ` + firstSeen + `, i.judged_at,
  l.read_at, CASE WHEN f.gone_at > 0 THEN f.gone_at ELSE a.gone_at END, a.pk, a.account, a.region, a.kind, a.id
 FROM inventory_finding f JOIN inventory i ON i.pk = f.inventory_pk JOIN asset_inventory l ON l.inventory_pk = f.inventory_pk AND l.until_at = 0
 JOIN asset a ON a.pk = l.asset_pk) x LEFT JOIN finding_mark m ON m.asset_pk = x.pk AND m.key = x.key AND (m.until_at = 0 OR m.until_at > $1)`

const statusOf = `CASE WHEN x.closed_at > 0 THEN 'CLOSED' WHEN m.key IS NOT NULL THEN 'SUPPRESSED' ELSE 'ACTIVE' END`

const findingSelect = `SELECT x.id, x.key, x.type, x.severity, x.score, x.body, x.why, x.first_seen, x.last_seen, x.updated_at, x.closed_at, x.pk, x.account, x.region,
 x.kind, x.asset_id, COALESCE(m.why, ''), ` + statusOf + ` FROM ` + findings

type findingRow struct {
	finding.Finding
	key string
	pk  int64
}

func scanFinding(row scanner) (findingRow, error) {
	var r findingRow
	var id, body, why, markWhy string
	var typ finding.Type
	var severity int
	var score float64
	var first, last, updated, closed int64
	var status finding.Status
	var ref asset.Ref
	if err := row.Scan(&id, &r.key, &typ, &severity, &score, &body, &why, &first, &last, &updated, &closed, &r.pk,
		&ref.Account, &ref.Region, &ref.Kind, &ref.ID, &markWhy, &status); err != nil {
		return r, err
	}
	if err := fromJSON(body, &r.Finding); err != nil {
		return r, err
	}
	if id == "" {
		id = derivedID(r.key, r.pk)
	}
	r.ID, r.Resource, r.Status, r.StatusWhy = id, ref, status, why
	r.FirstSeen, r.LastSeen, r.UpdatedAt, r.ClosedAt = moment(first), moment(last), moment(updated), moment(closed)
	switch {
	case status == finding.Suppressed:
		r.StatusWhy = markWhy
	case status == finding.Closed && why == "":
		r.StatusWhy = "the asset is gone"
	}
	return r, nil
}

func (f FindingFilter) where(s auth.Scope, now time.Time) *where {
	w := &where{args: []any{micros(now)}} // $1 is in findings
	w.asset(s, "x")
	if len(f.Statuses) == 0 {
		f.Statuses = []finding.Status{finding.Active}
	}
	in(w, statusOf, f.Statuses)
	in(w, "x.type", f.Types)
	if len(f.Severities) > 0 {
		ranks := make([]any, len(f.Severities))
		for i, v := range f.Severities {
			ranks[i] = v.Rank()
		}
		w.add("x.severity IN ("+marks(len(ranks))+")", ranks...)
	}
	in(w, "x.account", f.Accounts)
	in(w, "x.region", f.Regions)
	in(w, "x.asset_id", f.Assets)
	in(w, "x.vulnerability", f.Vulnerabilities)
	if len(f.Tags) > 0 {
		w.tagged("x", f.Tags)
	}
	if f.Text != "" {
		w.add(`LOWER(x.body) LIKE ? ESCAPE '\'`, contains(f.Text))
	}
	return w
}

// findingKey is the cursor of findings.
type findingKey struct {
	Severity int
	Score    float64
	Key      string
	PK       int64
}

// Findings returns a page of findings, the worst first.
func (db *DB) Findings(ctx context.Context, s auth.Scope, f FindingFilter, from string, limit int) ([]finding.Finding, string, error) {
	w := f.where(s, db.now())
	var k findingKey
	if ok, err := after(from, &k); err != nil {
		return nil, "", err
	} else if ok {
		w.add("(-x.severity, -x.score, x.key, x.pk) > (?, ?, ?, ?)", -k.Severity, -k.Score, k.Key, k.PK)
	}
	rows, next, err := list(ctx, db.q(ctx), scanFinding, w, limit, findingSelect, "x.severity DESC, x.score DESC, x.key, x.pk",
		func(r findingRow) any { return findingKey{r.Severity.Rank(), r.Score, r.key, r.pk} })
	if err != nil {
		return nil, "", fmt.Errorf("list findings: %w", err)
	}
	out := make([]finding.Finding, len(rows))
	for i, r := range rows {
		out[i] = r.Finding
	}
	return out, next, nil
}

// Finding returns one finding in any status. It returns ErrNotFound also for one outside the scope.
func (db *DB) Finding(ctx context.Context, s auth.Scope, id string) (finding.Finding, error) {
	r, err := db.finding(ctx, s, id)
	return r.Finding, err
}

func (db *DB) finding(ctx context.Context, s auth.Scope, id string) (findingRow, error) {
	w := &where{args: []any{micros(db.now())}}
	w.asset(s, "x")
	if n := len(id) - 16; n > 0 {
		if pk, err := strconv.ParseInt(id[n:], 16, 64); err == nil {
			w.add("(x.id = ? OR x.id = '' AND x.key = ? AND x.pk = ?)", id, id[:n], pk)
			return one(ctx, db.q(ctx), scanFinding, findingSelect+w.sql(), w.args...)
		}
	}
	w.add("x.id = ?", id)
	return one(ctx, db.q(ctx), scanFinding, findingSelect+w.sql(), w.args...)
}

// FindingCount is how many findings share type, severity and status.
type FindingCount struct {
	Type     finding.Type     `json:"type"`
	Severity finding.Severity `json:"severity"`
	Status   finding.Status   `json:"status"`
	Count    int              `json:"count"`
	Assets   int              `json:"assets"` // how many different assets have them
}

// CountFindings counts the findings that a filter selects, the worst first.
func (db *DB) CountFindings(ctx context.Context, s auth.Scope, f FindingFilter) ([]FindingCount, error) {
	w := f.where(s, db.now())
	return query(ctx, db.q(ctx), func(row scanner) (FindingCount, error) {
		var c FindingCount
		var rank int
		err := row.Scan(&c.Type, &rank, &c.Status, &c.Count, &c.Assets)
		for _, v := range finding.Severities() {
			if v.Rank() == rank {
				c.Severity = v
			}
		}
		return c, err
	}, `SELECT x.type, x.severity, `+statusOf+`, COUNT(*), COUNT(DISTINCT x.pk) FROM `+findings+w.sql()+` GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1, 3`, w.args...)
}

// Suppress takes a finding of one asset out of the active ones, with the reason and until a time (zero: for good). It stays suppressed
// when a later inventory holds it too.
func (db *DB) Suppress(ctx context.Context, s auth.Scope, id, why, byWhom string, until time.Time) error {
	if strings.TrimSpace(why) == "" {
		return errors.New("a suppression needs its reason")
	}
	return db.InTx(ctx, func(ctx context.Context) error {
		r, err := db.finding(ctx, s, id)
		if err != nil {
			return err
		}
		_, err = db.exec(ctx, `INSERT INTO finding_mark (asset_pk, key, why, by_whom, at, until_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (asset_pk, key) DO UPDATE SET why = excluded.why, by_whom = excluded.by_whom, at = excluded.at, until_at = excluded.until_at`,
			r.pk, r.key, why, byWhom, micros(db.now()), micros(until))
		return err
	})
}

// Unsuppress makes a suppressed finding active again. It returns ErrNotFound if it was not suppressed.
func (db *DB) Unsuppress(ctx context.Context, s auth.Scope, id string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		r, err := db.finding(ctx, s, id)
		if err != nil {
			return err
		}
		return db.mustChange(ctx, `DELETE FROM finding_mark WHERE asset_pk = $1 AND key = $2`, r.pk, r.key)
	})
}

// ForgetFindings deletes findings that were closed before a time and returns how many.
func (db *DB) ForgetFindings(ctx context.Context, before time.Time) (n int64, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		for i, q := range []string{
			`DELETE FROM finding WHERE closed_at > 0 AND closed_at < $1`,
			`DELETE FROM inventory_finding WHERE gone_at > 0 AND gone_at < $1`,
		} {
			k, err := db.exec(ctx, q, micros(before))
			if err != nil {
				return fmt.Errorf("forget findings (%d): %w", i, err)
			}
			n += k
		}
		return nil
	})
	return n, err
}

func contains(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}
