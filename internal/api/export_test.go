package api

import "time"

// Attempts are failed sign-ins in memory, for tests that cannot sign in ten thousand times.
type Attempts struct{ a *attempts }

// NewAttempts makes them with so many free failures.
func NewAttempts(free int) Attempts { return Attempts{newAttempts(free)} }

// Failed counts a failure.
func (a Attempts) Failed(key string, now time.Time) { a.a.failed(key, now) }

// Wait returns how long a key must wait.
func (a Attempts) Wait(key string, now time.Time) time.Duration { return a.a.wait(key, now) }

// Len returns how many keys are remembered.
func (a Attempts) Len() int { return len(a.a.byKey) }
