package part

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"hinomi/internal/finding"
)

// Upgrade moves inventories and what is wrong with them, which an earlier version kept as wholes, into the parts they share. Everything is to
// be judged again afterwards; what was found before stands until then, with its first time. An inventory whose bytes cannot be read is left
// without parts, and log says so: the next one that is read of its assets takes its place.
func (h Home) Upgrade(ctx context.Context, at int64, log *slog.Logger) error {
	var keys []int64
	if err := h.each(ctx, func(scan func(...any) error) error {
		var pk int64
		err := scan(&pk)
		keys = append(keys, pk)
		return err
	}, `SELECT pk FROM inventory ORDER BY pk`); err != nil {
		return fmt.Errorf("list inventories: %w", err)
	}
	for _, pk := range keys {
		var packed []byte
		if err := h.each(ctx, func(scan func(...any) error) error { return scan(&packed) }, `SELECT body FROM inventory WHERE pk = $1`, pk); err != nil {
			return fmt.Errorf("read an inventory: %w", err)
		}
		inv, err := Unpack(packed)
		if err != nil {
			log.WarnContext(ctx, "inventory left as it is", slog.Int64("inventory", pk), slog.Any("err", err))
			continue
		}
		if err := h.Put(ctx, pk, Split(inv)); err != nil {
			return err
		}
		if err := h.move(ctx, pk, at); err != nil {
			return fmt.Errorf("move the findings of an inventory: %w", err)
		}
		body, err := Pack(inv)
		if err != nil {
			return err
		}
		if _, err := h.ExecContext(ctx, `UPDATE inventory SET body = $2 WHERE pk = $1`, pk, body); err != nil {
			return fmt.Errorf("write an inventory: %w", err)
		}
	}
	if err := h.countAll(ctx); err != nil {
		return err
	}
	_, err := h.ExecContext(ctx, `DROP TABLE inventory_finding`)
	return err
}

type unitRef struct{ pk, group int64 }

// places returns the units of an inventory by ecosystem and source package.
func (h Home) places(ctx context.Context, inventoryPK int64) (map[[2]string]unitRef, error) {
	out := map[[2]string]unitRef{}
	err := h.each(ctx, func(scan func(...any) error) error {
		var place [2]string
		var u unitRef
		err := scan(&u.pk, &u.group, &place[0], &place[1])
		out[place] = u
		return err
	}, h.of("u.pk, u.grp, u.ecosystem, u.source"), inventoryPK)
	return out, err
}

// move moves the findings of one inventory to its units. Of two inventories that share a unit the earlier first time holds, and what is open
// in one of them is open. A finding of a package that the inventory does not hold is left out: judging it again says what there is.
func (h Home) move(ctx context.Context, inventoryPK, at int64) error {
	type kept struct {
		key, typ, vuln, body, why string
		severity                  int
		score                     float64
		first, gone               int64
	}
	var rows []kept
	if err := h.each(ctx, func(scan func(...any) error) error {
		var r kept
		err := scan(&r.key, &r.typ, &r.severity, &r.score, &r.vuln, &r.body, &r.first, &r.gone, &r.why)
		rows = append(rows, r)
		return err
	}, `SELECT key, type, severity, score, vulnerability, body, first_seen, gone_at, gone_why FROM inventory_finding WHERE inventory_pk = $1`, inventoryPK); err != nil {
		return err
	}
	units, err := h.places(ctx, inventoryPK)
	if err != nil {
		return err
	}
	ins := h.inserter("unit_finding", "unit_pk key grp type severity score vulnerability print body first_seen updated_at gone_at gone_why",
		`ON CONFLICT (unit_pk, key) DO UPDATE SET gone_at = CASE WHEN excluded.gone_at = 0 THEN 0 ELSE unit_finding.gone_at END,
 first_seen = CASE WHEN excluded.first_seen < unit_finding.first_seen THEN excluded.first_seen ELSE unit_finding.first_seen END`)
	for _, r := range rows {
		var f finding.Finding
		if err := json.Unmarshal([]byte(r.body), &f); err != nil {
			return fmt.Errorf("decode a stored finding: %w", err)
		}
		u, ok := units[Place(&f)]
		if !ok {
			continue
		}
		if err := ins.Add(ctx, u.pk, r.key, u.group, r.typ, r.severity, r.score, r.vuln, 0, r.body, r.first, at, r.gone, r.why); err != nil {
			return err
		}
	}
	return ins.Flush(ctx)
}

// countAll counts the findings of all parts anew.
func (h Home) countAll(ctx context.Context) error {
	var parts []int64
	if err := h.each(ctx, func(scan func(...any) error) error {
		var pk int64
		err := scan(&pk)
		parts = append(parts, pk)
		return err
	}, `SELECT pk FROM part ORDER BY pk`); err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	for _, pk := range parts {
		if err := h.count(ctx, pk); err != nil {
			return err
		}
	}
	return nil
}
