package core

import (
	"context"
	"log/slog"

	"hinomi/internal/app/reading"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/extract"
)

// SnapshotCache is the memory for blocks of a snapshot: so much that none of a large root is fetched twice.
const SnapshotCache = 192 << 20

// readCache bounds the blocks of a disk that are kept in memory while it is read.
const readCache = reading.DefaultCacheBytes

// ReadDisks reads the inventory of a machine from its disks, the root's first or not, in a child process: others filled them. What of them
// could not be read, or may be stale, is a gap.
func (c *Config) ReadDisks(ctx context.Context, job reading.Job, devices []reading.Device) (*inventory.Inventory, error) {
	r := reading.Reader{Command: c.Reader, Log: c.Log, Now: c.Now}
	job.Method, job.CacheBytes = inventory.Agentless, readCache
	inv, stats, err := r.Read(ctx, job, devices, c.WatchFiles)
	for _, v := range stats.Volumes {
		c.LogStats(ctx, v.Source, v.Stats)
	}
	return inv, err
}

// WatchFiles tells who watches how far reading is.
func (c *Config) WatchFiles(files int, path string) {
	c.Progress(pipeline.Step{Stage: "files", Done: files, What: path})
}

// LogStats logs what reading a source took.
func (c *Config) LogStats(ctx context.Context, source string, s extract.Stats) {
	c.Log.InfoContext(ctx, "inventory read", slog.String("source", source), slog.Int64("files", s.Files), slog.Int64("opened", s.Opened),
		slog.Int64("bytes", s.BytesRead), slog.Duration("took", s.Elapsed))
}
