package disk

import (
	"context"
	"sync"

	"hinomi/internal/source/disk/volume"
)

// Warm lists every folder of the tree's file systems ahead of the walk, parallel of each at a time, and returns when that is done. It is
// worth it where a read takes long (a snapshot far away), beside the walk or before it; what cannot be read is left for the walk to meet.
func (r *Root) Warm(ctx context.Context, parallel int) {
	r.mu.RLock()
	volumes := map[*Volume]volume.Warmer{}
	for _, j := range r.joins {
		if w, ok := j.fs.(volume.Warmer); ok {
			volumes[j.vol] = w
		}
	}
	r.mu.RUnlock()
	var all sync.WaitGroup
	for _, w := range volumes {
		all.Go(func() { w.Warm(ctx, parallel) })
	}
	all.Wait()
}
