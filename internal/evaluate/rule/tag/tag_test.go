package tag_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule/tag"
	"hinomi/internal/snapshot"
)

var now = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

func world() *snapshot.Snapshot {
	b := snapshot.NewBuilder()
	m := asset.Meta{Account: "111122223333", Region: "ap-northeast-1", ID: "i-1", Tags: map[string]string{"Name": "web-1", "Env": "prod"}}
	b.Add(&asset.Instance{
		Meta: m, State: "running", Type: "t3.micro", PrivateIP: netip.MustParseAddr("10.0.1.5"),
		NetworkInterfaces: []string{"eni-1"}, LaunchTime: now.AddDate(0, 0, -40),
	})
	m.ID, m.Tags = "eni-1", nil
	b.Add(&asset.NetworkInterface{Meta: m, Addresses: []asset.PrivateIP{
		{Private: netip.MustParseAddr("10.0.1.5"), Public: netip.MustParseAddr("203.0.113.7")},
		{Private: netip.MustParseAddr("10.9.0.1")},
	}})
	m.ID = "i-2"
	b.Add(&asset.Instance{Meta: m, State: "stopped"})
	return b.Build(now)
}

func TestEval(t *testing.T) {
	facts := tag.Facts{
		OpenPorts: func(r asset.Ref) []int64 {
			if r.ID == "i-1" {
				return []int64{22, 443}
			}
			return nil
		},
		Vulnerabilities: func(asset.Ref) []string { return []string{"CVE-2024-6387"} },
	}
	for _, c := range []struct {
		name, expr string
		want       []string // instances
	}{
		{"address_range", `asset.privateIps.exists(a, cidrContains("10.9.0.0/16", a))`, []string{"i-1"}},
		{"attribute", `asset.state == "stopped"`, []string{"i-2"}},
		{"name_contains", `asset.name.contains("web")`, []string{"i-1"}},
		{"aws_tag", `"Env" in asset.tags && asset.tags["Env"] == "prod"`, []string{"i-1"}},
		{"open_port", `22 in asset.openPorts`, []string{"i-1"}},
		{"public", `size(asset.publicIps) > 0`, []string{"i-1"}},
		{"vulnerability", `"CVE-2024-6387" in asset.vulnerabilities`, []string{"i-1", "i-2"}},
		{"old", `asset.state == "running" && ageDays(asset.launchTime, now) > 30`, []string{"i-1"}},
		{"nothing", `false`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := tag.Compile([]asset.TagRule{{Tag: "x", Expression: c.expr, Enabled: true}})
			if err != nil {
				t.Fatal(err)
			}
			tags, faults := set.Eval(world(), facts, now)
			if len(faults) != 0 {
				t.Fatalf("faults: %v", faults)
			}
			var got []string
			for _, id := range []string{"i-1", "i-2"} {
				if len(tags[asset.Ref{Account: "111122223333", Region: "ap-northeast-1", Kind: asset.KindInstance, ID: id}]) > 0 {
					got = append(got, id)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("instances differ (-want +got):\n%s", d)
			}
		})
	}
}

func TestWrongRules(t *testing.T) {
	for _, c := range []struct {
		name, expr   string
		line, column int
		words        string
	}{
		{"misspelled_field", `asset.stat == "running"`, 1, 6, "undefined field"},
		{"second_line", "true &&\n  asset.nope", 2, 8, "undefined field"},
		{"not_boolean", `asset.name`, 0, 0, "not true or false"},
		{"syntax", `asset.name ==`, 1, 14, "Syntax error"},
		{"wrong_type", `asset.name > 3`, 1, 12, "no matching overload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tag.Compile([]asset.TagRule{{Tag: "x", Expression: c.expr, Enabled: true}})
			var e *tag.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *tag.Error", err)
			}
			if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Error(), c.words) {
				t.Errorf("got %v (line %d, column %d), want %q at line %d, column %d", e, e.Line, e.Column, c.words, c.line, c.column)
			}
		})
	}
	if _, err := tag.Compile([]asset.TagRule{{Tag: "x", Expression: "nonsense(", Enabled: false}}); err != nil {
		t.Errorf("a disabled rule was compiled: %v", err)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	set, err := tag.Compile([]asset.TagRule{
		{Tag: "missing", Expression: `asset.tags["Env"] == "prod"`, Enabled: true},
		{Tag: "dear", Expression: `[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, a*b*c*d*e > 0 && asset.name != "y")))))`, Enabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	tags, faults := set.Eval(world(), tag.Facts{}, now)
	byTag := map[string]int{}
	for _, f := range faults {
		byTag[f.Tag]++
	}
	if byTag["missing"] != 1 || byTag["dear"] != 2 {
		t.Errorf("got faults %v, want one of the absent key and two of the cost limit", byTag)
	}
	if got := tags[asset.Ref{Account: "111122223333", Region: "ap-northeast-1", Kind: asset.KindInstance, ID: "i-1"}]; len(got) != 1 || got[0] != "missing" {
		t.Errorf("i-1 has tags %v, want only the one that could be evaluated", got)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`asset.name.contains("web")`)
	f.Add(`asset.privateIps.exists(a, cidrContains("10.0.0.0/8", a))`)
	f.Add(`asset.tags["Env"] == "prod" && ageDays(asset.launchTime, now) > 3`)
	snap := world()
	f.Fuzz(func(t *testing.T, expr string) {
		if len(expr) > 1<<12 {
			t.Skip()
		}
		set, err := tag.Compile([]asset.TagRule{{Tag: "x", Expression: expr, Enabled: true}})
		if err != nil {
			return
		}
		set.Eval(snap, tag.Facts{}, now)
	})
}
