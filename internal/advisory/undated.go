package advisory

import "time"

// Undated stands for "it happened, and the publisher does not say when": an advisory withdrawn or a system out of support without a date.
// It is one second into 1970, which no publisher writes.
func Undated() time.Time { return time.Unix(1, 0).UTC() }

// IsUndated reports whether t is Undated.
func IsUndated(t time.Time) bool { return t.Equal(Undated()) }
