package awsclient

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// bucket is a token bucket: at most size requests at once, refill more per second.
type bucket struct {
	size   int
	refill float64
}

// The request token buckets of the Amazon EC2 API, per account, region and API action
// (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API", "Request token bucket sizes and refill rates").
var (
	ec2Read  = bucket{100, 20} // non-mutating actions, paginated or filtered, as all of ours are
	ec2Write = bucket{50, 5}   // mutating and resource-intensive actions
)

// The other services publish no such table, or a quota above what a sync needs. These are our own, well below what they are seen to refuse.
var (
	otherRead = bucket{20, 10}
	// EBS direct APIs: 1,000 GetSnapshotBlock and 50 ListSnapshotBlocks requests per second and account
	// (Amazon EBS User Guide, "Amazon EBS quotas", quotas of the EBS direct APIs).
	ebsGet  = bucket{1000, 1000}
	ebsList = bucket{50, 50}
	// DescribeTargetHealth and the like answer for one load balancer or group at a time.
	perItem = bucket{40, 20}
	// A standard queue takes a nearly unlimited number of calls (SQS Developer Guide, "Message quotas"); this is what we want of one.
	queue = bucket{200, 100}
)

func bucketFor(service, operation string) bucket {
	switch {
	case service == "EC2" && (strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "Search") || strings.HasPrefix(operation, "List")):
		return ec2Read
	case service == "EC2":
		return ec2Write
	case service == "EBS" && operation == "GetSnapshotBlock":
		return ebsGet
	case service == "EBS":
		return ebsList
	case service == "SQS":
		return queue
	case service == "Elastic Load Balancing v2":
		return perItem
	default:
		return otherRead
	}
}

// limitKey is what AWS throttles on: each API of an account in a region has a bucket of its own.
type limitKey struct{ account, region, service, operation string }

// limiter is one bucket that slows down when AWS refuses and speeds up again as it answers: additive increase, multiplicative decrease.
type limiter struct {
	*rate.Limiter
	mu       sync.Mutex
	full     float64   // requests per second when nothing is refused
	slowedAt time.Time // a burst of refusals for one cause counts once
	usedAt   time.Time
}

// slowest is the rate that back-off ends at: one request in five seconds still makes progress.
const slowest = 0.2

// slower halves the rate after a refusal, at most once a second, and gives back the tokens that AWS evidently does not have.
func (l *limiter) slower(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.slowedAt) < time.Second {
		return
	}
	l.slowedAt = now
	l.SetLimitAt(now, rate.Limit(max(float64(l.Limit())/2, slowest)))
	l.SetBurstAt(now, max(1, l.Burst()/2))
}

// faster adds a twentieth of the full rate after an answer.
func (l *limiter) faster(now time.Time, b bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if float64(l.Limit()) >= l.full && l.Burst() >= b.size {
		return
	}
	l.SetLimitAt(now, rate.Limit(min(float64(l.Limit())+l.full/20, l.full)))
	l.SetBurstAt(now, min(l.Burst()+max(1, b.size/20), b.size))
}

func (l *limiter) idle(now time.Time, b bucket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Sub(l.usedAt) > time.Minute && l.TokensAt(now) >= float64(b.size)
}

// limiters holds the buckets in use. One that was not used for a minute and is full again equals a new one, so it is dropped:
// the number kept follows what is being asked now, not accounts × regions × APIs.
type limiters struct {
	now     func() time.Time
	mu      sync.Mutex
	all     map[limitKey]*limiter
	sweepAt int
}

const sweepFrom = 1024

func newLimiters(now func() time.Time) *limiters {
	return &limiters{now: now, all: map[limitKey]*limiter{}, sweepAt: sweepFrom}
}

func (ls *limiters) get(k limitKey) *limiter {
	now := ls.now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.all[k]
	if !ok {
		if len(ls.all) >= ls.sweepAt {
			ls.sweep(now)
		}
		b := bucketFor(k.service, k.operation)
		l = &limiter{Limiter: rate.NewLimiter(rate.Limit(b.refill), b.size), full: b.refill}
		ls.all[k] = l
	}
	l.mu.Lock()
	l.usedAt = now
	l.mu.Unlock()
	return l
}

func (ls *limiters) sweep(now time.Time) {
	for k, l := range ls.all {
		if l.idle(now, bucketFor(k.service, k.operation)) {
			delete(ls.all, k)
		}
	}
	ls.sweepAt = max(sweepFrom, 2*len(ls.all))
}

// wait takes one token, waiting for it if there is none.
func (ls *limiters) wait(ctx context.Context, k limitKey) (*limiter, error) {
	l := ls.get(k)
	return l, l.Wait(ctx)
}
