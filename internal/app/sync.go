package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/live"
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
func (a *App) ConnectorStates(ctx context.Context, by auth.Principal) ([]ConnectorState, error) {
	var out []ConnectorState
	err := a.eachConnector(ctx, by.Scope, func(c *connector.Connector) error {
		s, err := a.stateOf(ctx, by, c)
		out = append(out, s)
		return err
	})
	return out, err
}

// ConnectorState returns one connector with its syncs.
func (a *App) ConnectorState(ctx context.Context, by auth.Principal, idOrName string) (ConnectorState, error) {
	c, err := a.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return ConnectorState{}, err
	}
	return a.stateOf(ctx, by, &c)
}

func (a *App) stateOf(ctx context.Context, by auth.Principal, c *connector.Connector) (ConnectorState, error) {
	s := ConnectorState{Connector: *c}
	var err error
	if s.Last, err = a.db.LastSync(ctx, by.Scope, c.ID); err != nil && !isNotFound(err) {
		return s, err
	}
	if s.Next, err = a.db.NextSync(ctx, c.ID); err != nil && !isNotFound(err) {
		return s, err
	}
	return s, nil
}

// SyncConnector queues a sync of a connector; one that waits or runs already is returned instead of a second.
func (a *App) SyncConnector(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error) {
	c, err := a.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return connector.Sync{}, err
	}
	if err := allow(by, auth.RunSync, c.Account); err != nil {
		return connector.Sync{}, err
	}
	var s connector.Sync
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		if last, err := a.db.LastSync(ctx, auth.Everything(), c.ID); err == nil && (last.State == connector.Queued || last.State == connector.Running) {
			s = last
			return nil
		}
		if s, err = a.queueSync(ctx, &c); err != nil {
			return err
		}
		return a.audit(ctx, by, "connector.sync", "connector "+c.ID, c.Account, s.ID)
	})
	return s, err
}

// queueSync stores a queued sync and its job; called in a transaction.
func (a *App) queueSync(ctx context.Context, c *connector.Connector) (connector.Sync, error) {
	s, err := a.db.CreateSync(ctx, c.ID)
	if err != nil {
		return s, err
	}
	_, err = a.db.Enqueue(ctx, job.Spec{Kind: jobSync, Key: c.ID, Args: syncArgs{SyncID: s.ID, Connector: c.ID}})
	return s, err
}

// SyncNow syncs a connector in this process and returns when it has ended; with an organisation's, then every member.
func (a *App) SyncNow(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error) {
	c, err := a.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return connector.Sync{}, err
	}
	if err := allow(by, auth.RunSync, c.Account); err != nil {
		return connector.Sync{}, err
	}
	s, err := a.syncOne(ctx, &c)
	if err != nil || !c.Organization.Enroll {
		return s, err
	}
	members, err := a.db.Members(ctx, c.ID)
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

func (a *App) syncOne(ctx context.Context, c *connector.Connector) (connector.Sync, error) {
	s, err := a.db.CreateSync(ctx, c.ID)
	if err != nil {
		return s, err
	}
	return a.runSync(ctx, c, s)
}

// runSync reads a connector's world, keeps and judges it, and stores how it went. The error is one of our own making (the database, say):
// what AWS refused is in the sync.
func (a *App) runSync(ctx context.Context, c *connector.Connector, s connector.Sync) (connector.Sync, error) {
	s.State, s.StartedAt = connector.Running, a.now()
	if err := a.db.PutSync(ctx, s); err != nil {
		return s, err
	}
	target, err := a.target(ctx, c)
	if err != nil {
		s.Error = err.Error()
		return a.endSync(ctx, c, s, nil)
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
func (a *App) endSync(ctx context.Context, c *connector.Connector, s connector.Sync, cause error) (connector.Sync, error) {
	if cause != nil {
		s.Error = cause.Error()
	}
	s.State, s.EndedAt = connector.FinishedSuccess, a.now()
	if s.Error != "" || slices.ContainsFunc(s.Regions, func(r connector.RegionResult) bool { return r.Error != "" }) {
		s.State = connector.FinishedErrors
	}
	s.NextAt = s.StartedAt.Add(time.Duration(c.Period))
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second) // the end is stored also when the sync was cancelled
	defer done()
	return s, errors.Join(cause, a.db.PutSync(ctx, s), a.db.SetNextSync(ctx, c.ID, s.NextAt))
}

// readAndKeep reads the targets and puts what was read through the line.
func (a *App) readAndKeep(ctx context.Context, c *connector.Connector, s connector.Sync, target live.Target) (connector.Sync, error) {
	res, err := live.Read(ctx, []live.Target{target}, live.Options{Now: a.now, Log: a.log, Progress: func(p live.Progress) {
		a.cfg.Progress(pipeline.Step{Stage: "read", Done: p.Done, Total: p.Regions, What: p.Account + " " + p.Region})
	}})
	if err != nil {
		return s, fmt.Errorf("read connector %s: %w", c.Name, err)
	}
	s.Regions = res.Regions
	for _, f := range res.Failed {
		s.Error = strings.TrimPrefix(s.Error+"; "+f.Detail, "; ")
	}
	seen, err := a.line().Observe(ctx, c, s.ID, res.Snapshot, a.world)
	s.Counts = seen.Counts
	s.Counts.Calls = res.Calls
	s.Counts.Gaps = len(res.Snapshot.Gaps())
	s.Counts.Instances = res.Snapshot.Len(asset.KindInstance)
	return s, err
}

// target is the account that a connector reads. With no more to do than count vulnerabilities of what runs, three permissions must do.
func (a *App) target(ctx context.Context, c *connector.Connector) (live.Target, error) {
	own, err := a.session(ctx, c)
	if err != nil {
		return live.Target{}, err
	}
	minimal := !slices.Contains(c.Modules, connector.Network) && !slices.Contains(c.Modules, connector.Configuration) && len(c.Verbs) == 0
	return live.Target{Session: own, Regions: c.Regions, Minimal: minimal}, nil
}

// enrol makes a connector for every member account of an organisation that has none, and disables those of accounts that are closed,
// suspended or left out. Enabling one again is a person's decision. It returns how many accounts are new, and in words what went wrong.
func (a *App) enrol(ctx context.Context, c *connector.Connector, own *awsclient.Session) (added int, failure string, err error) {
	members, err := live.Organization(ctx, own, c.Organization.Exclude)
	if err != nil {
		return 0, "list the organisation's accounts: " + own.Classify(err).String(), nil //nolint:nilerr // the sync goes on, and says it
	}
	known, err := a.db.Members(ctx, c.ID)
	if err != nil {
		return 0, "", err
	}
	for _, m := range members {
		if m.Own {
			continue
		}
		wanted := m.Active && !m.Excluded
		i := slices.IndexFunc(known, func(k connector.Connector) bool { return k.Account == m.Account })
		switch {
		case i < 0 && wanted:
			if err := a.enrolMember(ctx, c, m); err != nil {
				return added, "", err
			}
			added++
		case i >= 0 && known[i].Enabled && !wanted:
			known[i].Enabled = false
			if _, err := a.db.UpdateConnector(ctx, known[i], secret.Text{}); err != nil {
				return added, "", err
			}
		}
	}
	return added, "", nil
}

func (a *App) enrolMember(ctx context.Context, c *connector.Connector, m live.Member) error {
	n := connector.Connector{
		Name: c.Name + "/" + m.Account, Description: "member " + m.Name, Type: c.Type, Account: m.Account,
		Credentials: connector.Credentials{RoleARN: "arn:" + c.Type.Partition() + ":iam::" + m.Account + ":role/" + c.Organization.RoleName, ExternalID: c.Credentials.ExternalID},
		Regions:     c.Regions, Period: c.Period, Modules: c.Modules, Tags: c.Tags, Verbs: c.Verbs, PostureView: c.PostureView, Enabled: true, ParentID: c.ID,
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		made, _, err := a.db.CreateConnector(ctx, n, secret.Text{})
		if err != nil {
			return fmt.Errorf("enrol account %s: %w", m.Account, err)
		}
		if err := a.feedView(ctx, &made); err != nil {
			return err
		}
		a.log.InfoContext(ctx, "member account enrolled", slog.String("account", m.Account), slog.String("connector", c.Name))
		return a.audit(ctx, auth.System(), "connector.enrol", "connector "+made.ID, m.Account, c.Name)
	})
}
