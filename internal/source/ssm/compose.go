package ssm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm/collected"
)

// Composed is what an instance's items say.
type Composed struct {
	OS        inventory.OS
	Supported bool // a system whose inventory can be judged
	// Agent is what Systems Manager's own agent listed: the packages of the system's package manager. Nil if that was never captured.
	Agent *inventory.Inventory
	// Collected is what hinomi's collector found. Nil if it never ran, or if Object says where it lies.
	Collected *inventory.Inventory
	Object    *collected.Head
	Delivered bool            // the collector's item is there, whatever is in it
	Limit     *collected.Head // the collector ran, and says which limit kept it from delivering
	Addresses []string        // IP addresses, of AWS:Network
	Missing   []string        // types that were never captured
	// Known are the types that were not read again: what was composed of them before still holds.
	Known []string
}

// Compose makes inventories of an instance's items. It returns an error if the collector's is damaged; all else is then there.
func Compose(i *Instance, items Items) (Composed, error) {
	c := Composed{}
	name, version := i.PlatformName, i.PlatformVersion
	if info := items[InstanceInfo].Entries; len(info) == 1 && name == "" {
		name, version = info[0]["PlatformName"], info[0]["PlatformVersion"]
	}
	c.OS, c.Supported = SystemOf(name, version)
	for _, t := range Types() {
		item, there := items[t]
		switch {
		case item.Known:
			c.Known = append(c.Known, t)
		case !there && needed(t, c.OS):
			c.Missing = append(c.Missing, t)
		}
	}
	for _, e := range items[Network].Entries {
		for _, k := range []string{"IPV4", "IPV6"} {
			for a := range strings.SplitSeq(e[k], ",") {
				if a = strings.TrimSpace(a); a != "" {
					c.Addresses = append(c.Addresses, a)
				}
			}
		}
	}
	if app, there := items[Application]; there && !app.Known {
		c.Agent = agentInventory(c.OS, c.Supported, items)
		c.Agent.Source = i.Ref.ID
	}
	mine, there := items[CollectedByUs]
	if !there || mine.Known || len(mine.Entries) == 0 {
		return c, nil
	}
	c.Delivered = true
	head, err := collected.ReadHead(mine.Entries)
	if err == nil && head.Limit != "" {
		c.Limit = &head
		return c, nil
	}
	if err == nil && head.Key != "" {
		if !head.Of(CollectedPrefix, i.Ref.ID) {
			return c, fmt.Errorf("inventory of the collector on %s: its object %q is not one of this instance's", i.Ref.ID, head.Key)
		}
		c.Object = &head
		return c, nil
	}
	if err == nil {
		c.Collected, err = collected.Decode(mine.Entries)
	}
	if err != nil {
		return c, fmt.Errorf("inventory of the collector on %s: %w", i.Ref.ID, err)
	}
	c.Collected.Source = i.Ref.ID
	return c, nil
}

// CollectedPrefix is the folder of the bucket where collectors put what does not fit into an inventory item.
const CollectedPrefix = "collected"

// needed says whether a type must be there for a scan to see what it should.
func needed(kind string, os inventory.OS) bool {
	return kind == Application || kind == WindowsUpdate && os.ID == "windows"
}

// agentInventory is what the agent's own items say. It covers the package manager's packages and nothing else.
func agentInventory(os inventory.OS, supported bool, items Items) *inventory.Inventory {
	app := items[Application]
	inv := &inventory.Inventory{OS: os, Method: inventory.Agent, ReadAt: app.Captured, Packages: []inventory.Package{}, Covered: covered(os)}
	if !supported {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: "/", FoundBy: "ssm", Reason: fmt.Sprintf("the system %q is not one whose packages can be judged", os.PrettyName)})
		return inv
	}
	addApplications(inv, app.Entries)
	if slices.ContainsFunc(inv.Packages, func(p inventory.Package) bool { return p.FoundBy == "snap" }) {
		inv.Covered = append(inv.Covered, snapPlace)
	}
	if os.ID == "windows" {
		addUpdates(inv, items)
	}
	if e := items[Detailed].Entries; len(e) == 1 && os.ID != "windows" && e[0]["KernelVersion"] != "" {
		inv.Kernel = inventory.Kernel{Release: e[0]["KernelVersion"], Running: true}
	}
	inv.Sort()
	return inv
}

func covered(os inventory.OS) []string {
	if place, ok := places()[os.ID]; ok {
		return []string{place}
	}
	// The agent asks the package manager, which has its data at one of its places: what a disk's scan found at any of them, this covers too.
	return append([]string{}, map[family][]string{dpkgFamily: {dpkgPlace}, rpmFamily: {rpmPlace, "/usr/lib/sysimage/rpm", "/usr/share/rpm"}}[familyOf(os)]...)
}

// places are those of systems that no package manager of Linux keeps.
func places() map[string]string {
	return map[string]string{"windows": windowsPlace, "macos": macPlace, "bottlerocket": thinPlace}
}

var kbPattern = regexp.MustCompile(`^KB[0-9]{4,9}$`)

// addUpdates adds the installed updates of Windows. What Windows lists there (Win32_QuickFixEngineering) are the updates of the system,
// not those of other products.
func addUpdates(inv *inventory.Inventory, items Items) {
	item, there := items[WindowsUpdate]
	gap := func(reason string) {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: windowsPlace, FoundBy: "ssm", Reason: reason})
	}
	switch {
	case !there:
		gap("Systems Manager never captured the installed updates")
		return
	case item.Known:
		gap("the installed updates were not read with the applications")
		return
	}
	inv.ReadAt = earlier(inv.ReadAt, item.Captured)
	bad := 0
	for _, e := range item.Entries {
		kb := strings.ToUpper(strings.TrimSpace(e["HotFixId"]))
		if !kbPattern.MatchString(kb) {
			bad++
			continue
		}
		inv.Packages = append(inv.Packages, inventory.Package{
			Ecosystem: inventory.Windows, Name: kb, Version: e["InstalledTime"], Vendor: "Microsoft", Location: windowsPlace, FoundBy: "ssm-update",
		})
	}
	if bad > 0 {
		gap(fmt.Sprintf("%d installed updates have no KB number", bad))
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Best chooses what is judged: the collector's inventory as long as it is not older than stale, else the agent's. If the agent has listed
// other packages since the collector ran, what it says of the others stays, and that difference is a gap. It returns nil if there is none.
func Best(agent, mine *inventory.Inventory, now time.Time, stale time.Duration) *inventory.Inventory {
	if mine == nil || now.Sub(mine.ReadAt) > stale && agent != nil && agent.ReadAt.After(mine.ReadAt) {
		return agent
	}
	if agent == nil || !agent.ReadAt.After(mine.ReadAt) {
		return mine
	}
	key := func(p inventory.Package) string { return p.Name + " " + p.Version + " " + p.Arch }
	have := map[string]bool{}
	for _, p := range mine.Packages {
		have[key(p)] = true
	}
	var fresh []string
	for _, p := range agent.Packages {
		if (p.FoundBy == "dpkg" || p.FoundBy == "rpm") && !have[key(p)] {
			fresh = append(fresh, key(p))
		}
	}
	if len(fresh) == 0 {
		return mine
	}
	place := "/"
	if len(agent.Covered) > 0 {
		place = agent.Covered[0]
	}
	out := *mine
	out.Gaps = append(slices.Clone(mine.Gaps), inventory.Gap{
		Path: place, FoundBy: "ssm", Reason: fmt.Sprintf("%d packages were installed or changed since the collector ran, %s among them", len(fresh), fresh[0]),
	})
	return &out
}
