package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
)

var (
	now = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	ref = asset.Ref{Account: "111122223333", Region: "eu-west-1", Kind: asset.KindInstance, ID: "i-1"}
)

// memory is a Keeper that remembers what it was given, in order.
type memory struct {
	steps    []string
	verdicts []pipeline.Verdicts
	coverage map[coverage.Scan]coverage.Coverage
	fail     string // the step that fails
}

var errKeep = errors.New("disk full")

func (m *memory) step(name string) error {
	m.steps = append(m.steps, name)
	if m.fail == name {
		return errKeep
	}
	return nil
}

func (m *memory) ApplySnapshot(_ context.Context, _, _ string, s *snapshot.Snapshot) (connector.Counts, error) {
	return connector.Counts{Assets: s.Len(asset.KindInstance)}, m.step("snapshot")
}

func (m *memory) KeepVerdicts(_ context.Context, v pipeline.Verdicts) (pipeline.Changes, error) {
	m.verdicts = append(m.verdicts, v)
	return pipeline.Changes{Opened: len(v.Found)}, m.step("verdicts")
}

func (m *memory) KeepInventory(context.Context, *inventory.Inventory) (string, error) {
	return "hash", m.step("inventory")
}

func (m *memory) LinkInventory(context.Context, asset.Ref, string, *inventory.Inventory) (int, error) {
	return 1, m.step("link")
}

func (m *memory) KeepCoverage(_ context.Context, list []coverage.Coverage) error {
	if m.coverage == nil {
		m.coverage = map[coverage.Scan]coverage.Coverage{}
	}
	for _, c := range list {
		m.coverage[c.Scan] = c
	}
	return m.step("coverage")
}

func line(m *memory, match pipeline.Matcher, judges ...pipeline.Judge) *pipeline.Line {
	return &pipeline.Line{
		Keep: m, Judges: judges, Match: match, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Progress: func(pipeline.Step) {},
		Assign:   func(context.Context, *snapshot.Snapshot, []string) error { return nil },
		Selected: func(context.Context, connector.Module) (pipeline.Selection, error) { return notOff(), nil },
	}
}

// notOff selects all but i-off.
func notOff() pipeline.Selection {
	return pipeline.Selection{Why: func(r asset.Ref) (coverage.Reason, string) {
		if r.ID == "i-off" {
			return coverage.NotActivated, "it is off"
		}
		return "", ""
	}}
}

func matched(m pipeline.Matched) pipeline.Matcher {
	return func(context.Context, string, *inventory.Inventory) (pipeline.Matched, error) { return m, nil }
}

func TestInspectCoverage(t *testing.T) {
	known := inventory.OS{ID: "debian", VersionID: "12"}
	for _, c := range []struct {
		name string
		os   inventory.OS
		m    pipeline.Matched
		want coverage.Reason
	}{
		{"whole", known, pipeline.Matched{}, coverage.Successful},
		{"feed_missing", known, pipeline.Matched{NotAssessed: []string{"3 packages of Debian:12: FEED_MISSING"}}, coverage.NotFullyAssessed},
		{"unknown_system", inventory.OS{}, pipeline.Matched{}, coverage.UnsupportedOS},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &memory{}
			out, err := line(m, matched(c.m)).Inspect(context.Background(), ref, "web", &inventory.Inventory{OS: c.os, Method: inventory.Agentless}, pipeline.Cost{Calls: 7, Bytes: 9})
			if err != nil {
				t.Fatal(err)
			}
			got := m.coverage[coverage.PackageScan]
			if got.Reason != c.want || got.Calls != 7 || got.Bytes != 9 || got.Mode != "EC2_AGENTLESS" || !got.LastScanned.Equal(now) {
				t.Errorf("got %+v, want reason %s with the cost", got, c.want)
			}
			if c.want != coverage.Successful && got.Detail == "" {
				t.Error("not assessed, and no word why")
			}
			if out.Closed != 1 || out.Hash != "hash" {
				t.Errorf("got %+v", out)
			}
		})
	}
}

// TestInspectStops: what is wrong with an inventory is kept before an instance is said to have it, or its older findings would be closed unseen.
func TestInspectStops(t *testing.T) {
	for _, fail := range []string{"inventory", "link"} {
		m := &memory{fail: fail}
		_, err := line(m, matched(pipeline.Matched{})).Inspect(context.Background(), ref, "", &inventory.Inventory{}, pipeline.Cost{})
		if !errors.Is(err, errKeep) || m.steps[len(m.steps)-1] != fail {
			t.Errorf("%s failed: got %v after %v", fail, err, m.steps)
		}
	}
	m := &memory{}
	refuse := func(context.Context, string, *inventory.Inventory) (pipeline.Matched, error) {
		return pipeline.Matched{}, errKeep
	}
	if _, err := line(m, refuse).Inspect(context.Background(), ref, "", &inventory.Inventory{}, pipeline.Cost{}); !errors.Is(err, errKeep) || len(m.steps) != 1 {
		t.Errorf("matching failed: got %v, kept %v", err, m.steps)
	}
}

func TestObserve(t *testing.T) {
	b := snapshot.NewBuilder()
	for id, state := range map[string]string{"i-1": "running", "i-off": "running", "i-gap": "running", "i-end": "terminated"} {
		r := ref
		r.ID = id
		b.Add(&asset.Instance{Meta: asset.Meta{Account: r.Account, Region: r.Region, ID: id}, State: state})
	}
	world := b.Build(now)
	got := map[string]coverage.Coverage{}
	m := &memory{}
	judge := pipeline.Judge{
		Name: "test", Module: connector.Network, Scan: coverage.NetworkScan,
		Judge: func(_ *snapshot.Snapshot, selected func(asset.Ref) bool) pipeline.Verdicts {
			return pipeline.Verdicts{Judged: []asset.Ref{ref}, Found: []finding.Finding{{ID: "x", Resource: ref}}}
		},
	}
	l := line(m, nil, judge)
	out, err := l.Observe(context.Background(), &connector.Connector{ID: "con-1"}, "sync-1", world, func(context.Context) (*snapshot.Snapshot, error) { return world, nil })
	if err != nil {
		t.Fatal(err)
	}
	if out.Counts.Assets != 4 || out.Changes.Opened != 1 || !m.verdicts[0].EvidenceAt.Equal(now) {
		t.Errorf("got %+v and verdicts %+v", out, m.verdicts)
	}
	for _, c := range pipeline.JudgedCoverage(world, judge, notOff(), m.verdicts[0], now) {
		got[c.Resource.ID] = c
	}
	for id, want := range map[string]coverage.Reason{
		"i-1": coverage.Successful, "i-off": coverage.NotActivated, "i-gap": coverage.NotFullyAssessed, "i-end": coverage.ResourceTerminated,
	} {
		if got[id].Reason != want {
			t.Errorf("%s: got %s, want %s", id, got[id].Reason, want)
		}
	}
	m.fail = "verdicts"
	if _, err := l.JudgeWorld(context.Background(), world, nil); !errors.Is(err, errKeep) {
		t.Errorf("verdicts not kept: got %v", err)
	}
}
