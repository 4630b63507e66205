package api

import (
	"sync"
	"time"

	"hinomi/internal/auth"
)

// freeByAddress is how many failed sign-ins an address has before auth.Throttle begins to count: many people may share one.
const freeByAddress = 15

// attemptsKept bounds the memory of failed sign-ins: about 2 MB.
const attemptsKept = 10_000

// attemptsLast is how long a failed sign-in is remembered, as long as auth.Throttle does.
const attemptsLast = 24 * time.Hour

// attempts counts failed sign-ins in memory, by a key that the store does not know.
type attempts struct {
	free  int
	mu    sync.Mutex
	byKey map[string]attempt
}

type attempt struct {
	free int // failures before the throttle counts
	last time.Time
	auth.Throttle
}

func newAttempts(free int) *attempts { return &attempts{free: free, byKey: map[string]attempt{}} }

// wait returns how long a key must wait before it may try again.
func (a *attempts) wait(key string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byKey[key].Wait(now)
}

// failed counts one more failure of a key.
func (a *attempts) failed(key string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, known := a.byKey[key]
	if !known && len(a.byKey) >= attemptsKept {
		a.forget(now)
	}
	if now.Sub(t.last) > attemptsLast {
		t = attempt{}
	}
	t.last = now
	if t.free < a.free {
		t.free++
	} else {
		t.Throttle = t.Failed(now)
	}
	a.byKey[key] = t
}

// forget makes room: all that is old, and at least the oldest.
func (a *attempts) forget(now time.Time) {
	oldest, when := "", now
	for k, t := range a.byKey {
		if now.Sub(t.last) > attemptsLast {
			delete(a.byKey, k)
			continue
		}
		if !t.last.After(when) {
			oldest, when = k, t.last
		}
	}
	if len(a.byKey) >= attemptsKept {
		delete(a.byKey, oldest)
	}
}
