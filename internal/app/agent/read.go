package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hinomi/internal/app/eligibility"
	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/ssm"
	"hinomi/internal/source/ssm/collected"
	"hinomi/internal/store"
)

func (a *Agents) doAgents(ctx context.Context, _ *job.Job) error { return a.ReadAgents(ctx) }

// agentPlace is an account's region with the instances that are looked at there.
type agentPlace struct {
	account, region string
	instances       []*asset.Instance
}

// ReadAgents reads what is new in the inventories of Systems Manager, wherever a connector has found instances, judges it, and decides of
// every instance again how it is scanned. A place that cannot be read says so in its instances' coverage, and the others go on.
func (a *Agents) ReadAgents(ctx context.Context) error {
	facts, err := a.eligibility.Facts(ctx)
	if err != nil {
		return err
	}
	world, err := a.World(ctx)
	if err != nil {
		return err
	}
	for _, p := range agentPlaces(world, &facts) {
		c := facts.Readers[p.account]
		if c == nil || !c.Enabled {
			continue
		}
		if err := a.readAgentPlace(ctx, c, world, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.Log.WarnContext(ctx, "inventories of agents not read", slog.String("account", p.account), slog.String("region", p.region), slog.Any("err", err))
		}
	}
	if err := a.eligibility.AssignCoverage(ctx, world); err != nil {
		return err
	}
	return a.retag(ctx)
}

// agentPlaces groups the instances that are looked at by account and region.
func agentPlaces(world *snapshot.Snapshot, f *eligibility.Facts) []agentPlace {
	byPlace := map[ssm.Place]*agentPlace{}
	for i := range snapshot.All[asset.Instance](world) {
		if i.State == "terminated" || i.State == "shutting-down" || !f.Selected.Has(asset.RefOf(i)) || f.Settings.Excluding(i.Tags) != "" {
			continue
		}
		at := ssm.Place{Account: i.Account, Region: i.Region}
		if byPlace[at] == nil {
			byPlace[at] = &agentPlace{account: i.Account, region: i.Region}
		}
		byPlace[at].instances = append(byPlace[at].instances, i)
	}
	out := make([]agentPlace, 0, len(byPlace))
	for _, p := range byPlace {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(x, y agentPlace) int {
		return cmp.Or(strings.Compare(x.account, y.account), strings.Compare(x.region, y.region))
	})
	return out
}

func (a *Agents) readAgentPlace(ctx context.Context, c *connector.Connector, world *snapshot.Snapshot, p agentPlace) error {
	session, err := a.Session(ctx, c)
	if err != nil {
		return err
	}
	at := ssm.Place{Account: p.account, Region: p.region}
	reader := ssm.New(session.SSM(p.region), at)
	list, err := reader.Instances(ctx)
	kept := store.AgentPlace{Account: p.account, Region: p.region, ReadAt: a.Now()}
	if err != nil {
		fault := session.Classify(err)
		kept.Fault = fault.String()
		return errors.Join(fmt.Errorf("list managed instances: %s", fault), a.DB.PutAgentPlace(ctx, kept))
	}
	managed := map[string]*ssm.Instance{}
	for i := range list {
		managed[list[i].Ref.ID] = &list[i]
	}
	var faults []error
	for _, i := range p.instances {
		m := managed[i.ID]
		if m == nil {
			continue
		}
		if err := a.readAgent(ctx, reader, session, i, m); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", i.ID, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	a.agentFacts(ctx, session, reader, world, p, managed, &kept)
	return errors.Join(append(faults, a.DB.PutAgentPlace(ctx, kept))...)
}

// readAgent reads an instance's inventory if something of it is new, and puts it through the line.
func (a *Agents) readAgent(ctx context.Context, r *ssm.Reader, session *awsclient.Session, i *asset.Instance, m *ssm.Instance) error {
	ref := asset.RefOf(i)
	known, err := a.DB.AgentCaptured(ctx, ref)
	if err != nil {
		return err
	}
	before := session.Calls()
	items, err := r.Read(ctx, i.ID, known)
	if err != nil {
		return errors.New(session.Classify(err).String())
	}
	news := false
	for _, item := range items {
		news = news || !item.Known
	}
	if !news {
		return nil // judged already; advisories that change judge it again without a call
	}
	if len(known) > 0 { // what is new is judged together with what is not
		if items, err = r.Read(ctx, i.ID, nil); err != nil {
			return errors.New(session.Classify(err).String())
		}
	}
	composed, err := ssm.Compose(m, items)
	if err != nil {
		a.Log.WarnContext(ctx, "a collector's inventory cannot be read", slog.String("instance", i.ID), slog.Any("err", err))
	}
	if !composed.Supported && m.PlatformName != "" {
		return a.Keeper().KeepCoverage(ctx, []coverage.Coverage{{
			Resource: ref, Name: i.Name(), Scan: coverage.PackageScan, Status: coverage.Inactive, Reason: coverage.UnsupportedOS, Mode: coverage.ByAgent,
			Detail: "its system is not supported: " + strings.TrimSpace(m.PlatformName+" "+m.PlatformVersion),
		}})
	}
	if composed.Object != nil && composed.Object.Of(ssm.CollectedPrefix, i.ID) {
		if composed.Collected, err = a.collectedObject(ctx, session, i, *composed.Object); err != nil {
			a.Log.WarnContext(ctx, "a collector's inventory cannot be fetched", slog.String("instance", i.ID), slog.Any("err", err))
		}
	}
	best := ssm.Best(composed.Agent, composed.Collected, a.Now(), ssm.DefaultStale)
	if best == nil {
		return nil // the coverage says that there is none
	}
	if err := a.inspectAgent(ctx, ref, i.Name(), best, session.Calls()-before); err != nil {
		return err
	}
	return a.DB.PutAgentCaptured(ctx, ref, items.Captured())
}

// inspectAgent judges an inventory of an agent. One that is older than what is known of the instance changes nothing.
func (a *Agents) inspectAgent(ctx context.Context, ref asset.Ref, name string, inv *inventory.Inventory, calls int) error {
	_, err := a.Line().Inspect(ctx, ref, name, inv, pipeline.Cost{Calls: calls})
	if errors.Is(err, store.ErrOlder) {
		return nil
	}
	return err
}

func (a *Agents) collectedObject(ctx context.Context, session *awsclient.Session, i *asset.Instance, h collected.Head) (*inventory.Inventory, error) {
	m, err := a.agentManager(ctx, session, i.Account, i.Region, "")
	if err != nil {
		return nil, err
	}
	return ssm.Bucket{Objects: session.S3(i.Region), Name: m.Bucket(), Owner: i.Account, Prefix: ssm.CollectedPrefix}.Collected(ctx, h)
}

// agentFacts reads what may explain why instances of a place are not managed. It is optional: what is refused stays unknown.
func (a *Agents) agentFacts(ctx context.Context, session *awsclient.Session, r *ssm.Reader, world *snapshot.Snapshot, p agentPlace,
	managed map[string]*ssm.Instance, out *store.AgentPlace,
) {
	if len(managed) >= len(p.instances) {
		return
	}
	yes := func(k ssm.Known) *bool {
		if k == ssm.Unknown {
			return nil
		}
		v := k == ssm.Yes
		return &v
	}
	k, err := r.DefaultManagement(ctx)
	if err != nil {
		a.Log.DebugContext(ctx, "default host management not read", slog.Any("err", err))
	}
	out.DefaultManagement = yes(k)
	for _, i := range p.instances {
		role := ssm.FactsOf(world, i).Role
		if _, asked := out.CoreRoles[role]; managed[i.ID] != nil || role == "" || asked {
			continue
		}
		k, err := ssm.RoleHasCore(ctx, session.IAM(), role)
		if err != nil || k == ssm.Unknown {
			continue
		}
		if out.CoreRoles == nil {
			out.CoreRoles = map[string]bool{}
		}
		out.CoreRoles[role] = k == ssm.Yes
	}
}

// ReadEvery is how often inventories of agents are looked at: 30 minutes, as the model does.
const ReadEvery = 30 * time.Minute
