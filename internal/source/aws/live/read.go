// Package live reads accounts from the AWS API: every region, every listing, all pages, in parallel under one bound. What cannot be
// read becomes a gap with AWS's own answer in it, and the reading goes on.
package live

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"golang.org/x/sync/errgroup"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// Target is one account to read.
type Target struct {
	Session *awsclient.Session
	Regions []string // empty: all that the account has enabled, asked each time
	Minimal bool     // only instances, the images they use and network interfaces: what the three least permissions allow
}

// Options say how targets are read. The zero value is usable but for Now and Log.
type Options struct {
	Parallel int    // listings asked at once, over all accounts and regions; 0 means DefaultParallel
	ScanTag  string // of Test: the key of the tag that holds a scan's id; run.TagScan if ""
	Now      func() time.Time
	Log      *slog.Logger
	Progress func(Progress) // after each region; called from several goroutines, may be nil
	kinds    []asset.Kind   // of the targets' regions only these and nothing else; see ReadKinds
}

// DefaultParallel is how many listings are asked at once. Each account, region and API has its own request rate, so what bounds
// this is our own memory and the hosts' patience: 64 pages of at most a few megabytes.
const DefaultParallel = 64

// Progress says how far a reading is. Regions grows while the accounts tell which they have.
type Progress struct {
	Account, Region string // that was finished
	Done, Regions   int
}

// Result is what was read.
type Result struct {
	Snapshot *snapshot.Snapshot
	Report
}

// Report says how the reading went.
type Report struct {
	Regions  []connector.RegionResult // of every account and region, sorted, asset.Global too; an account that could not be entered has one without a region
	Disabled []Disabled               // regions that an account has not enabled: no gap, there is nothing in them
	Calls    int                      // AWS API requests
	Failed   []Failure                // accounts that could not be entered
}

// Disabled is a region that an account has not enabled.
type Disabled struct{ Account, Region, Status string }

// Failure is an account that could not be read at all.
type Failure struct {
	Account string
	Reason  snapshot.Reason
	Detail  string // what AWS answered and what to do
	At      time.Time
}

// Sink takes the parts of one account and region as they come. It is safe for concurrent use.
type Sink interface {
	Put(p *mapping.Part, item any)
	Done(p *mapping.Part, at time.Time)
	Fail(p *mapping.Part, at time.Time, reason snapshot.Reason, detail string)
	FailAll(at time.Time, reason snapshot.Reason, detail string) // the region as a whole
	Close(now time.Time) (instances, assets int, err error)
}

// Read reads targets into a snapshot. The error is the context's alone: whatever else goes wrong is a gap.
func Read(ctx context.Context, targets []Target, opts Options) (*Result, error) {
	b := snapshot.NewBuilder()
	started := opts.now()
	report, err := Walk(ctx, targets, opts, func(account, region string) (Sink, error) {
		return regionSink{mapping.NewRegion(account, region, b)}, nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range report.Failed {
		b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: f.Account}, Reason: f.Reason, Detail: f.Detail, At: f.At})
	}
	return &Result{Snapshot: b.Build(started), Report: *report}, nil
}

// regionSink puts what is read into a snapshot.
type regionSink struct{ *mapping.Region }

// Close implements Sink.
func (s regionSink) Close(now time.Time) (instances, assets int, err error) {
	s.Finish(now)
	return s.Instances(), s.Assets(), nil
}

// Walk reads targets and hands what it reads to the sinks that open gives, one per account and region.
// It returns the context's error, or that of a sink.
func Walk(ctx context.Context, targets []Target, opts Options, open func(account, region string) (Sink, error)) (*Report, error) {
	w := &walk{opts: opts.withDefaults(), open: open}
	w.slots = make(chan struct{}, w.opts.Parallel)
	before := 0
	for _, t := range targets {
		before += t.Session.Calls()
	}
	var accounts errgroup.Group
	accounts.SetLimit(max(1, w.opts.Parallel/4))
	var inner context.Context // ends at the first sink that fails
	w.regions, inner = errgroup.WithContext(ctx)
	w.regions.SetLimit(w.opts.Parallel)
	for _, t := range targets {
		accounts.Go(func() error { return w.account(inner, t) })
	}
	entered := accounts.Wait()
	if err := cmp.Or(ctx.Err(), w.regions.Wait(), entered); err != nil {
		return nil, fmt.Errorf("read %d accounts: %w", len(targets), err)
	}
	for _, t := range targets {
		w.report.Calls += t.Session.Calls()
	}
	w.report.Calls -= before
	slices.SortFunc(w.report.Regions, func(a, b connector.RegionResult) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	slices.SortFunc(w.report.Disabled, func(a, b Disabled) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	slices.SortFunc(w.report.Failed, func(a, b Failure) int { return cmp.Compare(a.Account, b.Account) })
	return &w.report, nil
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now().UTC() //nolint:forbidigo // the default of a clock that is handed in
	}
	return o.Now().UTC()
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// walk is one reading of all targets.
type walk struct {
	opts    Options
	open    func(account, region string) (Sink, error)
	slots   chan struct{} // one per listing that is being asked
	regions *errgroup.Group

	mu      sync.Mutex
	report  Report
	started int
	done    int
}

// account enters an account, asks which regions it has and starts their reading.
func (w *walk) account(ctx context.Context, t Target) error {
	regions, err := w.enter(ctx, t)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		f := t.Session.Classify(err)
		fail := Failure{Account: t.Session.Account(), Reason: reasonOf(f.Class), Detail: f.String(), At: w.opts.now()}
		w.opts.Log.WarnContext(ctx, "account not read", slog.String("account", fail.Account), slog.String("detail", fail.Detail))
		w.mu.Lock()
		w.report.Failed = append(w.report.Failed, fail)
		w.report.Regions = append(w.report.Regions, connector.RegionResult{Account: fail.Account, Error: fail.Detail})
		w.mu.Unlock()
		return nil
	}
	w.mu.Lock()
	w.started += len(regions)
	if !t.Minimal {
		w.started++
	}
	w.mu.Unlock()
	if len(w.opts.kinds) == 0 {
		regions = append(regions, asset.Global)
	}
	for _, region := range regions {
		w.regions.Go(func() error { return w.region(ctx, t, region) })
	}
	return nil
}

// enter gets the account's credentials, makes sure that they are of that account, and returns the regions to read.
func (w *walk) enter(ctx context.Context, t Target) ([]string, error) {
	if _, err := t.Session.Identity(ctx); err != nil {
		return nil, err
	}
	if len(t.Regions) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(t.Regions))), nil
	}
	enabled, disabled, err := Regions(ctx, t.Session)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.report.Disabled = append(w.report.Disabled, disabled...)
	w.mu.Unlock()
	return enabled, nil
}

// Regions asks which regions an account has enabled and which not.
func Regions(ctx context.Context, s *awsclient.Session) (enabled []string, disabled []Disabled, err error) {
	out, err := s.EC2(s.Home()).DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if err != nil {
		return nil, nil, fmt.Errorf("list the regions of account %s: %w", s.Account(), err)
	}
	for _, r := range out.Regions {
		name, status := aws.ToString(r.RegionName), aws.ToString(r.OptInStatus)
		if status == "not-opted-in" {
			disabled = append(disabled, Disabled{Account: s.Account(), Region: name, Status: status})
			continue
		}
		enabled = append(enabled, name)
	}
	if len(enabled) == 0 {
		return nil, nil, fmt.Errorf("list the regions of account %s: AWS names none that is enabled", s.Account())
	}
	slices.Sort(enabled)
	return enabled, disabled, nil
}

// region reads one region of one account and notes how it went.
func (w *walk) region(ctx context.Context, t Target, region string) error {
	sink, err := w.open(t.Session.Account(), region)
	if err != nil {
		return err
	}
	r := &reader{w: w, s: t.Session, region: region, sink: sink}
	r.read(ctx, t.Minimal)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	instances, assets, err := sink.Close(w.opts.now())
	if err != nil || region == asset.Global && t.Minimal { // of which nothing was asked: it is a gap
		return err
	}
	res := connector.RegionResult{Account: t.Session.Account(), Region: region, Instances: instances, Assets: assets, Error: r.summary()}
	if res.Error != "" {
		w.opts.Log.WarnContext(ctx, "region not wholly read", slog.String("account", res.Account), slog.String("region", region), slog.String("detail", res.Error))
	}
	w.mu.Lock()
	w.report.Regions = append(w.report.Regions, res)
	w.done++
	p := Progress{Account: res.Account, Region: region, Done: w.done, Regions: w.started}
	w.mu.Unlock()
	if w.opts.Progress != nil {
		w.opts.Progress(p)
	}
	return nil
}

func reasonOf(c awsclient.Class) snapshot.Reason {
	switch c {
	case awsclient.Expired:
		return snapshot.Expired
	case awsclient.Denied:
		return snapshot.AccessDenied
	case awsclient.Throttled:
		return snapshot.Throttled
	case awsclient.RegionDisabled:
		return snapshot.Disabled
	case awsclient.Unsupported:
		return snapshot.Unsupported
	case awsclient.Malformed:
		return snapshot.Malformed
	default:
		return snapshot.Failed
	}
}
