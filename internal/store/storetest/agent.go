package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/store"
)

// testAgents keeps what was read of the inventories of agents, by instance and by place.
func testAgents(t *testing.T, e *Env, clock *Clock) {
	at := clock.Now().Add(-time.Hour)
	apply(t, e, "s1", World{Accounts: 2, Regions: 1, Instances: 2, At: clock.Now()}.Snapshot())
	var refs []asset.Ref
	for account := range 2 {
		i, _ := Instance(AccountName(account), RegionName(0), 0)
		refs = append(refs, asset.RefOf(i))
	}
	first := store.AgentRead{Captured: map[string]time.Time{"AWS:Application": at}, ETags: map[string]string{"AWS:Application": `"1"`}, AskedAt: at}
	second := store.AgentRead{Captured: map[string]time.Time{"AWS:Application": at.Add(time.Minute)}}
	for ref, r := range map[asset.Ref]store.AgentRead{refs[0]: second, refs[1]: second} {
		if err := e.PutAgentRead(t.Context(), ref, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.PutAgentRead(t.Context(), refs[0], first); err != nil { // takes the place of what was there
		t.Fatal(err)
	}
	got, err := e.AgentReads(t.Context(), refs[0].Account, refs[0].Region)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]store.AgentRead{refs[0].ID: first}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := store.AgentPlace{Account: refs[0].Account, Region: refs[0].Region, ReadAt: at, Sync: &store.AgentSync{Name: "central", Bucket: "b", Unchanged: 2, Calls: 5, Saved: 7}}
	for _, fault := range []string{"denied", ""} {
		p.Fault = fault
		if err := e.PutAgentPlace(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	places, err := e.AgentPlaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.AgentPlace{p}, places); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
