package eligibility

import (
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/ssm"
	"hinomi/internal/store"
)

// unmanaged says why Systems Manager does not manage an instance and what to do, as far as is known.
func unmanaged(world *snapshot.Snapshot, i *asset.Instance, p store.AgentPlace) string {
	f := ssm.FactsOf(world, i)
	known := func(v, ok bool) ssm.Known {
		switch {
		case !ok:
			return ssm.Unknown
		case v:
			return ssm.Yes
		}
		return ssm.No
	}
	if p.DefaultManagement != nil {
		f.DefaultManagement = known(*p.DefaultManagement, true)
	}
	if has, ok := p.CoreRoles[f.Role]; ok {
		f.RoleHasCore = known(has, true)
	}
	var out []string
	for _, c := range ssm.Explain(f) {
		out = append(out, c.Why+": "+c.Do)
	}
	return strings.Join(out, "; ")
}
