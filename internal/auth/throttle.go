package auth

import "time"

// Throttle is the record of failed sign-ins of one user. The zero value has none.
type Throttle struct {
	Failures    int       `json:"failures"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
}

// Limits of throttling: NIST SP 800-63B-4, 3.2.2, allows at most 100 failures in a row; we slow down from the fifth.
const (
	freeFailures = 5
	firstLock    = 2 * time.Second
	longestLock  = 15 * time.Minute
	forgetAfter  = 24 * time.Hour
)

// Wait returns how long the user must wait before a sign-in is tried at all, 0 if it may be tried now.
func (t Throttle) Wait(now time.Time) time.Duration { return max(0, t.LockedUntil.Sub(now)) }

// Failed returns the record after one more failure. From the fifth failure on the wait doubles, up to 15 minutes;
// failures older than a day are forgotten.
func (t Throttle) Failed(now time.Time) Throttle {
	if !t.LastFailure.IsZero() && now.Sub(t.LastFailure) > forgetAfter {
		t = Throttle{}
	}
	t.Failures++
	t.LastFailure = now
	if over := t.Failures - freeFailures; over >= 0 {
		lock := longestLock
		if over < 9 { // 2 s << 9 is over 15 minutes
			lock = min(longestLock, firstLock<<over)
		}
		t.LockedUntil = now.Add(lock)
	}
	return t
}
