package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	agents "hinomi/internal/action/ssm"
	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
)

// Managed is what was planned, or done, for scanning with agents in one account's region.
type Managed struct {
	Connector   string        `json:"connector"`
	Plan        agents.Plan   `json:"plan"`
	Done        bool          `json:"done"`
	Fault       string        `json:"fault,omitempty"`
	Unconfirmed []string      `json:"unconfirmed,omitempty"` // instances of which it is not known that the collector was uninstalled
	Steps       []agents.Step `json:"steps,omitempty"`
}

// Options say what PlanAgents plans, and whether it is done.
type Options struct {
	Connector string               // by ID or name; "" for all that allow manage-ssm
	Remove    bool                 // plan the removal of all that is ours, whatever the settings say
	Without   []coverage.AgentPart // parts that are removed, whatever the settings say
	Apply     bool
}

// doManage makes what agents need in every account that allows it, and repairs what somebody deleted.
func (a *Agents) doManage(ctx context.Context, _ *job.Job) error {
	list, err := a.PlanAgents(ctx, auth.System(), Options{Apply: true})
	for _, m := range list {
		if m.Fault != "" {
			a.Log.WarnContext(ctx, "what agents need is not as it should be", slog.String("connector", m.Connector), slog.String("region", m.Plan.Place.Region), slog.String("err", m.Fault))
		}
	}
	return err
}

// PlanAgents says what would be made, repaired and removed in Systems Manager, place by place, and does it with Apply. A place that fails says
// so, and the others go on.
func (a *Agents) PlanAgents(ctx context.Context, by auth.Principal, o Options) ([]Managed, error) {
	if err := core.Allow(by, auth.RunScan, ""); err != nil {
		return nil, err
	}
	facts, err := a.eligibility.Facts(ctx)
	if err != nil {
		return nil, err
	}
	facts.Settings.Agents = slices.DeleteFunc(slices.Clone(facts.Settings.Agents), func(p coverage.AgentPart) bool { return slices.Contains(o.Without, p) })
	world, err := a.World(ctx)
	if err != nil {
		return nil, err
	}
	open, err := a.DB.ListOpenResources(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := a.collectorPackage(&facts.Settings)
	if err != nil && !o.Remove {
		return nil, err
	}
	regions := map[string][]string{}
	for _, p := range agentPlaces(world, &facts) {
		regions[p.account] = append(regions[p.account], p.region)
	}
	var out []Managed
	err = a.EachConnector(ctx, by.Scope, func(c *connector.Connector) error {
		if o.Connector != "" && o.Connector != c.ID && o.Connector != c.Name || o.Connector == "" && (facts.Readers[c.Account] == nil || facts.Readers[c.Account].ID != c.ID) {
			return nil
		}
		mine := slices.DeleteFunc(core.ResourcesOf(open, c.ID), func(r run.Resource) bool { return !core.ForAgents(r) })
		want := agents.Want{}
		if !o.Remove && c.Enabled && c.May(connector.ManageSSM) {
			want = wantOf(&facts.Settings, c.Account, facts.Owners[c.Account], pack)
		} else if len(mine) == 0 {
			return nil // nothing of ours is there, and nothing is wanted
		}
		places := slices.Clone(regions[c.Account])
		for _, r := range mine {
			places = append(places, r.Region)
		}
		slices.Sort(places)
		for _, region := range slices.Compact(places) {
			m := a.planPlace(ctx, c, region, want, mine, o.Apply)
			if m.Done && o.Apply {
				if err := a.Audit(ctx, by, "agents.apply", "connector "+c.ID, c.Account, region); err != nil {
					return err
				}
			}
			out = append(out, m)
		}
		return ctx.Err()
	})
	if err == nil && o.Connector != "" && len(out) == 0 {
		_, err = a.DB.Connector(ctx, by.Scope, o.Connector)
	}
	return out, err
}

func (a *Agents) planPlace(ctx context.Context, c *connector.Connector, region string, want agents.Want, open []run.Resource, apply bool) Managed {
	out := Managed{Connector: c.Name, Plan: agents.Plan{Place: agents.Place{Account: c.Account, Region: region, Partition: c.Type.Partition(), Connector: c.ID}}}
	session, err := a.Session(ctx, c)
	if err != nil {
		out.Fault = err.Error()
		return out
	}
	err = func() error {
		m, err := a.agentManager(ctx, session, c.Account, region, c.ID)
		if err != nil {
			return err
		}
		state, err := m.Look(ctx)
		if err != nil {
			return errors.New(session.Classify(err).String())
		}
		var here []run.Resource
		for _, r := range open {
			if r.Region == region {
				here = append(here, r)
			}
		}
		if apply {
			if err := m.Settle(ctx, state, here); err != nil {
				return err
			}
		}
		if out.Plan, err = m.Plan(state, want); err != nil || !apply || out.Plan.Idle() {
			return err
		}
		res, err := m.Apply(ctx, out.Plan)
		out.Done, out.Steps, out.Unconfirmed = true, res.Done, res.Unconfirmed
		return err
	}()
	if err != nil {
		out.Fault = err.Error()
	}
	return out
}

// agentManager returns who makes and removes what agents need in a place.
func (a *Agents) agentManager(ctx context.Context, session *awsclient.Session, account, region, connectorID string) (*agents.Manager, error) {
	installation, err := a.DB.InstallationID(ctx)
	if err != nil {
		return nil, err
	}
	at := agents.Place{Account: account, Region: region, Partition: connector.AccountType(session.Type()).Partition(), Connector: connectorID}
	return agents.New(session.SSM(region), session.S3(region), a.Keeper(), agents.Clock{Now: a.Now, Sleep: a.Sleep}, at, installation)
}

// wantOf is what an account should have.
func wantOf(s *coverage.Settings, account, owner string, pack *agents.Package) agents.Want {
	has := func(p coverage.AgentPart) bool { return slices.Contains(s.Agents, p) }
	w := agents.Want{
		Inventory: has(coverage.AgentInventory), DataSync: has(coverage.AgentDataSync) && s.SyncName == "", Windows: has(coverage.AgentWindows), Linux: has(coverage.AgentDeep),
		WindowsSchedule: s.WindowsSchedule, Package: pack,
	}
	if w.Linux {
		w.LinuxPaths = s.PathsFor(owner, account)
	}
	return w
}

// collectorPackage packs the collector's programs: those in the folder of collectors, named hinomi-linux-x86_64 and the like, and this program
// itself where it is one. Without deep inspection none is needed.
func (a *Agents) collectorPackage(s *coverage.Settings) (*agents.Package, error) {
	if !slices.Contains(s.Agents, coverage.AgentDeep) && !slices.Contains(s.Agents, coverage.AgentWindows) {
		return nil, nil //nolint:nilnil // none is needed
	}
	var list []agents.Binary
	for _, p := range []struct{ os, arch, goos, goarch, file string }{
		{"linux", "x86_64", "linux", "amd64", "hinomi-linux-x86_64"},
		{"linux", "arm64", "linux", "arm64", "hinomi-linux-arm64"},
		{"windows", "x86_64", "windows", "amd64", "hinomi-windows-x86_64.exe"},
	} {
		data, err := os.ReadFile(filepath.Join(a.collectors(), p.file))
		if errors.Is(err, os.ErrNotExist) && p.goos == runtime.GOOS && p.goarch == runtime.GOARCH {
			var self string
			if self, err = os.Executable(); err == nil {
				data, err = os.ReadFile(self) //nolint:gosec // this program itself
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the collector for %s %s: %w", p.os, p.arch, err)
		}
		list = append(list, agents.Binary{OS: p.os, Arch: p.arch, Data: data})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no collector to deliver: put hinomi-linux-x86_64 or hinomi-linux-arm64 into %s", a.collectors())
	}
	return agents.Pack(a.version, list...)
}

// collectors is the folder of the collector's programs for other platforms.
func (a *Agents) collectors() string { return filepath.Join(a.DataDir, "collectors") }
