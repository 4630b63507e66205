package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	agents "hinomi/internal/action/ssm"
	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/coverage"
	"hinomi/internal/source/ssm"
	"hinomi/internal/store"
)

// askEvery is how long an instance's objects may stand unchanged before Systems Manager itself is asked: a data sync that stopped without a word
// is found within a day, at six requests a day and instance.
const askEvery = 24 * time.Hour

// synced is the bucket of a resource data sync during one look at a place.
type synced struct {
	bucket ssm.Bucket
	index  ssm.Index
	stats  *store.AgentSync
	closed bool // the bucket refused to be read: nothing more is asked of it
	late   bool // Systems Manager is asked because nothing new came for long
}

// sync returns the bucket from which the inventories of a place are read, or nil where Systems Manager is asked; why, the place then says.
func (a *Agents) sync(ctx context.Context, s *coverage.Settings, session *awsclient.Session, r *ssm.Reader, p agentPlace, managed map[string]*ssm.Instance,
	kept *store.AgentPlace,
) *synced {
	name := s.SyncName
	if name == "" && slices.Contains(s.Agents, coverage.AgentDataSync) {
		name = agents.DataSync
	}
	n := 0
	for _, i := range p.instances {
		if managed[i.ID] != nil {
			n++
		}
	}
	if name == "" || n < s.SyncFrom {
		return nil
	}
	stats := &store.AgentSync{Name: name}
	kept.Sync = stats
	before := session.Calls()
	b, err := a.syncBucket(ctx, session, r, p, name, s.SyncName != "")
	if err != nil {
		stats.Fault = err.Error()
		return nil
	}
	stats.Bucket = b.Name
	out := &synced{bucket: b, stats: stats}
	out.index, err = b.Index(ctx, ssm.Place{Account: p.account, Region: p.region}, func(id string) bool { return managed[id] != nil })
	stats.Calls = session.Calls() - before
	if err != nil {
		stats.Fault = bucketFault(session.Classify(err), b.Name)
		return nil
	}
	return out
}

// syncBucket finds the bucket of a data sync. Ours must write to the bucket that is ours; one that was named may write to another account's.
func (a *Agents) syncBucket(ctx context.Context, session *awsclient.Session, r *ssm.Reader, p agentPlace, name string, named bool) (ssm.Bucket, error) {
	sync, err := r.Sync(ctx, name)
	if err != nil {
		f := session.Classify(err)
		if f.Class == awsclient.Denied {
			return ssm.Bucket{}, fmt.Errorf("%s; the role needs ssm:ListResourceDataSync", f)
		}
		return ssm.Bucket{}, fmt.Errorf("list resource data syncs: %s", f)
	}
	if sync == nil {
		return ssm.Bucket{}, fmt.Errorf("there is no resource data sync %s that writes to a bucket", name)
	}
	if why := sync.Stopped(); why != "" {
		return ssm.Bucket{}, fmt.Errorf("resource data sync %s: %s", name, why)
	}
	b := ssm.Bucket{Objects: session.S3(cmp.Or(sync.Region, p.region)), Name: sync.Bucket, Prefix: sync.Prefix}
	if named {
		return b, nil
	}
	m, err := a.agentManager(ctx, session, p.account, p.region, "")
	if err != nil {
		return ssm.Bucket{}, err
	}
	if b.Owner = p.account; b.Name != m.Bucket() {
		return ssm.Bucket{}, fmt.Errorf("resource data sync %s writes to bucket %s, which is not this installation's", name, b.Name)
	}
	return b, nil
}

// refused reports whether a right is missing: S3 answers a bare 403 where it does not say which.
func refused(f awsclient.Fault) bool { return f.Class == awsclient.Denied || f.Code == "Forbidden" }

// bucketFault says why a bucket could not be read, and which rights are missing where one is: S3 itself does not always name it.
func bucketFault(f awsclient.Fault, bucket string) string {
	if !refused(f) {
		return f.String()
	}
	return fmt.Sprintf("%s; the role needs s3:ListBucket on bucket %s and s3:GetObject on its objects, and kms:Decrypt on its key if it is encrypted with one", f, bucket)
}

// read reads an instance's items if one of its objects is new. ok is false if Systems Manager must be asked; no items: nothing is new.
func (s *synced) read(ctx context.Context, l *look, i *asset.Instance, known *store.AgentRead) (items ssm.Items, ok bool) {
	objects := s.index[i.ID]
	if _, there := objects[ssm.Application]; !there || s.closed {
		return nil, false
	}
	var newest time.Time
	changed := false
	for kind, o := range objects {
		if o.Written.After(newest) {
			newest = o.Written
		}
		changed = changed || known.ETags[kind] != o.ETag
	}
	if known.AskedAt.After(newest) {
		newest = known.AskedAt
	}
	if s.late = !changed && l.now.Sub(newest) > askEvery; s.late {
		return nil, false
	}
	if !changed {
		s.stats.Unchanged++
		s.stats.Saved += len(ssm.Types())
		return nil, true
	}
	before := l.session.Calls()
	items, tags := ssm.Items{}, map[string]string{}
	for kind, o := range objects {
		item, err := s.bucket.Item(ctx, i.ID, o)
		if err != nil {
			f := l.session.Classify(err)
			s.closed = refused(f)
			s.stats.Fault = bucketFault(f, s.bucket.Name)
			return nil, false
		}
		items[kind], tags[kind] = item, o.ETag
	}
	calls := l.session.Calls() - before
	known.ETags = tags
	s.stats.Read++
	s.stats.Calls += calls
	s.stats.Saved += items.Calls()
	return items, true
}

// tell logs what a look at a bucket saved, or why it could not be read.
func (a *Agents) tell(ctx context.Context, p agentPlace, s *store.AgentSync) {
	if s == nil {
		return
	}
	if s.Fault != "" {
		a.Log.WarnContext(ctx, "the data sync's bucket cannot be read, Systems Manager is asked", slog.String("account", p.account), slog.String("region", p.region),
			slog.String("sync", s.Name), slog.String("bucket", s.Bucket), slog.String("err", s.Fault))
	}
	if s.Behind > 0 {
		a.Log.WarnContext(ctx, "the data sync's bucket is behind Systems Manager", slog.String("account", p.account), slog.String("region", p.region),
			slog.String("sync", s.Name), slog.String("bucket", s.Bucket), slog.Int("instances", s.Behind))
	}
	if s.Bucket != "" {
		a.Log.InfoContext(ctx, "inventories read from the data sync's bucket", slog.String("account", p.account), slog.String("region", p.region),
			slog.String("bucket", s.Bucket), slog.Int("unchanged", s.Unchanged), slog.Int("read", s.Read), slog.Int("asked", s.Asked),
			slog.Int("calls", s.Calls), slog.Int("calls_saved", s.Saved))
	}
}
