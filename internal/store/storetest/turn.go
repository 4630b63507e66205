package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// testTurns: of an account's scans no more begin than may run at once, however many ask at the same time, and only those whose turn it is.
func testTurns(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	const scans, atOnce = 12, 3
	w := World{Accounts: 2, Regions: 1, Instances: scans, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	list := map[string][]run.Scan{}
	for n := range 2 {
		account := AccountName(n)
		for i := range scans {
			in, _ := Instance(account, RegionName(0), i)
			s := must(db.CreateScan(ctx, run.Scan{Connector: "con-1", Instance: asset.RefOf(in)}))(t)
			clock.Add(time.Millisecond)
			// The last come first: three priorities, and within them the order of enqueuing.
			must(db.Enqueue(ctx, job.Spec{Kind: "scan", Key: s.ID, Priority: 3 - i/4}))(t)
			list[account] = append(list[account], s)
		}
	}
	account := AccountName(0)
	turns := slices.Concat(list[account][8:], list[account][4:8], list[account][:4])
	for round := range scans / atOnce {
		next := must(db.NextScans(ctx, account, atOnce))(t)
		if want := scanIDs(turns[round*atOnce:][:atOnce]); !slices.Equal(next, want) {
			t.Fatalf("round %d: next are %v, want %v", round, next, want)
		}
		ahead := make([]int, scans)
		var all sync.WaitGroup
		for i := round * atOnce; i < scans; i++ {
			all.Go(func() {
				n, err := db.BeginScan(ctx, turns[i], atOnce)
				if err != nil {
					t.Errorf("scan %d: %v", i, err)
				}
				ahead[i] = n
			})
		}
		all.Wait()
		for i := round * atOnce; i < scans; i++ {
			if may := i < (round+1)*atOnce; (ahead[i] == 0) != may {
				t.Errorf("round %d: scan %d has %d ahead of it", round, i, ahead[i])
			}
		}
		running, _, err := db.Scans(ctx, auth.Everything(), store.ScanFilter{States: []run.State{run.Running}, Accounts: []string{account}}, "", 0)
		if err != nil || len(running) != atOnce {
			t.Fatalf("round %d: %d run, %v", round, len(running), err)
		}
		if n := must(db.NextScans(ctx, account, atOnce))(t); len(n) != 0 {
			t.Errorf("round %d: next are %v although none may", round, n)
		}
		for _, s := range running {
			s.State = run.Finished
			ok(t, db.PutScan(ctx, s))
		}
	}
	if n := must(db.NextScans(ctx, AccountName(1), 100))(t); len(n) != scans {
		t.Errorf("%d of the other account are next, want all", len(n))
	}
	if n := must(db.BeginScan(ctx, list[AccountName(1)][3], atOnce))(t); n != scans-atOnce {
		t.Errorf("the last has %d ahead of it, want %d", n, scans-atOnce)
	}
}

func scanIDs(list []run.Scan) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}
