package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/store"
)

// syncArgs are the arguments of a sync job.
type syncArgs struct {
	SyncID    string `json:"syncId"`
	Connector string `json:"connector"`
}

// ConnectorState is a connector with its last sync and the time of the next.
type ConnectorState struct {
	Connector connector.Connector `json:"connector"`
	Last      connector.Sync      `json:"lastSync,omitzero"`
	Next      time.Time           `json:"nextSync,omitzero"`
}

// ConnectorStates returns every connector that a principal sees, with its syncs.
func (a *Accounts) ConnectorStates(ctx context.Context, by auth.Principal) ([]ConnectorState, error) {
	var out []ConnectorState
	err := a.EachConnector(ctx, by.Scope, func(c *connector.Connector) error {
		s, err := a.stateOf(ctx, by, c)
		out = append(out, s)
		return err
	})
	return out, err
}

// ConnectorState returns one connector with its syncs.
func (a *Accounts) ConnectorState(ctx context.Context, by auth.Principal, idOrName string) (ConnectorState, error) {
	c, err := a.DB.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return ConnectorState{}, err
	}
	return a.stateOf(ctx, by, &c)
}

func (a *Accounts) stateOf(ctx context.Context, by auth.Principal, c *connector.Connector) (ConnectorState, error) {
	s := ConnectorState{Connector: *c}
	var err error
	if s.Last, err = a.DB.LastSync(ctx, by.Scope, c.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	if s.Next, err = a.DB.NextSync(ctx, c.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	return s, nil
}

// SyncConnector queues a sync of a connector; one that waits or runs already is returned instead of a second.
func (a *Accounts) SyncConnector(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error) {
	c, err := a.reachable(ctx, by, idOrName)
	if err != nil {
		return connector.Sync{}, err
	}
	var s connector.Sync
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if last, err := a.DB.LastSync(ctx, auth.Everything(), c.ID); err == nil && a.underWay(last) {
			s = last
			return nil
		}
		if s, err = a.queueSync(ctx, &c); err != nil {
			return err
		}
		return a.Audit(ctx, by, "connector.sync", "connector "+c.ID, c.Account, s.ID)
	})
	return s, err
}

// syncLimit is how long a sync of one account can be under way: one that is older died with its process, and stands in nobody's way.
// The largest accounts take minutes.
const syncLimit = 2 * time.Hour

// underWay reports whether a sync waits or runs.
func (a *Accounts) underWay(s connector.Sync) bool {
	return (s.State == connector.Queued || s.State == connector.Running) && a.Now().Sub(s.QueuedAt) < syncLimit
}

// queueSync stores a queued sync and its job; called in a transaction.
func (a *Accounts) queueSync(ctx context.Context, c *connector.Connector) (connector.Sync, error) {
	s, err := a.DB.CreateSync(ctx, c.ID)
	if err != nil {
		return s, err
	}
	_, err = a.DB.Enqueue(ctx, job.Spec{Kind: core.JobSync, Key: s.ID, Args: syncArgs{SyncID: s.ID, Connector: c.ID}})
	return s, err
}

// SyncNow syncs a connector in this process and returns when it has ended; with an organisation's, then every member.
func (a *Accounts) SyncNow(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error) {
	c, err := a.reachable(ctx, by, idOrName)
	if err != nil {
		return connector.Sync{}, err
	}
	s, err := a.syncOne(ctx, &c)
	if err != nil || !c.Organization.Enroll {
		return s, err
	}
	members, err := a.DB.Members(ctx, c.ID)
	if err != nil {
		return s, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(membersAtOnce)
	for _, m := range members {
		if m.Enabled {
			g.Go(func() error {
				_, err := a.syncOne(ctx, &m)
				return err
			})
		}
	}
	return s, g.Wait()
}

// membersAtOnce bounds how many accounts of an organisation are synced at once in one process: each has its own request rates,
// and each holds one account's world in memory.
const membersAtOnce = 8

func (a *Accounts) syncOne(ctx context.Context, c *connector.Connector) (connector.Sync, error) {
	s, err := a.DB.CreateSync(ctx, c.ID)
	if err != nil {
		return s, err
	}
	return a.runSync(ctx, c, s)
}

// runSync reads a connector's world, keeps and judges it, and stores how it went. The error is one of our own making (the database, say):
// what AWS refused is in the sync.
func (a *Accounts) runSync(ctx context.Context, c *connector.Connector, s connector.Sync) (connector.Sync, error) {
	s.State, s.StartedAt = connector.Running, a.Now()
	if err := a.DB.PutSync(ctx, s); err != nil {
		return s, err
	}
	target, err := a.Target(ctx, c)
	if err != nil {
		s.Error = err.Error()
		return a.endSync(ctx, c, s, a.keepUnread(ctx, c, &s))
	}
	if c.Organization.Enroll {
		_, failure, err := a.enrol(ctx, c, target.Session)
		if err != nil {
			return a.endSync(ctx, c, s, err)
		}
		s.Error = failure
	}
	s, err = a.readAndKeep(ctx, c, s, target)
	return a.endSync(ctx, c, s, err)
}

// endSync stores a sync's end and when the next one is due. cause is an error of ours that goes on to the caller.
func (a *Accounts) endSync(ctx context.Context, c *connector.Connector, s connector.Sync, cause error) (connector.Sync, error) {
	if cause != nil {
		s.Error = cause.Error()
	}
	s.State, s.EndedAt = connector.FinishedSuccess, a.Now()
	if s.Error != "" || slices.ContainsFunc(s.Regions, func(r connector.RegionResult) bool { return r.Error != "" }) {
		s.State = connector.FinishedErrors
	}
	s.NextAt = s.StartedAt.Add(time.Duration(c.Period))
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second) // the end is stored also when the sync was cancelled
	defer done()
	return s, errors.Join(cause, a.DB.PutSync(ctx, s), a.DB.SetNextSync(ctx, c.ID, s.NextAt))
}

// readAndKeep reads the targets and puts what was read through the line.
func (a *Accounts) readAndKeep(ctx context.Context, c *connector.Connector, s connector.Sync, target live.Target) (connector.Sync, error) {
	res, err := live.Read(ctx, []live.Target{target}, live.Options{Now: a.Now, Log: a.Log, Progress: func(p live.Progress) {
		a.Progress(pipeline.Step{Stage: "read", Done: p.Done, Total: p.Regions, What: p.Account + " " + p.Region})
	}})
	if err != nil {
		return s, fmt.Errorf("read connector %s: %w", c.Name, err)
	}
	s.Regions = res.Regions
	for _, f := range res.Failed {
		s.Error = strings.TrimPrefix(s.Error+"; "+f.Detail, "; ")
	}
	left, err := a.leftOut(ctx, c, res)
	if err != nil {
		return s, err
	}
	if left != nil {
		if _, err := a.DB.ApplySnapshot(ctx, c.ID, s.ID, left); err != nil {
			return s, fmt.Errorf("keep what connector %s no longer reads: %w", c.Name, err)
		}
	}
	seen, err := a.Line().Observe(ctx, c, s.ID, res.Snapshot, a.World)
	s.Counts = seen.Counts
	s.Counts.Calls = res.Calls
	s.Counts.Gaps = len(res.Snapshot.Gaps())
	if left != nil {
		s.Counts.Gaps += len(left.Gaps())
	}
	s.Counts.Instances = res.Snapshot.Len(asset.KindInstance)
	return s, err
}

// keepUnread keeps that nothing of a connector's account could be read, so that what is known of it is stale.
func (a *Accounts) keepUnread(ctx context.Context, c *connector.Connector, s *connector.Sync) error {
	b := snapshot.NewBuilder()
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: c.Account}, Reason: snapshot.Expired, Detail: s.Error, At: s.StartedAt})
	s.Counts.Gaps = 1
	_, err := a.DB.ApplySnapshot(ctx, c.ID, s.ID, b.Build(s.StartedAt))
	return err
}

// leftOut returns the gaps of regions of the connector's account that hold assets of ours and that nobody reads any more, because they were
// disabled in the account or left out of the connector's list: what runs there runs on, unseen. nil if there are none.
func (a *Accounts) leftOut(ctx context.Context, c *connector.Connector, res *live.Result) (*snapshot.Snapshot, error) {
	if len(res.Failed) > 0 {
		return nil, nil //nolint:nilnil // the whole account is a gap already
	}
	readers, err := a.ReadersOf(ctx, c.Account)
	if err != nil {
		return nil, err
	}
	unread := map[string]snapshot.Gap{}
	for _, r := range connector.Regions(c.Type) {
		unread[r] = snapshot.Gap{Reason: snapshot.NotRead, Detail: "no connector of the account reads the region any more: add it to the list of connector " + c.Name}
	}
	for _, d := range res.Disabled {
		unread[d.Region] = snapshot.Gap{Reason: snapshot.Disabled, Detail: "the region was disabled in the account; AWS runs on, and bills, what is in it"}
	}
	for _, r := range res.Regions {
		delete(unread, r.Region)
	}
	var b *snapshot.Builder
	for region, g := range unread {
		if g.Reason == snapshot.NotRead && slices.ContainsFunc(readers, func(o connector.Connector) bool { return o.Enabled && core.Reads(&o, region) }) {
			continue // another connector's part
		}
		held, err := a.DB.CountAssets(ctx, auth.Everything(), store.AssetFilter{Accounts: []string{c.Account}, Regions: []string{region}})
		if err != nil {
			return nil, err
		}
		if len(held) == 0 {
			continue
		}
		if b == nil {
			b = snapshot.NewBuilder()
		}
		g.Scope, g.At = snapshot.Scope{Account: c.Account, Region: region}, res.Snapshot.TakenAt
		b.AddGap(g)
	}
	if b == nil {
		return nil, nil //nolint:nilnil // nothing was left out
	}
	return b.Build(res.Snapshot.TakenAt), nil
}
