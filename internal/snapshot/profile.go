package snapshot

import (
	"slices"

	"hinomi/internal/asset"
)

// ProfileOf returns the instance profile that an instance carries. It is false if the instance carries none, if the profiles of its
// account were not read (GapFor the account, asset.Global and asset.KindInstanceProfile tells) and if the profile was deleted since:
// one that was made anew under the same ARN has another id and is not the instance's, which gets no credentials from it until it is
// associated again (IAM User Guide, "Use instance profiles").
func (s *Snapshot) ProfileOf(i *asset.Instance) (*asset.InstanceProfile, bool) {
	if i.InstanceProfileID != "" {
		a, ok := s.Find(asset.Ref{Account: i.Account, Region: asset.Global, Kind: asset.KindInstanceProfile, ID: i.InstanceProfileID})
		if !ok {
			return nil, false
		}
		p, ok := a.(*asset.InstanceProfile)
		return p, ok
	}
	t := s.tables[asset.KindInstanceProfile]
	if t == nil || i.InstanceProfile == "" {
		return nil, false
	}
	// A dump of an old tool may leave the id out. An account has at most a few thousand profiles.
	from, _ := slices.BinarySearchFunc(t.rows, asset.Ref{Account: i.Account}, func(a asset.Asset, want asset.Ref) int { return compareRefs(asset.RefOf(a), want) })
	for _, a := range t.rows[from:] {
		if a.Base().Account != i.Account {
			break
		}
		if p, ok := a.(*asset.InstanceProfile); ok && p.ARN == i.InstanceProfile {
			return p, true
		}
	}
	return nil, false
}
