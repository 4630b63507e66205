package app

import (
	"context"
	"log/slog"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/store"
)

// keepClosed is how long closed findings and ended jobs are kept: 30 days, as Amazon Inspector keeps closed findings (user guide, "Managing findings").
const keepClosed = 30 * 24 * time.Hour

// doTidy forgets what is past its time.
func (a *App) doTidy(ctx context.Context, _ *job.Job) error {
	before := a.now().Add(-keepClosed)
	findings, err := a.db.ForgetFindings(ctx, before)
	if err != nil {
		return err
	}
	jobs, err := a.db.Jobs().Forget(ctx, before)
	if err == nil && findings+jobs > 0 {
		a.log.InfoContext(ctx, "old records removed", slog.Int64("findings", findings), slog.Int64("jobs", jobs))
	}
	return err
}

// RejudgeInventories judges every current inventory with the advisories in use that was last judged before a time, without touching any host.
func (a *App) RejudgeInventories(ctx context.Context, before time.Time) (int, error) {
	hashes, err := a.db.CurrentInventories(ctx, before)
	if err != nil {
		return 0, err
	}
	for i, hash := range hashes {
		a.cfg.Progress(pipeline.Step{Stage: "match", Done: i, Total: len(hashes)})
		if err := a.rejudge(ctx, hash); err != nil {
			return i, err
		}
	}
	a.cfg.Progress(pipeline.Step{Stage: "match", Done: len(hashes), Total: len(hashes)})
	if len(hashes) == 0 {
		return 0, nil
	}
	return len(hashes), a.retag(ctx)
}

func (a *App) rejudge(ctx context.Context, hash string) error {
	inv, err := a.db.Inventory(ctx, hash)
	if err != nil {
		return err
	}
	m, err := a.match(ctx, inv)
	if err != nil {
		return err
	}
	if err := (keeper{a.db}).KeepMatched(ctx, hash, m, a.now()); err != nil {
		return err
	}
	members, err := a.db.InventoryMembers(ctx, auth.Everything(), hash)
	if err != nil {
		return err
	}
	var list []coverage.Coverage
	for _, l := range members {
		c := pipeline.InspectedCoverage(l.Ref, inv, hash, m, a.now())
		if v, err := a.db.Asset(ctx, auth.Everything(), l.Ref); err == nil {
			c.Name = v.Base().Name()
		}
		list = append(list, c)
	}
	return keeper{a.db}.KeepCoverage(ctx, list)
}

// rescanAfter is how old the last agentless scan of an instance may be: 24 hours, as Amazon Inspector's (user guide, "Agentless scanning").
const rescanAfter = 24 * time.Hour

// queueScans queues an agentless scan of every instance that is activated for vulnerabilities, whose connector allows snapshots and which
// was not scanned for a day.
func (a *App) queueScans(ctx context.Context) error {
	allowed := map[string]bool{}
	err := a.eachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		allowed[c.Account] = allowed[c.Account] || c.Enabled && c.May(connector.SnapshotVolumes)
		return nil
	})
	if err != nil {
		return err
	}
	fresh, err := a.scannedSince(ctx, a.now().Add(-rescanAfter))
	if err != nil {
		return err
	}
	tags, err := a.ModuleTags(ctx, connector.Vulnerability)
	if err != nil {
		return err
	}
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Module: connector.Vulnerability, Tags: tags}
	for from := ""; ; {
		page, next, err := a.db.Assets(ctx, auth.Everything(), f, from, 500)
		if err != nil {
			return err
		}
		for _, v := range page {
			ref := asset.RefOf(v.Asset)
			i, ok := v.Asset.(*asset.Instance)
			if !ok || !allowed[ref.Account] || fresh[ref] || len(i.Volumes) == 0 || i.State == "terminated" || i.State == "shutting-down" {
				continue
			}
			if _, err := a.ScanInstance(ctx, auth.System(), ref); err != nil {
				a.log.WarnContext(ctx, "scan not queued", slog.String("instance", ref.ID), slog.Any("err", err))
			}
		}
		if next == "" {
			return nil
		}
		from = next
	}
}

// scannedSince returns the instances whose packages were scanned, or tried to be, after a time.
func (a *App) scannedSince(ctx context.Context, after time.Time) (map[asset.Ref]bool, error) {
	out := map[asset.Ref]bool{}
	for from := ""; ; {
		page, next, err := a.db.Scans(ctx, auth.Everything(), store.ScanFilter{}, from, 500)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if s.QueuedAt.Before(after) {
				return out, nil // the newest come first
			}
			out[s.Instance] = true
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}

func (a *App) doScans(ctx context.Context, _ *job.Job) error { return a.queueScans(ctx) }
