// Package row writes many rows of one table with as few statements as the database likes.
package row

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// Conn is a transaction or a pool.
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Inserter takes rows and writes them in batches. Flush must be called at the end.
type Inserter struct {
	conn    Conn
	batch   int // rows of one statement
	table   string
	columns []string
	suffix  string // ON CONFLICT …
	args    []any
	stmt    *sql.Stmt
}

// NewInserter returns an inserter of so many rows a statement into the columns, which blanks separate. The suffix is an ON CONFLICT clause or empty.
func NewInserter(conn Conn, batch int, table, columns, suffix string) *Inserter {
	return &Inserter{conn: conn, batch: batch, table: table, columns: strings.Fields(columns), suffix: suffix}
}

// Add takes one row and writes when a batch is full.
func (in *Inserter) Add(ctx context.Context, values ...any) error {
	in.args = append(in.args, values...)
	if len(in.args) < in.batch*len(in.columns) {
		return nil
	}
	return in.Flush(ctx)
}

// Flush writes what is left. It must be called at the end.
func (in *Inserter) Flush(ctx context.Context) error {
	n := len(in.args) / len(in.columns)
	if n == 0 {
		return nil
	}
	defer func() { in.args = in.args[:0] }()
	if n < in.batch {
		_, err := in.conn.ExecContext(ctx, in.statement(n), in.args...)
		return err
	}
	if in.stmt == nil {
		var err error
		if in.stmt, err = in.conn.PrepareContext(ctx, in.statement(n)); err != nil { // closed with its transaction
			return err
		}
	}
	_, err := in.stmt.ExecContext(ctx, in.args...)
	return err
}

func (in *Inserter) statement(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + in.table + " (" + strings.Join(in.columns, ", ") + ") VALUES ")
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for c := range in.columns {
			if c > 0 {
				b.WriteString(", ")
			}
			n++
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteByte(')')
	}
	return b.String() + " " + in.suffix
}
