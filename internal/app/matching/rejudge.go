package matching

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"hinomi/internal/app/core"
	"hinomi/internal/app/rejudge"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/pipeline"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
)

// before is the advisory database that was in use before an import, kept open until what is kept was judged with the new one: what changed
// between the two names what is to be judged.
type before struct {
	mu      sync.Mutex
	db      *advisorydb.DB
	release func()
}

// hold keeps the database in use open, unless one is held already.
func (b *before) hold(lib *core.Library) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.db != nil {
		return
	}
	if db, release, err := lib.Use(); err == nil { // without one everything is judged
		b.db, b.release = db, release
	}
}

// take hands the held database over, nil if none is.
func (b *before) take() (*advisorydb.DB, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	db, release := b.db, b.release
	b.db, b.release = nil, nil
	if release == nil {
		release = func() {}
	}
	return db, release
}

// RejudgeInventories judges again what depends on what changed in the advisories since it was judged last, without touching any host, and
// returns how many of the inventories that assets have hold some of it. Without advisories it does nothing.
func (a *Advisories) RejudgeInventories(ctx context.Context) (int, error) {
	old, done := a.before.take()
	defer done()
	j, release, err := a.Judge(ctx)
	if errors.Is(err, core.ErrNoAdvisories) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer release()
	run := rejudge.Advance{Store: a.DB, Before: old, Judge: j, Progress: func(done, total int) {
		a.Progress(pipeline.Step{Stage: "match", Done: done, Total: total})
	}}
	r, err := run.Run(ctx)
	if err != nil {
		return 0, err
	}
	touched, err := a.DB.NotedInventories(ctx, r.Units)
	if err != nil {
		return 0, err
	}
	noted, err := a.DB.NotedInventories(ctx, r.Noted)
	if err != nil {
		return 0, err
	}
	for _, hash := range noted {
		if err := a.cover(ctx, hash); err != nil {
			return 0, err
		}
	}
	if r.Added+r.Changed+r.Gone == 0 {
		return len(touched), nil
	}
	a.Log.InfoContext(ctx, "judged again", slog.Int("keys", r.Keys), slog.Int("units", len(r.Units)), slog.Int("inventories", len(touched)),
		slog.Int("added", r.Added), slog.Int("changed", r.Changed), slog.Int("gone", r.Gone))
	return len(touched), a.retag(ctx)
}

// cover writes the coverage of the assets of an inventory of which something else could be judged than before.
func (a *Advisories) cover(ctx context.Context, hash string) error {
	header, err := a.DB.InventoryHeader(ctx, hash)
	if err != nil {
		return err
	}
	m, err := a.Kept(ctx, hash, 0)
	if err != nil {
		return err
	}
	members, err := a.DB.InventoryMembers(ctx, auth.Everything(), hash)
	if err != nil {
		return err
	}
	refs := make([]asset.Ref, len(members))
	for i, l := range members {
		refs[i] = l.Ref
	}
	said, err := a.notLookedAt(ctx, refs)
	if err != nil {
		return err
	}
	var list []coverage.Coverage
	for _, l := range members {
		if said[l.Ref] {
			continue
		}
		c := pipeline.InspectedCoverage(l.Ref, header, hash, m, a.Now())
		if v, err := a.DB.Asset(ctx, auth.Everything(), l.Ref); err == nil {
			c.Name = v.Base().Name()
		}
		list = append(list, c)
	}
	return a.Keeper().KeepCoverage(ctx, list)
}

// notLookedAt returns those of instances whose coverage says why they are not scanned as things stand: left out by a tag, stopped, refused. That
// an old inventory of theirs was judged again does not make it otherwise.
func (a *Advisories) notLookedAt(ctx context.Context, refs []asset.Ref) (map[asset.Ref]bool, error) {
	out := map[asset.Ref]bool{}
	for some := range slices.Chunk(refs, maxAssets) {
		f := store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}, Statuses: []coverage.Status{coverage.Inactive}}
		for _, ref := range some {
			f.Assets = append(f.Assets, ref.ID)
		}
		for from, more := "", true; more; {
			rows, next, err := a.DB.Coverage(ctx, auth.Everything(), f, from, maxAssets)
			if err != nil {
				return nil, err
			}
			for i := range rows {
				out[rows[i].Resource] = rows[i].Reason != coverage.UnsupportedOS
			}
			from, more = next, next != ""
		}
	}
	return out, nil
}

// maxAssets is how many assets are asked for at a time.
const maxAssets = 500
