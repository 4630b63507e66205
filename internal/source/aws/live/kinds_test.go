package live_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/awstest"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/aws/mapping"
)

// TestReadKinds reads every kind alone: it says of the kind what a whole reading says, and of no other kind anything at all.
func TestReadKinds(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	const account, region = "230000000001", "eu-west-1"
	w.SeedInstances(account, region, 2)
	w.SeedInstances(account, "eu-west-2", 1)
	target := w.target(t, w.connect(account, region))
	whole, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[asset.Kind]bool{}
	for _, p := range mapping.Parts() {
		kinds[p.Kind] = true
	}
	with := map[asset.Kind][]asset.Kind{
		asset.KindImage:        {asset.KindImage, asset.KindInstance},
		asset.KindListener:     {asset.KindListener, asset.KindLoadBalancer},
		asset.KindLoadBalancer: {asset.KindListener, asset.KindLoadBalancer},
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		place, want := region, []asset.Kind{k}
		if k.Global() {
			place = asset.Global
		}
		if with[k] != nil {
			want = with[k]
		}
		got, err := live.ReadKinds(t.Context(), target, place, []asset.Kind{k}, options)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(said(whole.Snapshot, place, want), said(got.Snapshot, place, nil)); diff != "" {
			t.Errorf("%s (-whole +alone):\n%s", k, diff)
		}
		if n := got.Calls; n > 10 {
			t.Errorf("%s: %d calls", k, n)
		}
	}
	if none, err := live.ReadKinds(t.Context(), target, region, []asset.Kind{asset.KindInstanceProfile}, options); err != nil || len(none.Snapshot.Reads())+len(none.Snapshot.Gaps()) != 0 {
		t.Errorf("a global kind of a region: %v %v", none, err)
	}
}

// said returns what a snapshot says of kinds in a region, all if none are given: the number of assets, or the gap.
func said(s *snapshot.Snapshot, region string, kinds []asset.Kind) map[string]int {
	out := map[string]int{}
	for _, r := range s.Reads() {
		if r.Region == region && (kinds == nil || slices.Contains(kinds, r.Kind)) {
			out["read "+string(r.Kind)] = r.Count
		}
	}
	for _, g := range s.Gaps() {
		if g.Region == region && (kinds == nil || slices.Contains(kinds, g.Kind)) {
			out["gap "+string(g.Kind)+" "+g.Part]++
		}
	}
	for _, k := range s.Kinds() {
		for a := range s.Assets(k) {
			if a.Base().Region == region && (kinds == nil || slices.Contains(kinds, k)) {
				out["assets "+string(k)]++
			}
		}
	}
	return out
}

// TestReadKindsFails makes the region, and then the account, unreadable: only the kinds asked for are gaps.
func TestReadKindsFails(t *testing.T) {
	for name, deny := range map[string]struct{ service, action string }{"call": {"ec2", "*"}, "account": {"sts", "*"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{Quiet: true})
			const account, region = "230000000002", "eu-west-1"
			target := w.target(t, w.connect(account, region))
			w.Before(deny.service, deny.action, awstest.Deny())
			got, err := live.ReadKinds(t.Context(), target, region, []asset.Kind{asset.KindInstance, asset.KindVPC}, options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]int{"gap instance ": 1, "gap vpc ": 1}, said(got.Snapshot, region, nil)); diff != "" || len(got.Snapshot.Gaps()) != 2 {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
