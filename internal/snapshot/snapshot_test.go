package snapshot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func vpc(account, region, id, owner string) *asset.VPC {
	return &asset.VPC{Meta: asset.Meta{Account: account, Region: region, ID: id}, OwnerID: owner}
}

func TestSilenceIsAGap(t *testing.T) {
	b := snapshot.NewBuilder()
	b.MarkRead("1", "a", asset.KindVPC, at, 0)
	b.MarkRead("1", "a", asset.KindSubnet, at, 0)
	b.MarkRead("1", "b", asset.KindVPC, at, 0)
	b.MarkRead("2", "a", asset.KindVPC, at, 0)
	b.MarkRead("3", "a", asset.KindVPC, at, 0)
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: "1", Region: "a", Kind: asset.KindSubnet}, Reason: snapshot.Partial})
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: "1", Region: "b"}, Reason: snapshot.Disabled})
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: "2"}, Reason: snapshot.AccessDenied})
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: "3", Region: "a", Kind: asset.KindVPC}, Part: "flow logs", Reason: snapshot.AccessDenied})
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Kind: asset.KindFirewall}, Reason: snapshot.Unsupported})
	s := b.Build(at)
	for _, tt := range []struct {
		account, region string
		kind            asset.Kind
		want            snapshot.Reason // "" is read
	}{
		{"1", "a", asset.KindVPC, ""},
		{"1", "a", asset.KindSubnet, snapshot.Partial},
		{"1", "b", asset.KindVPC, snapshot.Disabled},
		{"2", "a", asset.KindVPC, snapshot.AccessDenied},
		{"2", "z", asset.KindImage, snapshot.AccessDenied},
		{"3", "a", asset.KindVPC, ""},
		{"9", "z", asset.KindFirewall, snapshot.Unsupported},
		{"9", "z", asset.KindVPC, snapshot.NotRead},
		{"1", "a", asset.KindInstance, snapshot.NotRead},
	} {
		g, gap := s.GapFor(tt.account, tt.region, tt.kind)
		if gap != (tt.want != "") || g.Reason != tt.want || s.WasRead(tt.account, tt.region, tt.kind) == gap {
			t.Errorf("%s %s %s: got %q, read %v, want %q", tt.account, tt.region, tt.kind, g.Reason, s.WasRead(tt.account, tt.region, tt.kind), tt.want)
		}
	}
	if n := len(s.Gaps()); n != 5 {
		t.Errorf("got %d gaps told, want all 5", n)
	}
	if _, gap := (&snapshot.Snapshot{}).GapFor("1", "a", asset.KindVPC); !gap {
		t.Error("an empty snapshot must be one gap")
	}
}

func TestAssets(t *testing.T) {
	b := snapshot.NewBuilder()
	b.Add(vpc("2", "a", "vpc-1", "1"), vpc("1", "a", "vpc-1", "1"), vpc("1", "b", "vpc-2", "1"))
	b.Add(&asset.VPC{Meta: asset.Meta{Account: "1", Region: "b", ID: "vpc-2"}, State: "later"})
	b.Add(&asset.InternetGateway{Meta: asset.Meta{Account: "1", Region: "a", ID: "igw-1"}}, &asset.InternetGateway{Meta: asset.Meta{Account: "1", Region: "a", ID: "eigw-1"}, EgressOnly: true})
	s := b.Build(at)
	var got []string
	for v := range snapshot.All[asset.VPC](s) {
		got = append(got, asset.RefOf(v).String()+" "+v.State)
	}
	want := []string{"1/a/vpc/vpc-1 ", "1/b/vpc/vpc-2 later", "2/a/vpc/vpc-1 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v, ok := snapshot.Get[asset.VPC](s, "vpc-1"); !ok || v.Account != "1" {
		t.Errorf("got %+v, want the owner's view", v)
	}
	if g, ok := snapshot.Get[asset.InternetGateway](s, "eigw-1"); !ok || !g.EgressOnly {
		t.Errorf("got %+v, want the egress-only gateway", g)
	}
	if a, ok := s.Find(asset.Ref{Account: "2", Region: "a", Kind: asset.KindVPC, ID: "vpc-1"}); !ok || a.Base().Account != "2" {
		t.Errorf("got %+v, want the participant's view", a)
	}
	if _, ok := s.Find(asset.Ref{Account: "2", Region: "b", Kind: asset.KindVPC, ID: "vpc-1"}); ok {
		t.Error("found what is not there")
	}
	if diff := cmp.Diff([]asset.Kind{asset.KindEgressOnlyGateway, asset.KindInternetGateway, asset.KindVPC}, s.Kinds()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A thousand accounts in 17 regions, each with reads and gaps, is built in a moment: nothing is compared with everything.
func TestManyGaps(t *testing.T) {
	b := snapshot.NewBuilder()
	for account := range 1000 {
		for region := range 17 {
			scope := snapshot.Scope{Account: fmt.Sprint(account), Region: fmt.Sprint(region)}
			for kind := range 20 {
				k := asset.Kind(fmt.Sprint(kind))
				b.MarkRead(scope.Account, scope.Region, k, at, 1)
				if kind < 5 {
					scope.Kind = k
					b.AddGap(snapshot.Gap{Scope: scope, Reason: snapshot.AccessDenied})
				}
			}
		}
	}
	s := b.Build(at)
	if got, want := len(s.Reads()), 1000*17*15; got != want {
		t.Errorf("got %d scopes read, want %d", got, want)
	}
}
