package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// reader reads one region of one account.
type reader struct {
	w      *walk
	s      *awsclient.Session
	region string
	sink   Sink

	mu     sync.Mutex
	errs   []string // of the listings that failed, in words
	whole  bool     // the region as a whole cannot be read
	broken bool     // the instances were not read to their end
	images map[string]bool
}

// listing reads one or several parts that belong together.
type listing func(ctx context.Context, r *reader)

// read asks for the instances first. If that says that the region itself cannot be read, nothing else is asked. What belongs to the
// account as a whole has no instances and nothing that the least permissions allow.
func (r *reader) read(ctx context.Context, minimal bool) {
	if kinds := r.w.opts.kinds; len(kinds) > 0 {
		r.readKinds(ctx, kinds)
		return
	}
	if r.region == asset.Global {
		if !minimal {
			r.run(ctx, globalListings)
		}
		return
	}
	r.images = map[string]bool{}
	r.slot(ctx, func(ctx context.Context, r *reader) { r.broken = !instances(ctx, r) })
	if r.whole || ctx.Err() != nil {
		return
	}
	lists := minimalListings
	if !minimal {
		lists = append(append([]listing{}, minimalListings...), otherListings...)
	}
	r.run(ctx, lists)
}

// run runs listings side by side, as far as the bound allows.
func (r *reader) run(ctx context.Context, lists []listing) {
	var g sync.WaitGroup
	for _, l := range lists {
		g.Go(func() { r.slot(ctx, l) })
	}
	g.Wait()
}

// slot runs a listing when the bound allows it.
func (r *reader) slot(ctx context.Context, l listing) {
	select {
	case r.w.slots <- struct{}{}:
		defer func() { <-r.w.slots }()
		l(ctx, r)
	case <-ctx.Done():
	}
}

// summary returns the region's error in words: the first failures, and how many more.
func (r *reader) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	const shown = 3
	if len(r.errs) > shown {
		return fmt.Sprintf("%s; and %d more listings", strings.Join(r.errs[:shown], "; "), len(r.errs)-shown)
	}
	return strings.Join(r.errs, "; ")
}

// fail notes that a part was not read to its end. got says that some of it came.
func (r *reader) fail(p *mapping.Part, at time.Time, got bool, err error) {
	f := r.s.Classify(err)
	if f.Class == awsclient.Canceled {
		return // the whole reading ends
	}
	reason, detail := reasonOf(f.Class), f.String()
	if f.Class == awsclient.Denied {
		detail = strings.Join(p.Actions, " and ") + " is not allowed: " + detail
	}
	if got {
		reason, detail = snapshot.Partial, "not all pages came: "+detail
	}
	r.sink.Fail(p, at, reason, detail)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, p.Name+": "+detail)
}

// page is one page of a listing: its items, and the token of the next page, nil or "" at the end.
type page[T any] func(ctx context.Context, token *string) (items []T, next *string, err error)

// errToken is AWS naming the page that was just read as the next one: going on would never end.
var errToken = errors.New("AWS names the same next page twice")

// errMarker is AWS saying that there is more without saying where.
var errMarker = errors.New("AWS says that there are more pages and names none")

// list reads all pages of a part and reports whether all came. each may be nil.
func list[T any](ctx context.Context, r *reader, name string, next page[T], each func(*T)) bool {
	p, at, got := mapping.PartNamed(name), r.w.opts.now(), false
	var token *string
	for {
		items, following, err := next(ctx, token)
		if err == nil && following != nil && token != nil && *following == *token && *token != "" {
			err = errToken
		}
		if err != nil {
			r.fail(p, at, got, err)
			return false
		}
		for i := range items {
			r.sink.Put(p, &items[i])
			if each != nil {
				each(&items[i])
			}
		}
		got = true
		if following == nil || *following == "" {
			r.sink.Done(p, at)
			return true
		}
		token = following
	}
}

// all reads all pages without handing them on.
func all[T any](ctx context.Context, next page[T]) (out []T, err error) {
	var token *string
	for {
		items, following, err := next(ctx, token)
		if err != nil {
			return out, err
		}
		out = append(out, items...)
		if following == nil || *following == "" {
			return out, nil
		}
		if token != nil && *following == *token {
			return out, errToken
		}
		token = following
	}
}

// perItem is how many calls that answer for one thing each are made at once within a listing.
const perItem = 8

// details asks for each of ids and puts the answers in their order. What was deleted since it was listed is left out.
func details[T any](ctx context.Context, r *reader, name string, ids []string, ask func(ctx context.Context, id string) (*T, error)) {
	p, at := mapping.PartNamed(name), r.w.opts.now()
	answers := make([]*T, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(perItem)
	for i, id := range ids {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // another one failed: its error is the one told
			}
			v, err := ask(ctx, id)
			if isGone(err) {
				return nil
			}
			answers[i] = v
			return err
		})
	}
	err := g.Wait()
	got := false
	for _, v := range answers {
		if v != nil {
			got = true
			r.sink.Put(p, v)
		}
	}
	if err != nil {
		r.fail(p, at, got, err)
		return
	}
	r.sink.Done(p, at)
}

// skip notes that details were not asked for because the listing before them failed.
func (r *reader) skip(of string, names ...string) {
	for _, name := range names {
		r.sink.Fail(mapping.PartNamed(name), r.w.opts.now(), snapshot.NotRead, "not asked for: "+of+" was not read to its end")
	}
}

// isGone reports whether AWS says that a thing does not exist any more: InvalidX.NotFound, XNotFound, ResourceNotFoundException.
func isGone(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := strings.TrimSuffix(api.ErrorCode(), "Exception")
	return strings.HasSuffix(code, "NotFound")
}
