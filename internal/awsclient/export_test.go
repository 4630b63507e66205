package awsclient

import (
	"context"
	"time"
)

// Limits shows the request rates to the tests.
type Limits struct{ *limiters }

// NewLimits returns fresh ones.
func NewLimits(now func() time.Time) Limits { return Limits{newLimiters(now)} }

// Wait takes a token.
func (l Limits) Wait(ctx context.Context, account, region, service, api string) error {
	_, err := l.wait(ctx, limitKey{account, region, service, api})
	return err
}

// Refused notes a refusal for rate.
func (l Limits) Refused(account, region, service, api string) {
	l.get(limitKey{account, region, service, api}).slower(l.now())
}

// Answered notes an answer.
func (l Limits) Answered(account, region, service, api string) {
	l.get(limitKey{account, region, service, api}).faster(l.now(), bucketFor(service, api))
}

// Len returns how many buckets are kept.
func (l Limits) Len() int { return len(l.all) }
