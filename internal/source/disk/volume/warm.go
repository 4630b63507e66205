package volume

import (
	"context"
	"sync"
)

// Warmer is an FS that can list all its folders at once, so that a walk that follows finds them at hand.
type Warmer interface {
	// Warm lists every folder, parallel at a time, and returns how many there were. What cannot be read is left for the walk to meet.
	Warm(ctx context.Context, parallel int) (folders int)
}

// Warm implements Warmer. A walk reads a folder's inode, then its blocks, then the next folder's: on a device that is far away each of
// them waits for the one before. Here many folders are read at a time. It goes by inodes and settles no folder's place, so that a
// damaged file system looks the same with it and without.
func (t *tree) Warm(ctx context.Context, parallel int) (folders int) {
	w := &warmer{tree: t, waiting: []uint64{t.inodes.Root()}, seen: map[uint64]struct{}{t.inodes.Root(): {}}}
	w.changed = sync.NewCond(&w.mu)
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer stop()
	var all sync.WaitGroup
	for range max(parallel, 1) {
		all.Go(func() { w.work(ctx) })
	}
	all.Wait()
	return w.listed
}

// warmer shares the folders that wait between those who list them. The last one found is the first one listed: a folder lies near its
// own, so little of the device is in use at a time.
type warmer struct {
	tree *tree

	mu      sync.Mutex
	changed *sync.Cond
	waiting []uint64
	seen    map[uint64]struct{}
	busy    int // folders being listed
	listed  int
}

func (w *warmer) work(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.waiting) == 0 && w.busy > 0 && ctx.Err() == nil {
			w.changed.Wait()
		}
		if len(w.waiting) == 0 || ctx.Err() != nil {
			w.changed.Broadcast()
			return
		}
		last := len(w.waiting) - 1
		ino := w.waiting[last]
		w.waiting = w.waiting[:last]
		w.busy++
		w.mu.Unlock()
		found := w.tree.foldersIn(ino)
		w.mu.Lock()
		w.busy--
		w.listed++
		for i := len(found) - 1; i >= 0; i-- { // so that the first by name is listed first
			if _, had := w.seen[found[i]]; !had && len(w.seen) < maxFolders {
				w.seen[found[i]] = struct{}{}
				w.waiting = append(w.waiting, found[i])
			}
		}
		w.changed.Broadcast()
	}
}

// foldersIn lists a folder and returns the inodes of those in it.
func (t *tree) foldersIn(ino uint64) []uint64 {
	in, err := t.inodes.Inode(ino)
	if err != nil || !in.Mode.IsDir() {
		return nil // the walk says it
	}
	var out []uint64
	for _, e := range t.list(in).entries {
		if e.Type.IsDir() {
			out = append(out, e.Ino)
		}
	}
	return out
}
