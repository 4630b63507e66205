package ssm_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ssm"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/run"
)

// TestCutAtEveryCall cuts the connection before and after every call of making and of removing everything, as a process that is killed
// there leaves it. After the next run the state is right, and after the removal nothing of ours is left and nothing is forgotten.
func TestCutAtEveryCall(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	want := everything(t)
	whole := func(again bool) (calls int) {
		m := w.manager(mine)
		w.aws.ResetCalls()
		if _, _, err := w.bring(m, want); err != nil && !again {
			t.Fatal(err)
		}
		calls = len(w.aws.Calls())
		return calls
	}
	making := whole(false)
	before := w.there()
	w.aws.ResetCalls()
	w.must(w.manager(mine), ssm.Want{})
	removing := len(w.aws.Calls())
	if making < 25 || removing < 40 {
		t.Fatalf("%d calls to make all, %d to remove it: the loop is not what it was", making, removing)
	}
	n := 1
	for _, moment := range []awstest.Moment{awstest.BeforeCall, awstest.AfterCall} {
		for call := 1; call <= max(making, removing); call++ {
			n++
			w.enter(n)
			t.Run(fmt.Sprintf("%v_%d", map[awstest.Moment]string{awstest.BeforeCall: "before", awstest.AfterCall: "after"}[moment], call), func(t *testing.T) {
				w.t = t
				cutOnce(w, call, moment, want)
				if p := w.must(w.manager(mine), want); len(p.Steps) == 0 {
					t.Fatal("empty plan")
				}
				if p := w.must(w.manager(mine), want); !p.Idle() {
					t.Errorf("not idle after the repair: %q", lines(p))
				}
				if diff := cmp.Diff(len(before), len(w.there())); diff != "" {
					t.Errorf("after the repair: %q (-want +got):\n%s", w.there(), diff)
				}
				cutOnce(w, call, moment, ssm.Want{})
				w.must(w.manager(mine), ssm.Want{})
				if left := w.there(); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				allEnded(t, w)
			})
		}
	}
	t.Logf("%d calls to make all, %d to remove it, %d cuts", making, removing, 2*(n-1))
}

// cutOnce brings the place to what is wanted with the connection cut at one call.
func cutOnce(w *world, call int, moment awstest.Moment, want ssm.Want) {
	w.aws.ResetCalls()
	undo := w.aws.KillAt(call, moment, func() {})
	defer undo()
	_, _, _ = w.bring(w.manager(mine), want) // its error is the cut; what it left is judged afterwards
}

// allEnded settles what is open and holds that every resource that was ever intended is kept as deleted.
func allEnded(t *testing.T, w *world) {
	t.Helper()
	w.now = w.now.Add(settled)
	m := w.manager(mine)
	s, err := m.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var open []run.Resource
	for _, r := range w.kept {
		open = append(open, r)
	}
	if err := m.Settle(t.Context(), s, open); err != nil {
		t.Fatal(err)
	}
	var alive []string
	for of, r := range w.kept {
		if r.State != run.Deleted {
			alive = append(alive, of+" "+string(r.State))
		}
	}
	slices.Sort(alive)
	if len(alive) > 0 {
		t.Errorf("kept as alive: %q", alive)
	}
}
