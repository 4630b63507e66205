package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/store/row"
)

// micros is a time as the database keeps it: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the time of a database's number.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// newID returns a random name of 130 bits with a prefix that says of what it is.
func newID(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()) }

// key63 hashes parts to a positive 64-bit number.
func key63(parts ...string) int64 {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return int64(binary.BigEndian.Uint64(h[:8]) >> 1) // #nosec G115 -- 63 bits remain
}

// assetKey is the primary key of an asset's row: the first 63 bits of the SHA-256 of its reference. Two of a million assets
// share one with a probability of about 5e-8; the insertion of the second then fails, it never overwrites the first.
func assetKey(r asset.Ref) int64 { return key63("asset", r.Account, r.Region, string(r.Kind), r.ID) }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// asJSON encodes one of our plain values; it cannot fail for those.
func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(b), nil
}

// fromJSON decodes what asJSON stored.
func fromJSON(s string, v any) error {
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("decode stored %T: %w", v, err)
	}
	return nil
}

// query reads all rows of a statement.
func query[T any](ctx context.Context, q row.Conn, scan func(row scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one reads the first row of a statement. It returns ErrNotFound if there is none.
func one[T any](ctx context.Context, q row.Conn, scan func(row scanner) (T, error), text string, args ...any) (T, error) {
	v, err := scan(q.QueryRowContext(ctx, text, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return v, ErrNotFound
	}
	return v, err
}

// scanner is what *sql.Row and *sql.Rows share.
type scanner interface{ Scan(dest ...any) error }

// jsonRow scans a row of one JSON column.
func jsonRow[T any](row scanner) (T, error) {
	var v T
	var body string
	if err := row.Scan(&body); err != nil {
		return v, err
	}
	return v, fromJSON(body, &v)
}

func text(row scanner) (string, error) {
	var s string
	err := row.Scan(&s)
	return s, err
}

// where gathers conditions; each ? in them becomes the next numbered parameter.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	var b strings.Builder
	for _, r := range cond {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		w.args = append(w.args, args[0])
		args = args[1:]
		b.WriteString("$" + strconv.Itoa(len(w.args)))
	}
	w.conds = append(w.conds, b.String())
}

// in adds "column is one of the values" if there are any.
func in[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	w.add(column+" IN ("+marks(len(values))+")", args...)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// account adds the scope's accounts, for rows that belong to an account and not to an asset.
func (w *where) account(s auth.Scope, column string) {
	if s.Nothing {
		w.add("1 = 0")
	}
	in(w, column, s.Accounts)
}

// asset adds the scope for a row of table asset under an alias: its accounts, and its tags whether given by hand, by rule or by connector.
func (w *where) asset(s auth.Scope, alias string) {
	w.account(s, alias+".account")
	if len(s.Tags) > 0 {
		w.tagged(alias, s.Tags)
	}
}

// tagged adds "the asset carries one of these tags of ours".
func (w *where) tagged(alias string, tags []string) {
	args := make([]any, 0, 2*len(tags))
	for range 2 {
		for _, t := range tags {
			args = append(args, t)
		}
	}
	m := marks(len(tags))
	w.add(strings.ReplaceAll(`(EXISTS (SELECT 1 FROM asset_tag t WHERE t.asset_pk = A.pk AND t.tag IN (`+m+`))
 OR EXISTS (SELECT 1 FROM scope_connector sc JOIN connector_tag ct ON ct.connector_id = sc.connector_id
  WHERE sc.account = A.account AND sc.region = A.region AND sc.kind = A.kind AND ct.tag IN (`+m+`)))`, "A.", alias+"."), args...)
}

// sql returns the WHERE clause, empty if there is no condition.
func (w *where) sql() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// Limits of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func clampLimit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// cursor encodes where a page ended.
func cursor(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // plain values always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// after decodes a cursor into v and reports whether there is one. It returns ErrCursor for one of another list.
func after(s string, v any) (bool, error) {
	if s == "" {
		return false, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return false, ErrCursor
	}
	return true, nil
}

// page cuts one row more than asked for into a page and the cursor of the next.
func page[T any](rows []T, limit int, key func(T) any) ([]T, string) {
	if len(rows) <= limit {
		return rows, ""
	}
	rows = rows[:limit]
	return rows, cursor(key(rows[limit-1]))
}

// list reads one page: the rows of a SELECT under w in an order, and the cursor of the next page.
func list[T any](ctx context.Context, q row.Conn, scan func(scanner) (T, error), w *where, limit int, sel, order string, key func(T) any) ([]T, string, error) {
	limit = clampLimit(limit)
	args := append(w.args[:len(w.args):len(w.args)], limit+1)
	rows, err := query(ctx, q, scan, sel+w.sql()+" ORDER BY "+order+" LIMIT $"+strconv.Itoa(len(args)), args...)
	if err != nil {
		return nil, "", err
	}
	out, next := page(rows, limit, key)
	return out, next, nil
}

// inserter writes many rows with as few statements as the database likes.
func (db *DB) inserter(q row.Conn, table, columns, suffix string) *row.Inserter {
	return row.NewInserter(q, db.d.batch, table, columns, suffix)
}
