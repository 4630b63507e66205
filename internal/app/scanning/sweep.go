package scanning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	snapshots "hinomi/internal/action/ebs"
	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/disk/ebs/kept"
	"hinomi/internal/store"
)

// Swept is the outcome of a sweep.
type Swept struct {
	Deleted []run.Resource `json:"deleted"`
	Open    []run.Resource `json:"open"` // what may still be in an account
	Faults  []string       `json:"faults,omitempty"`
}

// Sweep looks in every account that a connector may write to for snapshots of this installation that no running scan needs, and deletes them.
// Snapshots of other installations are never touched.
func (a *Agentless) Sweep(ctx context.Context, by auth.Principal) (Swept, error) {
	if err := core.Allow(by, auth.RunScan, ""); err != nil {
		return Swept{}, err
	}
	if err := a.settleLost(ctx); err != nil {
		return Swept{}, fmt.Errorf("end the scans that were lost: %w", err)
	}
	open, err := a.DB.ListOpenResources(ctx)
	if err != nil {
		return Swept{}, err
	}
	var out Swept
	err = a.EachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		mine := slices.DeleteFunc(core.ResourcesOf(open, c.ID), core.ForAgents)
		if !c.May(connector.SnapshotVolumes) && len(mine) == 0 {
			return nil
		}
		deleted, err := a.sweepConnector(ctx, c, mine)
		out.Deleted = append(out.Deleted, deleted...)
		if err != nil {
			out.Faults = append(out.Faults, fmt.Sprintf("connector %s: %v", c.Name, err))
		}
		return ctx.Err()
	})
	if err != nil {
		return out, err
	}
	out.Open, err = a.DB.ListOpenResources(ctx)
	out.Open = slices.DeleteFunc(out.Open, func(r run.Resource) bool { return core.ForAgents(r) || r.State == run.Kept }) // they are there to stay
	return out, err
}

// sweepConnector sweeps every region that a connector reads, and those where something is known to be open.
func (a *Agentless) sweepConnector(ctx context.Context, c *connector.Connector, open []run.Resource) ([]run.Resource, error) {
	session, err := a.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	regions := map[string]bool{}
	for _, r := range c.Regions {
		regions[r] = true
	}
	if len(regions) == 0 {
		enabled, _, err := live.Regions(ctx, session)
		if err != nil {
			return nil, errors.New(session.Classify(err).String())
		}
		for _, r := range enabled {
			regions[r] = true
		}
	}
	for _, r := range open {
		regions[r.Region] = true
	}
	var all []run.Resource
	var faults []error
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		at := snapshots.Place{Account: c.Account, Region: region, Connector: c.ID}
		m, err := a.makerIn(ctx, session, at)
		if err != nil {
			return all, err
		}
		if m, err = a.makerFor(ctx, m, c); err != nil {
			return all, err
		}
		deleted, err := m.Sweep(ctx, at, inRegion(open, region), a.needed)
		all = append(all, deleted...)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %s", region, session.Classify(err)))
		}
		if !c.KeepBaseline || !c.Enabled {
			for _, r := range deleted {
				if strings.HasPrefix(r.Of, "vol-") {
					faults = append(faults, kept.Remove(a.keptFolder(), r.Of))
				}
			}
		}
	}
	return all, errors.Join(faults...)
}

func inRegion(list []run.Resource, region string) []run.Resource {
	var out []run.Resource
	for _, r := range list {
		if r.Region == region && r.Kind == asset.KindSnapshot {
			out = append(out, r)
		}
	}
	return out
}

// scanLimit is how long a scan may take: the longest wait for its snapshots, and as long again to read them.
const scanLimit = 12 * time.Hour

// needed reports whether a scan may still need its snapshots. One without a job that is past its limit does not: its process is gone.
func (a *Agentless) needed(ctx context.Context, scanID string) (bool, error) {
	s, err := a.DB.Scan(ctx, auth.Everything(), scanID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // of an older state of the database
	}
	if err != nil {
		return false, err
	}
	if s.State != run.Queued && s.State != run.Running {
		return false, nil
	}
	return !a.overdue(s), nil
}

func (a *Agentless) overdue(s run.Scan) bool {
	since := s.StartedAt
	if since.IsZero() {
		since = s.QueuedAt
	}
	return a.Now().Sub(since) > scanLimit+ReleaseTime
}

// settleLost ends the scans that nobody will end any more: their process was killed and no job is left to take them up, or their job
// was cancelled before it began. Otherwise their instance would never be scanned again.
func (a *Agentless) settleLost(ctx context.Context) error {
	waiting, err := a.scansWithJobs(ctx)
	if err != nil {
		return err
	}
	var faults []error
	err = a.EachOpenScan(ctx, func(s run.Scan) {
		at, err := a.presence(ctx, s)
		switch {
		case err != nil:
			faults = append(faults, err)
		case at == gone && s.State == run.Running:
			faults = append(faults, a.failScan(ctx, s, coverage.InternalError, errInterrupted, true))
		case at == gone && s.State == run.Queued:
			faults = append(faults, a.cancelGone(ctx, s))
		case waiting[s.ID]:
		case s.State != run.Running && a.Now().Sub(s.QueuedAt) > time.Minute: // younger ones may not have been seen among the jobs
			s.State, s.Reason, s.EndedAt = run.Canceled, "its job was cancelled before it began", a.Now()
			faults = append(faults, a.DB.PutScan(ctx, s))
		case s.State == run.Running && a.overdue(s):
			faults = append(faults, a.failScan(ctx, s, coverage.InternalError, errInterrupted, true))
		}
	})
	return errors.Join(append(faults, err)...)
}

// scansWithJobs returns the scans that a job works on or will.
func (a *Agentless) scansWithJobs(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	// A job goes from queued to running to retrying to running: running is asked for again, so that none slips through between two lists.
	for _, state := range []job.State{job.Queued, job.Running, job.Retrying, job.Running} {
		for from := ""; ; {
			page, next, err := a.DB.Jobs().List(ctx, core.JobScan, state, from, 500)
			if err != nil {
				return nil, err
			}
			for _, j := range page {
				out[j.Key] = true
			}
			if next == "" {
				break
			}
			from = next
		}
	}
	return out, nil
}
