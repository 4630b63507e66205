package stream

import "sync"

// remembered is how many ids are kept, to drop duplicates without a look at the database: at 64 bytes each about 2 MiB.
const remembered = 1 << 15

// recent is a set that forgets the oldest of two generations, so it holds between half and all of its limit.
type recent struct {
	mu       sync.Mutex
	limit    int
	now, old map[string]struct{}
}

func newRecent(limit int) *recent { return &recent{limit: limit, now: map[string]struct{}{}} }

func (r *recent) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, a := r.now[id]
	_, b := r.old[id]
	return a || b
}

func (r *recent) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now) >= r.limit/2 {
		r.old, r.now = r.now, map[string]struct{}{}
	}
	r.now[id] = struct{}{}
}
