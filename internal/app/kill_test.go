package app_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// TestKilledAtEveryCall kills the process of an agentless scan with SIGKILL before and after each of its AWS calls. The next process, ten
// minutes later by its clock, must leave no snapshot of ours, touch nobody else's, and end every scan.
func TestKilledAtEveryCall(t *testing.T) {
	w := newWorld(t)
	queueOne(t, w)
	clean := t.TempDir()
	w.copyTo(t, clean)
	w.ResetCalls()
	finish(t, order{Dir: clean, Endpoint: w.URL(), Key: w.base})
	calls := w.Calls()
	w.check(t, clean, 1)
	t.Logf("a clean scan makes %d calls", len(calls))
	for _, must := range []string{"AssumeRole", "CreateSnapshots", "DescribeSnapshots", "ListSnapshotBlocks", "GetSnapshotBlock", "DeleteSnapshot"} {
		if !slices.ContainsFunc(calls, func(c awstest.Call) bool { return c.Action == must }) {
			t.Fatalf("got no %s, want the calls of a whole scan", must)
		}
	}
	for _, p := range calls {
		for _, m := range []awstest.Moment{awstest.BeforeCall, awstest.AfterCall} {
			name := fmt.Sprintf("before_%d_%s", p.Number, p.Action)
			if m == awstest.AfterCall {
				name = fmt.Sprintf("after_%d_%s", p.Number, p.Action)
			}
			t.Run(name, func(t *testing.T) { w.kill(t, p.Number, m) })
		}
	}
}

// queueOne queues the scan in the world's installation.
func queueOne(t *testing.T, w *scanWorld) {
	t.Helper()
	a := w.open(t, nil)
	if _, err := a.ScanInstance(t.Context(), auth.System(), w.ref); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// kill runs the scan in a process that dies at one moment of one call, and then another process that has to clear up.
func (w *scanWorld) kill(t *testing.T, number int, m awstest.Moment) {
	dir := t.TempDir()
	w.copyTo(t, dir)
	w.ResetCalls()
	o := order{Dir: dir, Endpoint: w.URL(), Key: w.base}
	pid := make(chan int, 1)
	killed := make(chan struct{})
	remove := w.KillAt(number, m, func() {
		p := <-pid
		close(killed) // first: the process may be gone before kill returns
		if err := syscall.Kill(p, syscall.SIGKILL); err != nil {
			t.Errorf("kill: %v", err)
		}
	})
	log := logFile(t)
	cmd := o.start(t, log)
	pid <- cmd.Process.Pid
	err := cmd.Wait()
	remove()
	select {
	case <-killed:
	default:
		t.Fatalf("the call never came: %v %s", err, textOf(t, log))
	}
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != syscall.SIGKILL {
		t.Fatalf("got %v, want the process killed", cmd.ProcessState)
	}
	o.Later, o.Sweep = 10*time.Minute, true
	finish(t, o)
	w.check(t, dir, 2)
}

// finish runs a process until it has done its work.
func finish(t *testing.T, o order) {
	t.Helper()
	log := logFile(t)
	if err := o.start(t, log).Wait(); err != nil {
		t.Fatalf("%v: %s", err, textOf(t, log))
	}
}

func logFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func textOf(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b)
}

// check holds what must be true at the end, whatever happened: nothing of ours is left and nothing of others' gone, every scan has ended with
// its reason, nothing is open, and the packages of the instance are known. most bounds how many scans there may be.
func (w *scanWorld) check(t *testing.T, dir string, most int) {
	t.Helper()
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots in the account (-want +got):\n%s", diff)
		for _, c := range w.Calls() {
			t.Logf("%d %s %s %d %s %s", c.Number, c.Service, c.Action, c.Status, c.Code, c.Param("SnapshotId"))
		}
	}
	a := w.open(t, func(c *app.Config) { *c = order{Dir: dir, Endpoint: w.URL(), Key: w.base}.config() })
	defer a.Close() //nolint:errcheck // only read
	scans, _, err := a.Store().Scans(t.Context(), auth.Everything(), store.ScanFilter{}, "", 100)
	if err != nil || len(scans) == 0 || len(scans) > most {
		t.Fatalf("got scans %+v, %v, want 1 to %d", scans, err, most)
	}
	finished := 0
	for _, s := range scans {
		switch {
		case s.State == run.Finished && s.Reason == "" && !s.EndedAt.IsZero():
			finished++
		case s.State == run.Failed && s.Reason != "" && !s.EndedAt.IsZero():
		default:
			t.Errorf("got scan %+v, want it finished, or failed with a reason", s)
		}
	}
	if finished != 1 {
		t.Errorf("got %d finished of %+v, want the instance scanned once in the end", finished, scans)
	}
	open, err := a.Store().ListOpenResources(t.Context())
	if err != nil || len(open) != 0 {
		t.Errorf("got open resources %+v, %v", open, err)
	}
	link, inv, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
	if err != nil || len(inv.Packages) == 0 || link.Source != scans[0].ID {
		t.Errorf("got inventory of %q, %v, want the last scan's", link.Source, err)
	}
}
