package part

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/store/row"
)

// Home is where parts are kept: the store's transaction or pool, and how its database likes to be written to and asked.
// What writes needs a transaction that no other writer of parts shares its time with.
type Home struct {
	row.Conn
	Rows    int    // of one INSERT
	InOrder string // "JOIN", or "CROSS JOIN" where tables are joined in the order they are written
}

// inserter writes many rows of a table. Flush must be called at the end.
func (h Home) inserter(table, columns, suffix string) *row.Inserter {
	return row.NewInserter(h.Conn, h.Rows, table, columns, suffix)
}

// each calls do for every row of a statement.
func (h Home) each(ctx context.Context, do func(scan func(dest ...any) error) error, text string, args ...any) error {
	rows, err := h.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// chunk is how many rows are asked for with one statement.
const chunk = 500

// numbers writes numbers of ours into a statement's list.
func numbers(list []int64) string {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return b.String()
}

// words returns the parameters of a list of words: "$1,$2", and their values.
func words(list []string) (marks string, args []any) {
	var b strings.Builder
	for i, w := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1))
		args = append(args, w)
	}
	return b.String(), args
}

// Put keeps the parts of an inventory that is stored already.
func (h Home) Put(ctx context.Context, inventoryPK int64, parts []Part) error {
	var fresh []Part
	var units []Unit
	known := map[string]int64{}
	for _, p := range parts {
		r, err := h.ExecContext(ctx, `INSERT INTO part (hash, root) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, p.Hash, p.Root)
		if err != nil {
			return fmt.Errorf("keep a part: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			fresh = append(fresh, p)
			units = append(units, p.Units...)
		}
	}
	hashes := make([]string, len(parts))
	for i, p := range parts {
		hashes[i] = p.Hash
	}
	if err := h.lookUp(ctx, "part", hashes, known); err != nil {
		return err
	}
	links := h.inserter("inventory_part", "inventory_pk part_pk", "")
	for _, p := range parts {
		if err := links.Add(ctx, inventoryPK, known[p.Hash]); err != nil {
			return fmt.Errorf("keep a part: %w", err)
		}
	}
	if err := links.Flush(ctx); err != nil {
		return fmt.Errorf("keep a part: %w", err)
	}
	keys, err := h.putUnits(ctx, units)
	if err != nil {
		return err
	}
	members := h.inserter("part_unit", "part_pk grp unit_pk", "")
	for _, p := range fresh {
		for i := range p.Units {
			if err := members.Add(ctx, known[p.Hash], p.Units[i].Group, keys[p.Units[i].Hash]); err != nil {
				return fmt.Errorf("keep the units of a part: %w", err)
			}
		}
	}
	if err := members.Flush(ctx); err != nil {
		return fmt.Errorf("keep the units of a part: %w", err)
	}
	for _, p := range fresh { // some of its units may be known, with findings
		if err := h.count(ctx, known[p.Hash]); err != nil {
			return err
		}
	}
	return nil
}

// putUnits keeps units and returns the keys of all of them by hash.
func (h Home) putUnits(ctx context.Context, units []Unit) (map[string]int64, error) {
	keys := make(map[string]int64, len(units))
	hashes := make([]string, len(units))
	for i := range units {
		hashes[i] = units[i].Hash
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	if err := h.lookUp(ctx, "unit", hashes, keys); err != nil {
		return nil, err
	}
	slices.SortFunc(units, func(a, b Unit) int { return strings.Compare(a.Hash, b.Hash) })
	ins := h.inserter("unit", "hash grp ecosystem source frame body", "ON CONFLICT (hash) DO NOTHING")
	missing := hashes[:0]
	for i := range units {
		u := &units[i]
		if _, ok := keys[u.Hash]; ok || i > 0 && units[i-1].Hash == u.Hash {
			continue
		}
		body, err := json.Marshal(&u.Inventory)
		if err != nil {
			return nil, fmt.Errorf("encode a unit: %w", err)
		}
		frame := 0
		if u.Frame {
			frame = 1
		}
		if err := ins.Add(ctx, u.Hash, u.Group, u.Ecosystem, u.Source, frame, string(body)); err != nil {
			return nil, fmt.Errorf("keep a unit: %w", err)
		}
		missing = append(missing, u.Hash)
	}
	if err := ins.Flush(ctx); err != nil {
		return nil, fmt.Errorf("keep a unit: %w", err)
	}
	return keys, h.lookUp(ctx, "unit", missing, keys)
}

// lookUp adds the keys of rows by their hashes.
func (h Home) lookUp(ctx context.Context, table string, hashes []string, to map[string]int64) error {
	for list := range slices.Chunk(hashes, chunk) {
		marks, args := words(list)
		err := h.each(ctx, func(scan func(...any) error) error {
			var hash string
			var pk int64
			err := scan(&hash, &pk)
			to[hash] = pk
			return err
		}, `SELECT hash, pk FROM `+table+` WHERE hash IN (`+marks+`)`, args...) // #nosec G202 -- our own names
		if err != nil {
			return fmt.Errorf("look up rows of %s: %w", table, err)
		}
	}
	return nil
}

// count counts the findings of a part anew.
func (h Home) count(ctx context.Context, partPK int64) error {
	if _, err := h.ExecContext(ctx, `DELETE FROM part_count WHERE part_pk = $1`, partPK); err != nil {
		return fmt.Errorf("count the findings of a part: %w", err)
	}
	if _, err := h.ExecContext(ctx, `INSERT INTO part_count (part_pk, type, severity, open, gone)
SELECT u.part_pk, f.type, f.severity, SUM(CASE WHEN f.gone_at = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN f.gone_at > 0 THEN 1 ELSE 0 END)
 FROM part_unit u `+h.InOrder+` unit_finding f ON f.unit_pk = u.unit_pk WHERE u.part_pk = $1 GROUP BY u.part_pk, f.type, f.severity`, partPK); err != nil {
		return fmt.Errorf("count the findings of a part: %w", err)
	}
	return nil
}

const unitColumns = `u.pk, u.hash, u.grp, u.ecosystem, u.source, u.frame, u.body`

func (h Home) scanUnits(ctx context.Context, text string, args ...any) ([]Unit, error) {
	var out []Unit
	err := h.each(ctx, func(scan func(...any) error) error {
		var u Unit
		var frame int
		var body string
		if err := scan(&u.PK, &u.Hash, &u.Group, &u.Ecosystem, &u.Source, &frame, &body); err != nil {
			return err
		}
		u.Frame = frame == 1
		if err := json.Unmarshal([]byte(body), &u.Inventory); err != nil {
			return fmt.Errorf("decode unit %s: %w", u.Hash, err)
		}
		out = append(out, u)
		return nil
	}, text, args...)
	return out, err
}

// Units returns units by their keys, in no order.
func (h Home) Units(ctx context.Context, keys []int64) ([]Unit, error) {
	out := make([]Unit, 0, len(keys))
	for list := range slices.Chunk(keys, chunk) {
		part, err := h.scanUnits(ctx, `SELECT `+unitColumns+` FROM unit u WHERE u.pk IN (`+numbers(list)+`)`)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}

func (h Home) of(columns string) string {
	return `SELECT ` + columns + ` FROM inventory_part ip ` + h.InOrder + ` part_unit pu ON pu.part_pk = ip.part_pk ` +
		h.InOrder + ` unit u ON u.pk = pu.unit_pk WHERE ip.inventory_pk = $1`
}

// ErrNoParts says that an inventory is not kept in parts.
var ErrNoParts = errors.New("the inventory has no parts")

// Whole puts an inventory together again from its header. It returns ErrNoParts if none are kept of it.
func (h Home) Whole(ctx context.Context, inventoryPK int64, header *inventory.Inventory) (*inventory.Inventory, error) {
	units, err := h.scanUnits(ctx, h.of(unitColumns), inventoryPK)
	if err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, ErrNoParts
	}
	return join(header, units), nil
}

// ToJudge returns the units of an inventory that are to be judged.
func (h Home) ToJudge(ctx context.Context, inventoryPK int64) ([]Unit, error) {
	return h.scanUnits(ctx, h.of(unitColumns)+` AND u.edition = 0`, inventoryPK)
}

// Of returns the keys of an inventory's units, in order.
func (h Home) Of(ctx context.Context, inventoryPK int64) ([]int64, error) {
	var out []int64
	err := h.each(ctx, func(scan func(...any) error) error {
		var pk int64
		err := scan(&pk)
		out = append(out, pk)
		return err
	}, h.of("u.pk")+` ORDER BY u.pk`, inventoryPK)
	return out, err
}
