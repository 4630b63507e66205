package mapping_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// profiles reads elements of the part InstanceProfiles into the account's own region.
func profiles(t *testing.T, elements ...string) *snapshot.Snapshot {
	t.Helper()
	b := snapshot.NewBuilder()
	r := mapping.NewRegion("123456789012", asset.Global, b)
	p := mapping.PartNamed("iam-list-instance-profiles")
	for _, e := range elements {
		item, err := p.Decode([]byte(e))
		if err != nil {
			t.Fatal(err)
		}
		r.Put(p, item)
	}
	r.Done(p, at)
	r.Finish(at)
	return b.Build(at)
}

func TestInstanceProfiles(t *testing.T) {
	b, err := os.ReadFile("testdata/InstanceProfiles.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ InstanceProfiles []json.RawMessage }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	elements := make([]string, 0, len(file.InstanceProfiles))
	for _, e := range file.InstanceProfiles {
		elements = append(elements, string(e))
	}
	s := profiles(t, append(elements, elements[0])...) // two files of a dump may both list it
	want := []*asset.InstanceProfile{}
	for _, v := range []struct{ name, id, role, second string }{
		{"example-dev-role", "AIPAIXEU4NUHUPEXAMPLE", "AROAJ52OTH4H7LEXAMPLE", "2023-09-21T18:17:40Z"},
		{"example-s3-role", "AIPAJVJVNRIQFREXAMPLE", "AROAINUBC5O7XLEXAMPLE", "2023-09-21T18:18:49Z"},
	} {
		role, err := time.Parse(time.RFC3339, v.second)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, &asset.InstanceProfile{
			Meta:        asset.Meta{Account: "123456789012", Region: asset.Global, ID: v.id, ARN: "arn:aws:iam::123456789012:instance-profile/" + v.name},
			ProfileName: v.name, Path: "/", CreatedAt: role.Add(time.Second),
			Roles: []asset.RoleRef{{ARN: "arn:aws:iam::123456789012:role/" + v.name, Name: v.name, ID: v.role, CreatedAt: role}},
		})
	}
	var got []*asset.InstanceProfile
	for p := range snapshot.All[asset.InstanceProfile](s) {
		got = append(got, p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	reads := []snapshot.Read{{Scope: snapshot.Scope{Account: "123456789012", Region: asset.Global, Kind: asset.KindInstanceProfile}, At: at, Count: 2}}
	if diff := cmp.Diff(reads, s.Reads()); diff != "" || len(s.Gaps()) > 0 {
		t.Errorf("reads (-want +got):\n%s\ngaps %+v", diff, s.Gaps())
	}
}

func TestOddInstanceProfiles(t *testing.T) {
	empty := profiles(t, `{"InstanceProfileName":"bare","InstanceProfileId":"AIPA1","Arn":"arn:aws-cn:iam::123456789012:instance-profile/team/bare","Path":"/team/","Roles":[],"Tags":[{"Key":"Name","Value":"x"}]}`)
	if p := one[asset.InstanceProfile](t, empty); len(p.Roles) != 0 || p.Path != "/team/" || p.Name() != "x" || p.ARN != "arn:aws-cn:iam::123456789012:instance-profile/team/bare" || len(empty.Gaps()) > 0 {
		t.Errorf("got %+v and gaps %+v, want a profile without a role, and no gap", p, empty.Gaps())
	}
	for name, tt := range map[string]struct{ element, words string }{
		"no_id":   {`{"InstanceProfileName":"a","Arn":"arn:aws:iam::123456789012:instance-profile/a"}`, "no id"},
		"no_arn":  {`{"InstanceProfileName":"a","InstanceProfileId":"AIPA1"}`, "AIPA1: the instance profile has no ARN"},
		"no_role": {`{"InstanceProfileName":"a","InstanceProfileId":"AIPA1","Arn":"arn:aws:iam::123456789012:instance-profile/a","Roles":[{"RoleName":"a"}]}`, "a role of the instance profile has no ARN"},
	} {
		t.Run(name, func(t *testing.T) {
			s := profiles(t, tt.element)
			g, ok := s.GapFor("123456789012", asset.Global, asset.KindInstanceProfile)
			if !ok || g.Reason != snapshot.Malformed || !strings.Contains(g.Detail, tt.words) || s.Len(asset.KindInstanceProfile) != 1 {
				t.Errorf("got gap %+v, want malformed with %q, and the profile kept", g, tt.words)
			}
		})
	}
}

// Each region tells of its own parts alone: an ordinary one not of the account's, the account's not of instances.
func TestGlobalPartsAreApart(t *testing.T) {
	for _, name := range []string{asset.Global, "eu-west-1"} {
		b := snapshot.NewBuilder()
		mapping.NewRegion("123456789012", name, b).Finish(at)
		for _, g := range b.Build(at).Gaps() {
			if (g.Kind == asset.KindInstanceProfile) != (name == asset.Global) || g.Region != name {
				t.Errorf("%s: got %+v", name, g)
			}
		}
	}
}
