package mapping

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// Region gathers the parts of one account and region and puts their assets into a snapshot. It is safe for concurrent use.
// Each part is either done or failed; what is neither when Finish is called was not read, which is a gap. The region named
// asset.Global gathers the parts that belong to the account as a whole, and every other region the rest.
type Region struct {
	Account, Name string

	b       *snapshot.Builder
	mu      sync.Mutex
	status  map[*Part]status
	counts  map[asset.Kind]int
	joined  map[asset.Kind]map[string]asset.Asset // assets that details complete, kept until Finish
	later   []func()                              // joins, once all parts are there
	faults  map[asset.Kind]*faults
	strings map[string]string
	whole   *status // the region as a whole was not read
}

type status struct {
	done   bool
	at     time.Time
	reason snapshot.Reason
	detail string
}

// faults are the values of one kind that could not be understood.
type faults struct {
	first string
	n     int
}

// NewRegion returns an empty region whose assets go to b.
func NewRegion(account, name string, b *snapshot.Builder) *Region {
	return &Region{
		Account: account, Name: name, b: b,
		status: map[*Part]status{}, counts: map[asset.Kind]int{}, joined: map[asset.Kind]map[string]asset.Asset{},
		faults: map[asset.Kind]*faults{}, strings: map[string]string{},
	}
}

// Put takes one element of a part's list: a pointer to the SDK's type, or to one of this package's gathered forms.
func (r *Region) Put(p *Part, item any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.put(r, item)
}

// Done notes that a part was read to its end. at is when its first page was asked for.
func (r *Region) Done(p *Part, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.status[p]; ok && !s.done {
		return // it failed before: a gap stays one
	}
	r.status[p] = status{done: true, at: at}
}

// ReadAt corrects when a part that is done was read. It does nothing for a part that is not.
func (r *Region) ReadAt(p *Part, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.status[p]; s.done {
		s.at = at
		r.status[p] = s
	}
}

// Fail notes that a part was not read, or not to its end. The first failure of a part is kept.
func (r *Region) Fail(p *Part, at time.Time, reason snapshot.Reason, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.status[p]; ok && !s.done {
		return
	}
	r.status[p] = status{at: at, reason: reason, detail: detail}
}

// FailAll notes that the region as a whole was not read: one gap for all of it.
func (r *Region) FailAll(at time.Time, reason snapshot.Reason, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole = &status{at: at, reason: reason, detail: detail}
}

// Instances returns the number of instances that were put so far.
func (r *Region) Instances() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[asset.KindInstance]
}

// Assets returns the number of assets of all kinds that were put so far.
func (r *Region) Assets() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.counts {
		n += c
	}
	return n
}

// Finish joins the parts and marks in the snapshot what was read and what was not. now is the time of the gaps.
func (r *Region) Finish(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, join := range r.later {
		join()
	}
	for _, byID := range r.joined {
		for _, a := range byID {
			r.b.Add(a)
		}
	}
	kinds := map[asset.Kind]bool{}
	if w := r.whole; w != nil {
		r.b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: r.Account, Region: r.Name}, Reason: w.reason, Detail: w.detail, At: w.at})
		return
	}
	for _, p := range parts {
		if !kinds[p.Kind] && p.Global == (r.Name == asset.Global) {
			kinds[p.Kind] = true
			r.finishKind(p.Kind, now)
		}
	}
	r.later, r.joined, r.strings = nil, nil, nil
}

func (r *Region) finishKind(kind asset.Kind, now time.Time) {
	scope := snapshot.Scope{Account: r.Account, Region: r.Name, Kind: kind}
	var readAt time.Time
	gap := func(part string, s status) {
		g := snapshot.Gap{Scope: scope, Part: part, Reason: s.reason, Detail: s.detail, At: s.at}
		if g.At.IsZero() {
			g.At = now
		}
		r.b.AddGap(g)
	}
	complete := true
	for _, p := range ByKind(kind) {
		s, ok := r.status[p]
		switch {
		case !ok:
			s = status{reason: snapshot.NotRead, detail: p.Name + " was not read"}
		case s.done:
			if p.Detail == "" && (readAt.IsZero() || s.at.Before(readAt)) {
				readAt = s.at
			}
			continue
		}
		switch {
		case p.Detail == "":
			complete = false
			gap("", s)
		case r.counts[kind] > 0 && (s.reason != snapshot.NotRead || !r.superfluous(p)):
			gap(p.Detail, s)
		}
	}
	if f := r.faults[kind]; f != nil {
		complete = false
		detail := f.first
		if f.n > 1 {
			detail = fmt.Sprintf("%s; and %d more", detail, f.n-1)
		}
		gap("", status{reason: snapshot.Malformed, detail: detail})
	}
	if complete {
		r.b.MarkRead(r.Account, r.Name, kind, readAt, r.counts[kind])
	}
}

// superfluous reports whether a detail that was not read is not missed: AWS's own prefix lists are told twice.
func (r *Region) superfluous(p *Part) bool {
	return p.Name == "PrefixLists" && r.status[PartNamed("ManagedPrefixListEntries")].done
}

// add puts an asset that nothing completes.
func (r *Region) add(a asset.Asset) {
	r.counts[a.Kind()]++
	r.b.Add(a)
}

// keep puts an asset that details complete, or returns the one that is there already.
func keep[T any, P interface {
	*T
	asset.Asset
}](r *Region, a P) {
	kind := a.Kind()
	if r.joined[kind] == nil {
		r.joined[kind] = map[string]asset.Asset{}
	}
	if _, twice := r.joined[kind][a.Base().ID]; !twice {
		r.counts[kind]++
	}
	r.joined[kind][a.Base().ID] = a
}

// join calls f with the asset of an id once all parts were put; not at all if no part listed it.
func join[T any, P interface {
	*T
	asset.Asset
}](r *Region, id string, f func(P)) {
	r.later = append(r.later, func() {
		if a, ok := r.joined[P(new(T)).Kind()][id].(P); ok {
			f(a)
		}
	})
}

// fault notes a value that could not be understood. The asset stays, its kind becomes a gap: what the value meant is not known.
func (r *Region) fault(kind asset.Kind, id, format string, args ...any) {
	f := r.faults[kind]
	if f == nil {
		f = &faults{first: clip(id) + ": " + fmt.Sprintf(format, args...)}
		r.faults[kind] = f
	}
	f.n++
}

// partial notes from within a join that a part that was read does not tell all.
func (r *Region) partial(name, detail string) {
	for p, s := range r.status {
		if p.Name == name && s.done {
			r.status[p] = status{at: s.at, reason: snapshot.Partial, detail: detail}
		}
	}
}

// meta returns what every asset has. An element without an id cannot be told from others: it is a fault.
func (r *Region) meta(kind asset.Kind, id *string, arn string, tags map[string]string) asset.Meta {
	m := asset.Meta{Account: r.Account, Region: r.Name, ID: r.text(id), ARN: arn, Tags: tags}
	if m.ID == "" {
		r.fault(kind, string(kind), "an element has no id")
	}
	return m
}

// ec2ARN returns the ARN of an EC2 resource (Service Authorization Reference, "Resource types defined by Amazon EC2"):
// images and snapshots have no account in theirs.
func (r *Region) ec2ARN(typ string, owner string, id *string) string {
	switch {
	case id == nil || *id == "":
		return ""
	case typ == "image" || typ == "snapshot":
		owner = ""
	case owner == "":
		owner = r.Account
	}
	return strings.Join([]string{"arn", asset.Partition(r.Name), "ec2", r.Name, owner, typ + "/" + *id}, ":")
}

// text returns a string of the answer. Equal ones of a region share their bytes: thousands of instances name the same subnet.
func (r *Region) text(s *string) string {
	if s == nil || *s == "" {
		return ""
	}
	return r.intern(*s)
}

// maxInterned bounds the table of shared strings; past it, strings are kept as they come.
const maxInterned = 1 << 16

func (r *Region) intern(s string) string {
	if len(s) > 64 {
		return s
	}
	if v, ok := r.strings[s]; ok {
		return v
	}
	if len(r.strings) < maxInterned {
		r.strings[s] = s
	}
	return s
}
