package awsclient

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Count says how often one API was asked.
type Count struct {
	Service   string // the SDK's service id: EC2, SSM, …
	API       string // DescribeInstances
	Region    string // "" in totals over all regions
	Calls     int    // requests sent, retries included
	Throttled int    // of them refused for rate
	Failed    int    // of them failed in another way
}

type counterKey struct{ service, api, region string }

// counters are plain numbers, safe for concurrent use.
type counters struct {
	mu  sync.Mutex
	all map[counterKey]*Count
}

func (c *counters) init() { c.all = map[counterKey]*Count{} }

func (c *counters) add(service, api, region string, throttled, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := counterKey{service, api, region}
	n := c.all[k]
	if n == nil {
		n = &Count{Service: service, API: api, Region: region}
		c.all[k] = n
	}
	n.Calls++
	switch {
	case throttled:
		n.Throttled++
	case failed:
		n.Failed++
	}
}

func (c *counters) list() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Count, 0, len(c.all))
	for _, n := range c.all {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.API, b.API), cmp.Compare(a.Region, b.Region))
	})
	return out
}

func (c *counters) calls() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.all {
		n += v.Calls
	}
	return n
}

// meter puts the limiter and the counters behind the SDK's retries, so that every attempt takes a token and is counted.
func meter(s *Session) []func(*middleware.Stack) error {
	attempt := middleware.FinalizeMiddlewareFunc("HinomiMeter", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		k := limitKey{s.who.Account, awsmiddleware.GetRegion(ctx), awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)}
		l, err := s.c.limits.wait(ctx, k)
		if err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("wait for the request rate of %s: %w", k.operation, err)
		}
		out, meta, err := next.HandleFinalize(ctx, in)
		throttled, refused := isThrottle(err), err != nil && !isAnswered(err)
		switch {
		case throttled:
			l.slower(s.c.cfg.Now())
		case err == nil:
			s.accepted.Store(true)
			l.faster(s.c.cfg.Now(), bucketFor(k.service, k.operation))
		}
		s.counts.add(k.service, k.operation, k.region, throttled, refused)
		s.c.totals.add(k.service, k.operation, "", throttled, refused)
		return out, meta, err
	})
	return []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(attempt, "Retry", middleware.After)
	}}
}
