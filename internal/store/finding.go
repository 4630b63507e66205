package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/store/part"
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
	body, err := part.Body(f)
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
			f.ID, pk, originAsset, string(f.Type), f.Severity.Rank(), f.Score, part.Vulnerability(&f), hash, body, at, now)
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
		f.ID, f.Severity.Rank(), f.Score, part.Vulnerability(&f), hash, body, at, now)
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

// side is a place where findings are: rows of the asset itself or of its past, and rows of the units of its current inventory, those of each
// status by the way that reads few rows. Each is asked by itself, so that a page is read along an index, and the answers are merged.
type side struct {
	columns string // id, what it says of its end, times, unit and group
	from    string
	ended   string // the column of f that holds when it ended, 0 if it has not
	order   string // what follows severity, score and key
	body    string // reads the body of a row l of the page: it is not carried through the sorting
	only    string // the condition that makes the status; "" leaves it to the filter
}

// sides returns the places of a filter with its statuses.
func (db *DB) sides(f FindingFilter) []side {
	x := db.d.inOrder
	own := `finding f ` + x + ` asset a ON a.pk = f.asset_pk`
	chain := ` ` + x + ` asset_inventory l ON l.asset_pk = a.pk AND l.until_at = 0 ` + x + ` inventory_part ip ON ip.inventory_pk = l.inventory_pk ` +
		x + ` part_unit pu ON pu.part_pk = ip.part_pk ` + x + ` unit_finding f ON f.unit_pk = pu.unit_pk`
	byAsset := `asset a` + chain + marked
	units := `unit_finding f ` + x + ` part_unit pu ON pu.unit_pk = f.unit_pk ` + x + ` inventory_part ip ON ip.part_pk = pu.part_pk ` +
		x + ` asset_inventory l ON l.inventory_pk = ip.inventory_pk AND l.until_at = 0 ` + x + ` asset a ON a.pk = l.asset_pk` + marked
	if len(f.Assets) > 0 { // few assets: their rows first
		own, units = `asset a `+x+` finding f ON f.asset_pk = a.pk`, byAsset
	}
	unit := side{
		columns: `'' AS id, f.gone_why AS why, 0 AS first_seen, l.read_at AS last_seen, f.updated_at AS updated_at, f.grp, f.unit_pk, pu.part_pk, ip.inventory_pk`,
		from:    units, ended: "f.gone_at", order: "f.unit_pk, pu.part_pk, ip.inventory_pk, l.asset_pk", // columns of the indexes: nothing is sorted
		body: "SELECT b.body FROM unit_finding b WHERE b.unit_pk = l.unit_pk AND b.key = l.key",
	}
	out := []side{{
		columns: `f.id, f.why, f.first_seen AS first_seen, CASE WHEN f.origin = 'asset' AND f.closed_at = 0 AND s.read_at > f.last_seen THEN s.read_at ELSE f.last_seen END AS last_seen, f.updated_at AS updated_at,
 CAST(0 AS BIGINT) AS grp, 0 AS unit_pk, 0 AS part_pk, 0 AS inventory_pk`,
		from:  own + ` LEFT JOIN assessment s ON s.asset_pk = f.asset_pk AND s.type = f.type` + marked,
		ended: "f.closed_at", order: "a.pk", body: "SELECT b.body FROM finding b WHERE b.id = l.id",
	}}
	add := func(from, only string) {
		unit.from, unit.only = from, only
		out = append(out, unit)
	}
	for _, st := range f.statuses() {
		switch st {
		case finding.Active:
			add(units, "f.gone_at = 0 AND a.gone_at = 0 AND m.key IS NULL")
		case finding.Suppressed: // few: by what people decided
			add(`finding_mark m `+x+` asset a ON a.pk = m.asset_pk AND (m.until_at = 0 OR m.until_at > $1)`+chain+` AND f.key = m.key`, "f.gone_at = 0 AND a.gone_at = 0")
		case finding.Closed: // by advisories, and with their assets
			add(units, "f.gone_at > 0")
			add(byAsset, "f.gone_at = 0 AND a.gone_at > 0")
		}
	}
	return out
}

// statuses returns what is asked for, each once; without any: ACTIVE.
func (f FindingFilter) statuses() []finding.Status {
	if len(f.Statuses) == 0 {
		return []finding.Status{finding.Active}
	}
	return slices.Compact(slices.Sorted(slices.Values(f.Statuses)))
}

// marked joins the suppressions in force at $1.
const marked = ` LEFT JOIN finding_mark m ON m.asset_pk = a.pk AND m.key = f.key AND (m.until_at = 0 OR m.until_at > $1)`

// sql is the SELECT of a page of this side. An inventory's first seen, and the body, are looked for after the page is cut.
func (sd side) sql(w *where, tail string) string {
	return `SELECT l.id, l.key, l.severity, l.score, (` + sd.body + `), l.why, CASE WHEN l.first_seen > 0 THEN l.first_seen ELSE ` + strings.NewReplacer("f.key", "l.key", "f.grp", "l.grp").Replace(firstSeen) + ` END,
 l.last_seen, l.updated_at, l.ended, l.gone_at, l.asset_pk, l.account, l.region, l.kind, l.asset_id, l.mark, l.unit_pk, l.part_pk, l.inventory_pk FROM (SELECT ` + sd.columns + `, f.key, f.severity, f.score,
 ` + sd.ended + ` AS ended, a.gone_at, a.pk AS asset_pk, a.account, a.region, a.kind, a.id AS asset_id, m.why AS mark FROM ` + sd.from + w.sql() + tail + `) l`
}

type findingRow struct {
	finding.Finding
	key                   string
	unit, part, inventory int64 // 0 for what is of the asset itself
	pk                    int64
}

func scanFinding(row scanner) (findingRow, error) {
	var r findingRow
	var id, body, why string
	var mark sql.NullString
	var severity int
	var score float64
	var first, last, updated, ended, gone int64
	var ref asset.Ref
	if err := row.Scan(&id, &r.key, &severity, &score, &body, &why, &first, &last, &updated, &ended, &gone, &r.pk,
		&ref.Account, &ref.Region, &ref.Kind, &ref.ID, &mark, &r.unit, &r.part, &r.inventory); err != nil {
		return r, err
	}
	if err := fromJSON(body, &r.Finding); err != nil {
		return r, err
	}
	if id == "" {
		id = derivedID(r.key, r.pk)
	}
	r.ID, r.Resource, r.Status, r.StatusWhy = id, ref, finding.Active, why
	r.FirstSeen, r.LastSeen, r.UpdatedAt = moment(first), moment(last), moment(updated)
	switch {
	case ended > 0:
		r.Status, r.ClosedAt = finding.Closed, moment(ended)
	case gone > 0:
		r.Status, r.StatusWhy, r.ClosedAt = finding.Closed, "the asset is gone", moment(gone)
	case mark.Valid:
		r.Status, r.StatusWhy = finding.Suppressed, mark.String
	}
	return r, nil
}

// where returns the filter's conditions on a side.
func (f FindingFilter) where(s auth.Scope, sd side, now time.Time) *where {
	w := &where{args: []any{micros(now)}} // $1 is in marked
	w.asset(s, "a")
	conds := []string{"1 = 0"}
	for _, st := range f.statuses() {
		switch st {
		case finding.Closed:
			conds = append(conds, "("+sd.ended+" > 0 OR a.gone_at > 0)")
		case finding.Suppressed:
			conds = append(conds, "("+sd.ended+" = 0 AND a.gone_at = 0 AND m.key IS NOT NULL)")
		case finding.Active:
			conds = append(conds, "("+sd.ended+" = 0 AND a.gone_at = 0 AND m.key IS NULL)")
		}
	}
	w.add(cmp.Or(sd.only, "("+strings.Join(conds, " OR ")+")"))
	f.content(w)
	f.assets(w)
	return w
}

// content adds what the filter asks of the findings themselves.
func (f FindingFilter) content(w *where) {
	in(w, "f.type", f.Types)
	if len(f.Severities) > 0 {
		ranks := make([]any, len(f.Severities))
		for i, v := range f.Severities {
			ranks[i] = v.Rank()
		}
		w.add("f.severity IN ("+marks(len(ranks))+")", ranks...)
	}
	in(w, "f.vulnerability", f.Vulnerabilities)
	if f.Text != "" {
		w.add(`LOWER(f.body) LIKE ? ESCAPE '\'`, contains(f.Text))
	}
}

// assets adds what the filter asks of their assets.
func (f FindingFilter) assets(w *where) {
	in(w, "a.account", f.Accounts)
	in(w, "a.region", f.Regions)
	in(w, "a.id", f.Assets)
	if len(f.Tags) > 0 {
		w.tagged("a", f.Tags)
	}
}

// findingKey is the cursor of findings, in their order: the worst first, then by score and key, and equal ones as they are kept.
type findingKey struct {
	Severity              int
	Score                 float64
	Key                   string
	Unit, Part, Inventory int64
	PK                    int64
}

func (r findingRow) order() findingKey {
	return findingKey{r.Severity.Rank(), r.Score, r.key, r.unit, r.part, r.inventory, r.pk}
}

func (k findingKey) compare(o findingKey) int {
	return cmp.Or(cmp.Compare(o.Severity, k.Severity), cmp.Compare(o.Score, k.Score), cmp.Compare(k.Key, o.Key),
		cmp.Compare(k.Unit, o.Unit), cmp.Compare(k.Part, o.Part), cmp.Compare(k.Inventory, o.Inventory), cmp.Compare(k.PK, o.PK))
}

// after adds that a row comes after the cursor. The first condition is where the index begins, the second what f's row alone can decide.
func (k findingKey) after(w *where, sd side) {
	w.add("f.severity <= ?", k.Severity)
	w.add("(f.severity < ? OR f.score < ? OR f.score = ? AND f.key >= ?)", k.Severity, k.Score, k.Score, k.Key)
	rest := "(f.unit_pk, pu.part_pk, ip.inventory_pk, l.asset_pk) > (?, ?, ?, ?)"
	if sd.order == "a.pk" {
		rest = "(CAST(0 AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT), a.pk) > (?, ?, ?, ?)"
	}
	w.add("(f.severity < ? OR f.score < ? OR f.key > ? OR "+rest+")", k.Severity, k.Score, k.Key, k.Unit, k.Part, k.Inventory, k.PK)
}

// Findings returns a page of findings, the worst first.
func (db *DB) Findings(ctx context.Context, s auth.Scope, f FindingFilter, from string, limit int) ([]finding.Finding, string, error) {
	var k findingKey
	more, err := after(from, &k)
	if err != nil {
		return nil, "", err
	}
	limit = clampLimit(limit)
	var rows []findingRow
	err = db.reading(ctx, func(ctx context.Context) error {
		for _, sd := range db.sides(f) {
			w := f.where(s, sd, db.now())
			if more {
				k.after(w, sd)
			}
			part, err := query(ctx, db.q(ctx), scanFinding, sd.sql(w, fmt.Sprintf(" ORDER BY f.severity DESC, f.score DESC, f.key, %s LIMIT %d", sd.order, limit+1)), w.args...)
			if err != nil {
				return fmt.Errorf("list findings: %w", err)
			}
			rows = append(rows, part...)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(rows, func(a, b findingRow) int { return a.order().compare(b.order()) })
	rows, next := page(rows, limit, func(r findingRow) any { return r.order() })
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
	every := FindingFilter{Statuses: []finding.Status{finding.Active, finding.Suppressed, finding.Closed}}
	both := [2]side{db.sides(every)[0], db.sides(FindingFilter{Assets: []string{id}})[1]} // one finding: by its keys
	both[1].only = ""
	w := every.where(s, both[0], db.now())
	w.add("f.id = ?", id)
	r, err := one(ctx, db.q(ctx), scanFinding, both[0].sql(w, ""), w.args...)
	n := len(id) - 16
	if !errors.Is(err, ErrNotFound) || n <= 0 {
		return r, err
	}
	pk, bad := strconv.ParseInt(id[n:], 16, 64)
	if bad != nil {
		return r, err // it has not the form of an inventory's finding
	}
	w = every.where(s, both[1], db.now())
	w.add("f.key = ? AND a.pk = ?", id[:n], pk)
	return one(ctx, db.q(ctx), scanFinding, both[1].sql(w, ""), w.args...)
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
	err = db.inParts(ctx, func(ctx context.Context, h part.Home) error {
		own, err := db.exec(ctx, `DELETE FROM finding WHERE closed_at > 0 AND closed_at < $1`, micros(before))
		if err != nil {
			return fmt.Errorf("forget findings: %w", err)
		}
		units, err := h.Forget(ctx, micros(before))
		n = own + units
		return err
	})
	return n, err
}

func contains(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}
