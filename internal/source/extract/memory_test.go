package extract_test

import (
	"io/fs"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// measured runs an extraction and returns the highest heap that was seen beside it, in bytes above what was in use before.
func measured(t *testing.T, fsys fs.FS, opts extract.Options) (*inventory.Inventory, int64) {
	t.Helper()
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() int64 {
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	before, peak := heap(), int64(0)
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				peak = max(peak, heap()-before)
				runtime.Gosched()
			}
		}
	})
	inv := run(t, fsys, opts)
	close(stop)
	watch.Wait()
	return inv, peak
}
