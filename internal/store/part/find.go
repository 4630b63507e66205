package part

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Changes name what is different in the advisories: the verdicts that depend on it are to be reached again.
type Changes struct {
	Asks            []int64  // keys of the index whose rows changed
	Vulnerabilities []string // ids of which something else is known
	Ecosystems      []string // of which the feeds say something else of themselves: there is one now, it is complete, it is stale
	All             bool     // everything, because what changed cannot be told
}

// Empty reports whether nothing changed.
func (c *Changes) Empty() bool {
	return !c.All && len(c.Asks) == 0 && len(c.Vulnerabilities) == 0 && len(c.Ecosystems) == 0
}

// Touched returns the keys of the units that changes name, and of those that are to be judged anyway, in order and each once. With
// All those that were not judged with the edition yet.
func (h Home) Touched(ctx context.Context, c Changes, edition int64) ([]int64, error) {
	var out []int64
	take := func(scan func(...any) error) error {
		var pk int64
		err := scan(&pk)
		out = append(out, pk)
		return err
	}
	if c.All {
		if err := h.each(ctx, take, `SELECT pk FROM unit WHERE edition < $1 ORDER BY pk`, edition); err != nil {
			return nil, fmt.Errorf("look for units to judge: %w", err)
		}
		return out, nil
	}
	if err := h.each(ctx, take, `SELECT pk FROM unit WHERE edition = 0`); err != nil {
		return nil, fmt.Errorf("look for units to judge: %w", err)
	}
	for list := range slices.Chunk(c.Asks, chunk) {
		if err := h.each(ctx, take, `SELECT unit_pk FROM unit_ask WHERE ask IN (`+numbers(list)+`)`); err != nil {
			return nil, fmt.Errorf("look for units by package: %w", err)
		}
	}
	ids, err := h.known(ctx, c.Vulnerabilities)
	if err != nil {
		return nil, err
	}
	for list := range slices.Chunk(ids, chunk) {
		marks, args := words(list)
		if err := h.each(ctx, take, `SELECT unit_pk FROM unit_finding WHERE vulnerability IN (`+marks+`)`, args...); err != nil {
			return nil, fmt.Errorf("look for units by vulnerability: %w", err)
		}
	}
	for list := range slices.Chunk(c.Ecosystems, chunk) {
		marks, args := words(list)
		if err := h.each(ctx, take, `SELECT pk FROM unit WHERE ecosystem IN (`+marks+`)`, args...); err != nil {
			return nil, fmt.Errorf("look for units by ecosystem: %w", err)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// known leaves of many ids those that a finding names: the estimates of exploits move every day for all CVEs there are.
func (h Home) known(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) <= chunk {
		return ids, nil
	}
	have := map[string]bool{}
	if err := h.each(ctx, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		have[id] = true
		return err
	}, `SELECT DISTINCT vulnerability FROM unit_finding`); err != nil {
		return nil, fmt.Errorf("look for vulnerabilities: %w", err)
	}
	var out []string
	for _, id := range ids {
		if have[id] {
			out = append(out, id)
		}
	}
	return out, nil
}

// Notes returns what could not be judged in an inventory, sorted, and whether units of it are to be judged yet.
func (h Home) Notes(ctx context.Context, inventoryPK int64) (list []Note, pending bool, err error) {
	var notes []Note
	err = h.each(ctx, func(scan func(...any) error) error {
		var edition int64
		var text string
		if err := scan(&edition, &text); err != nil {
			return err
		}
		pending = pending || edition == 0
		if text == "" || text == "null" {
			return nil
		}
		var part []Note
		if err := json.Unmarshal([]byte(text), &part); err != nil {
			return fmt.Errorf("decode what could not be judged: %w", err)
		}
		notes = append(notes, part...)
		return nil
	}, h.of("u.edition, u.notes")+` AND (u.edition = 0 OR u.notes NOT IN ('', 'null'))`, inventoryPK)
	return merge(notes), pending, err
}

// merge counts equal notes together, in the order in which a match of the whole inventory tells them.
func merge(notes []Note) []Note {
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Package, b.Package),
			cmp.Compare(a.Version, b.Version), cmp.Compare(a.Detail, b.Detail))
	})
	out := notes[:0]
	for _, n := range notes {
		if len(out) > 0 {
			last := &out[len(out)-1]
			same := *last
			same.Packages = n.Packages
			if same == n {
				last.Packages += n.Packages
				continue
			}
		}
		out = append(out, n)
	}
	return out
}

// Inventories returns the keys of the inventories that an asset has now and that hold any of the units, in order.
func (h Home) Inventories(ctx context.Context, units []int64) ([]int64, error) {
	var out []int64
	for list := range slices.Chunk(units, chunk) {
		if err := h.each(ctx, func(scan func(...any) error) error {
			var pk int64
			err := scan(&pk)
			out = append(out, pk)
			return err
		}, `SELECT DISTINCT ip.inventory_pk FROM part_unit pu JOIN inventory_part ip ON ip.part_pk = pu.part_pk WHERE pu.unit_pk IN (`+numbers(list)+`)
 AND EXISTS (SELECT 1 FROM asset_inventory l WHERE l.inventory_pk = ip.inventory_pk AND l.until_at = 0)`); err != nil {
			return nil, fmt.Errorf("look for inventories: %w", err)
		}
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out, nil
}

// Hashes returns the hashes of the inventories that an asset has now and that hold any of the units, in order.
func (h Home) Hashes(ctx context.Context, units []int64) ([]string, error) {
	inventories, err := h.Inventories(ctx, units)
	if err != nil {
		return nil, err
	}
	var out []string
	for list := range slices.Chunk(inventories, chunk) {
		if err := h.each(ctx, func(scan func(...any) error) error {
			var hash string
			err := scan(&hash)
			out = append(out, hash)
			return err
		}, `SELECT hash FROM inventory WHERE pk IN (`+numbers(list)+`)`); err != nil {
			return nil, fmt.Errorf("look for inventories: %w", err)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Unsure returns the ecosystem and source package of each unit of an inventory that is not wholly judged; the frame's are "".
func (h Home) Unsure(ctx context.Context, inventoryPK int64) (map[[2]string]bool, error) {
	out := map[[2]string]bool{}
	err := h.each(ctx, func(scan func(...any) error) error {
		var ecosystem, source string
		err := scan(&ecosystem, &source)
		out[[2]string{ecosystem, source}] = true
		return err
	}, h.of("u.ecosystem, u.source")+` AND u.whole = 0`, inventoryPK)
	return out, err
}

// Forget removes findings that were gone before a time and returns how many.
func (h Home) Forget(ctx context.Context, before int64) (int64, error) {
	var parts []int64
	if err := h.each(ctx, func(scan func(...any) error) error {
		var pk int64
		err := scan(&pk)
		parts = append(parts, pk)
		return err
	}, `SELECT DISTINCT u.part_pk FROM unit_finding f `+h.InOrder+` part_unit u ON u.unit_pk = f.unit_pk WHERE f.gone_at > 0 AND f.gone_at < $1`, before); err != nil {
		return 0, fmt.Errorf("forget findings: %w", err)
	}
	r, err := h.ExecContext(ctx, `DELETE FROM unit_finding WHERE gone_at > 0 AND gone_at < $1`, before)
	if err != nil {
		return 0, fmt.Errorf("forget findings: %w", err)
	}
	for _, pk := range parts {
		if err := h.count(ctx, pk); err != nil {
			return 0, err
		}
	}
	return r.RowsAffected()
}

// Place names the group of a finding's packages: ecosystem and source package; "" if it is of the system itself.
func Place(f *finding.Finding) [2]string {
	if f.Package == nil || len(f.Package.Packages) == 0 {
		return [2]string{}
	}
	p := f.Package.Packages[0]
	if e := inventory.Ecosystem(p.Ecosystem); e == inventory.Windows || e == inventory.MacOS || e == inventory.Bottlerocket {
		return [2]string{}
	}
	source := cmp.Or(p.SourceName, p.Name)
	if !language(inventory.Ecosystem(p.Ecosystem)) && (ofKernel(p.Name) || ofKernel(p.SourceName)) {
		source = kernels
	}
	return [2]string{p.Ecosystem, source}
}
