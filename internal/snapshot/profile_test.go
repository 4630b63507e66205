package snapshot_test

import (
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

func TestProfileOf(t *testing.T) {
	arn := func(account, name string) string { return "arn:aws:iam::" + account + ":instance-profile/" + name }
	profile := func(account, id, name string) *asset.InstanceProfile {
		return &asset.InstanceProfile{Meta: asset.Meta{Account: account, Region: asset.Global, ID: id, ARN: arn(account, name)}, ProfileName: name}
	}
	b := snapshot.NewBuilder()
	b.Add(profile("1", "AIPA1", "web"), profile("1", "AIPA2", "db"), profile("2", "AIPA3", "web"), profile("3", "AIPA4", "web"))
	s := b.Build(time.Unix(0, 0))
	for name, tt := range map[string]struct{ account, id, arn, want string }{
		"by_id":       {"1", "AIPA2", arn("1", "db"), "AIPA2"},
		"by_arn":      {"2", "", arn("2", "web"), "AIPA3"},
		"made_anew":   {"1", "AIPA0", arn("1", "web"), ""}, // same name, another profile
		"of_another":  {"2", "AIPA1", arn("1", "web"), ""},
		"arn_unknown": {"1", "", arn("1", "none"), ""},
		"arn_of_2":    {"1", "", arn("2", "web"), ""},
		"none":        {"1", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := &asset.Instance{Meta: asset.Meta{Account: tt.account, Region: "eu-west-1", ID: "i-1"}, InstanceProfile: tt.arn, InstanceProfileID: tt.id}
			p, ok := s.ProfileOf(i)
			got := ""
			if ok {
				got = p.ID
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	// The rules of an instance ask with the instance's region; the profiles lie in none.
	if g, missing := s.GapFor("1", "eu-west-1", asset.KindInstanceProfile); !missing || g.Reason != snapshot.NotRead || g.Region != asset.Global {
		t.Errorf("got %+v, want that the profiles were not read", g)
	}
	read := snapshot.NewBuilder()
	read.MarkRead("1", asset.Global, asset.KindInstanceProfile, time.Unix(0, 0), 0)
	read.MarkRead("1", "eu-west-1", asset.KindInstance, time.Unix(0, 0), 0)
	r := read.Build(time.Unix(0, 0))
	if _, missing := r.GapFor("1", "eu-west-1", asset.KindInstanceProfile); missing || !r.WasRead("1", "us-east-1", asset.KindInstanceProfile) || r.WasRead("1", "us-east-1", asset.KindInstance) {
		t.Error("the profiles must count as read for every region, the instances for their own")
	}
	empty := snapshot.NewBuilder().Build(time.Unix(0, 0))
	if _, ok := empty.ProfileOf(&asset.Instance{InstanceProfile: arn("1", "web")}); ok {
		t.Error("a profile is found where none was read")
	}
}
