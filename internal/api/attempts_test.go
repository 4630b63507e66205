package api_test

import (
	"fmt"
	"testing"
	"time"

	"hinomi/internal/api"
)

func TestAttemptsAreBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := api.NewAttempts(0)
	for range 6 {
		a.Failed("bad", now)
	}
	if got := a.Wait("bad", now); got != 4*time.Second {
		t.Errorf("after six failures: %s", got)
	}
	for i := range 25_000 {
		now = now.Add(time.Millisecond)
		a.Failed(fmt.Sprint("k", i), now)
	}
	if a.Len() != 10_000 {
		t.Errorf("%d keys are remembered", a.Len())
	}
	if a.Wait("bad", now) != 0 || a.Wait("k24999", now) != 0 {
		t.Error("the oldest is remembered, or one failure counts as five")
	}
	now = now.Add(24*time.Hour + time.Second)
	a.Failed("new", now)
	if a.Len() != 1 {
		t.Errorf("%d keys are remembered after a day", a.Len())
	}
}

func TestAttemptsBeginAgainAfterADay(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := api.NewAttempts(3)
	for range 8 {
		a.Failed("x", now)
	}
	if got := a.Wait("x", now); got != 2*time.Second {
		t.Errorf("three free failures and five: wait %s", got)
	}
	now = now.Add(25 * time.Hour)
	for range 7 {
		a.Failed("x", now)
	}
	if got := a.Wait("x", now); got != 0 {
		t.Errorf("a day later the free failures are free again: wait %s", got)
	}
}
