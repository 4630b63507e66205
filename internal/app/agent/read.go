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
		if err := a.readAgentPlace(ctx, c, &facts.Settings, world, p); err != nil {
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

// look is one look at the inventories of a place.
type look struct {
	session *awsclient.Session
	reader  *ssm.Reader
	reads   map[string]store.AgentRead // what was read before, by instance
	bucket  *synced                    // nil: Systems Manager is asked
	deep    func(*ssm.Instance) bool   // deep inspection is wanted on the instance
	now     time.Time
}

func (a *Agents) readAgentPlace(ctx context.Context, c *connector.Connector, s *coverage.Settings, world *snapshot.Snapshot, p agentPlace) error {
	session, err := a.Session(ctx, c)
	if err != nil {
		return err
	}
	at := ssm.Place{Account: p.account, Region: p.region}
	l := &look{session: session, reader: ssm.New(session.SSM(p.region), at), deep: deepWanted(s, c), now: a.Now()}
	list, err := l.reader.Instances(ctx)
	kept := store.AgentPlace{Account: p.account, Region: p.region, ReadAt: l.now}
	if err != nil {
		fault := session.Classify(err)
		kept.Fault = fault.String()
		return errors.Join(fmt.Errorf("list managed instances: %s", fault), a.DB.PutAgentPlace(ctx, kept))
	}
	managed := map[string]*ssm.Instance{}
	for i := range list {
		managed[list[i].Ref.ID] = &list[i]
	}
	if l.reads, err = a.DB.AgentReads(ctx, p.account, p.region); err != nil {
		return err
	}
	l.bucket = a.sync(ctx, s, session, l.reader, p, managed, &kept)
	var faults []error
	for _, i := range p.instances {
		m := managed[i.ID]
		if m == nil {
			continue
		}
		if err := a.readAgent(ctx, l, i, m); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", i.ID, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if kept.Sync != nil {
		kept.Sync.Saved = max(0, kept.Sync.Saved-kept.Sync.Calls)
	}
	a.tell(ctx, p, kept.Sync)
	a.agentFacts(ctx, session, l.reader, world, p, managed, &kept)
	return errors.Join(append(faults, a.DB.PutAgentPlace(ctx, kept))...)
}

// deepWanted returns whether deep inspection is on for an instance that a connector reads.
func deepWanted(s *coverage.Settings, c *connector.Connector) func(*ssm.Instance) bool {
	return func(m *ssm.Instance) bool {
		part := map[string]coverage.AgentPart{"Linux": coverage.AgentDeep, "Windows": coverage.AgentWindows}[m.PlatformType]
		return part != "" && c.Enabled && c.May(connector.ManageSSM) && slices.Contains(s.Agents, part)
	}
}

// items returns an instance's items if something of them is new; none if not. read is then what is to be remembered once they are judged.
func (a *Agents) items(ctx context.Context, l *look, i *asset.Instance, m *ssm.Instance, read *store.AgentRead) (ssm.Items, error) {
	if l.bucket != nil {
		l.bucket.late = false
		if m.PlatformName != "" { // else the system is told by a type that is not read from the bucket
			if items, ok := l.bucket.read(ctx, l, i, read); ok {
				return items, nil
			}
		}
		l.bucket.stats.Asked++
	}
	items, err := l.reader.Read(ctx, i.ID, read.Captured)
	if err != nil {
		return nil, errors.New(l.session.Classify(err).String())
	}
	read.AskedAt = l.now
	news := false
	for _, item := range items {
		news = news || !item.Known
	}
	if !news {
		if l.bucket == nil {
			return nil, nil // judged already; advisories that change judge it again without a call
		}
		return nil, a.DB.PutAgentRead(ctx, asset.RefOf(i), *read)
	}
	if l.bucket != nil && l.bucket.late {
		l.bucket.stats.Behind++
	}
	if err := l.reader.Whole(ctx, i.ID, items); err != nil { // what is new is judged together with what is not
		return nil, errors.New(l.session.Classify(err).String())
	}
	return items, nil
}

// readAgent reads an instance's inventory if something of it is new, and puts it through the line.
func (a *Agents) readAgent(ctx context.Context, l *look, i *asset.Instance, m *ssm.Instance) error {
	ref, read := asset.RefOf(i), l.reads[i.ID]
	before := l.session.Calls()
	items, err := a.items(ctx, l, i, m, &read)
	if err != nil || len(items) == 0 {
		return err
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
		if composed.Collected, err = a.collectedObject(ctx, l.session, i, *composed.Object); err != nil {
			a.Log.WarnContext(ctx, "a collector's inventory cannot be fetched", slog.String("instance", i.ID), slog.Any("err", err))
		}
	}
	best := ssm.Best(composed.Agent, composed.Collected, l.now, ssm.DefaultStale)
	if best == nil {
		return nil // the coverage says that there is none
	}
	if gap, lacks := ssm.Deep(composed, l.now, ssm.DefaultStale); lacks && l.deep(m) {
		best.Gaps = append(slices.Clone(best.Gaps), gap)
	}
	if err := a.inspectAgent(ctx, ref, i.Name(), best, l.session.Calls()-before); err != nil {
		return err
	}
	read.Captured = latest(read.Captured, items.Captured())
	return a.DB.PutAgentRead(ctx, ref, read)
}

// latest keeps the later time of each type: a bucket may be behind what Systems Manager said before.
func latest(old, items map[string]time.Time) map[string]time.Time {
	for kind, at := range old {
		if at.After(items[kind]) {
			items[kind] = at
		}
	}
	return items
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
