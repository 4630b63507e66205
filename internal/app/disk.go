package app

import (
	"context"

	"hinomi/internal/app/reading"
	"hinomi/internal/inventory"
)

// readCache bounds the blocks of a disk that are kept in memory while it is read.
const readCache = reading.DefaultCacheBytes

// readDisks reads the inventory of a machine from its disks, the root's first or not, in a child process: others filled them. What of them
// could not be read, or may be stale, is a gap.
func (a *App) readDisks(ctx context.Context, job reading.Job, devices []reading.Device) (*inventory.Inventory, error) {
	r := reading.Reader{Command: a.cfg.Reader, Log: a.log, Now: a.now}
	job.Method, job.CacheBytes = inventory.Agentless, readCache
	inv, stats, err := r.Read(ctx, job, devices, a.watchFiles)
	for _, v := range stats.Volumes {
		a.logStats(ctx, v.Source, v.Stats)
	}
	return inv, err
}
