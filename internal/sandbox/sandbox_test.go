package sandbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/sandbox"
)

func command(t *testing.T, mode string) sandbox.Command {
	t.Helper()
	binary, err := pure()
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.Command{Path: binary, Args: []string{binary, asChild, mode}}
}

// TestSelf has this very program be the child, whatever it is linked with.
func TestSelf(t *testing.T) {
	c, err := sandbox.Self(asChild, "echo")
	if err != nil {
		t.Fatal(err)
	}
	out, report, err := sandbox.Run(t.Context(), c, sandbox.Limits{}, []byte("self"), nil, nil)
	if err != nil || string(out) != "SELF" {
		t.Fatalf("got %q, %v", out, err)
	}
	t.Logf("layers %q, missing %q", report.Layers, report.Missing)
}

func run(t *testing.T, mode string, l sandbox.Limits, job string, devices ...sandbox.Device) ([]byte, *sandbox.Report, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	return sandbox.Run(ctx, command(t, mode), l, []byte(job), devices, nil)
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, NOTHING TESTED: the walls are Linux's")
	}
}

// TestWalls tries everything that a child must not do; each is refused, on every thread.
func TestWalls(t *testing.T) {
	onLinux(t)
	victim := newVictim(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	out, report, err := run(t, "attempts", sandbox.Limits{}, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("layers %q, missing %q, %v CPU, %d MiB", report.Layers, report.Missing, report.CPU, report.Peak>>20)
	wantRefused(t, out, "operation not permitted")
	if !strings.Contains(strings.Join(report.Layers, " "), "seccomp") {
		t.Errorf("no seccomp: %q, %q", report.Layers, report.Missing)
	}
	if _, err := os.Stat(victim); err != nil {
		t.Errorf("the victim: %v", err)
	}
	if strings.Contains(string(out), "hunter2") {
		t.Error("the child sees the parent's environment")
	}
}

// newVictim makes a file that children try to remove.
func newVictim(t *testing.T) string {
	t.Helper()
	const victim = "/tmp/hinomi-sandbox-victim" // of all children: they know no other place
	if err := os.WriteFile(victim, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(victim) })
	return victim
}

// wantRefused wants that nothing was done, and the environment to be what the parent of a child gives.
func wantRefused(t *testing.T, out []byte, words string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) < 8 {
		t.Fatalf("got %d outcomes", len(got))
	}
	for what, outcome := range got {
		switch name, _, _ := strings.Cut(strings.TrimPrefix(what, "environment "), "="); {
		case strings.HasPrefix(what, "environment "):
			if name != "GOMEMLIMIT" && name != "GOMAXPROCS" && name != "GOTRACEBACK" && name != "TZ" && name != "GODEBUG" {
				t.Errorf("the child sees %s", outcome)
			}
		case what == "folder" || what == "use an inherited descriptor":
			t.Logf("%s: %s", what, outcome)
			if outcome == "done" {
				t.Errorf("%s: done", what)
			}
		case !strings.Contains(outcome, words):
			t.Errorf("%s: got %q, want it refused", what, outcome)
		}
	}
}

// TestInherited gives the parent's parent a descriptor that everybody inherits; the child must not have it.
func TestInherited(t *testing.T) {
	onLinux(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWalls$", "-test.v")
	cmd.ExtraFiles = []*os.File{f, f, f}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "use an inherited descriptor: none") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLandlockAlone has only Landlock hold a child, in a program without C, as the released one is.
func TestLandlockAlone(t *testing.T) {
	onLinux(t)
	newVictim(t)
	out, report, err := run(t, "landlock-only", sandbox.Limits{}, "")
	if err != nil && strings.Contains(err.Error(), "kernel has no Landlock") {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOTHING TESTED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report.Layers)
	wantRefused(t, out, "permission denied")
	if _, report, err = run(t, "attempts", sandbox.Limits{}, ""); err != nil || !strings.Contains(strings.Join(report.Layers, " "), "landlock") {
		t.Errorf("got %v, layers %q, missing %q", err, report.Layers, report.Missing)
	}
}

// TestEnds: whatever a child does, its end is one clear error of its kind, and the parent goes on.
func TestEnds(t *testing.T) {
	onLinux(t)
	device := sandbox.Device{Source: bytes.NewReader(make([]byte, 1<<20)), Size: 1 << 20}
	for name, tt := range map[string]struct {
		limits sandbox.Limits
		kind   error
		words  string
	}{
		"allocate":    {sandbox.Limits{MemoryBytes: 256 << 20}, sandbox.ErrKilled, "256 MiB of memory"},
		"recurse":     {sandbox.Limits{MemoryBytes: 512 << 20}, sandbox.ErrKilled, "stack overflow"},
		"loop":        {sandbox.Limits{CPU: time.Second}, sandbox.ErrKilled, "1s of processor time"},
		"sleep":       {sandbox.Limits{Silence: 200 * time.Millisecond}, sandbox.ErrTimeout, "not a word for 200ms"},
		"panic":       {sandbox.Limits{}, sandbox.ErrKilled, "panic: assignment to entry in nil map"},
		"socket":      {sandbox.Limits{}, sandbox.ErrKilled, "refused"},
		"exec":        {sandbox.Limits{}, sandbox.ErrKilled, "refused"},
		"fork":        {sandbox.Limits{}, sandbox.ErrKilled, ""}, // before it forks it opens /dev/null
		"kill":        {sandbox.Limits{}, sandbox.ErrKilled, "refused"},
		"big":         {sandbox.Limits{ResultBytes: 2 << 20}, sandbox.ErrProtocol, "more than 2 MiB"},
		"babble":      {sandbox.Limits{Messages: 1000}, sandbox.ErrProtocol, "more than 1000 messages"},
		"greedy":      {sandbox.Limits{ReadBytes: 1 << 20}, sandbox.ErrProtocol, "more than 1048576 bytes read"},
		"nonsense":    {sandbox.Limits{}, sandbox.ErrProtocol, "kind 238"},
		"outside":     {sandbox.Limits{}, sandbox.ErrProtocol, "device 4294967295 of 1"},
		"liar":        {sandbox.Limits{}, sandbox.ErrProtocol, "another length"},
		"garbage":     {sandbox.Limits{}, sandbox.ErrProtocol, "kind 117"},
		"no-hello":    {sandbox.Limits{Hello: 200 * time.Millisecond}, sandbox.ErrTimeout, "inside its walls"},
		"quiet-death": {sandbox.Limits{}, sandbox.ErrKilled, "exit status 7"},
	} {
		t.Run(name, func(t *testing.T) {
			out, report, err := run(t, name, tt.limits, "", device)
			var e *sandbox.Error
			if !errors.As(err, &e) || !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.words) || len(out) > 0 {
				t.Fatalf("got %d bytes, %v, want %v with %q", len(out), err, tt.kind, tt.words)
			}
			if strings.ContainsAny(err.Error()+e.Stderr, "\n\x1b") {
				t.Errorf("got %q, %q, want one printable line", err, e.Stderr)
			}
			t.Logf("%v (%v CPU, %d MiB)", err, report.CPU, report.Peak>>20)
		})
	}
	if out, _, err := run(t, "echo", sandbox.Limits{}, "still here"); err != nil || string(out) != "STILL HERE" {
		t.Errorf("afterwards: got %q, %v", out, err)
	}
}

// TestDevices copies devices through a child, answered in line and in parallel.
func TestDevices(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	first, second := make([]byte, 3_000_017), make([]byte, 5)
	for i := range first {
		first[i] = byte(rnd.Uint32())
	}
	for _, parallel := range []int{0, 1, 16} {
		t.Run(strconv.Itoa(parallel), func(t *testing.T) {
			out, report, err := run(t, "copy", sandbox.Limits{}, "",
				sandbox.Device{Source: bytes.NewReader(first), Size: int64(len(first)), Parallel: parallel},
				sandbox.Device{Source: bytes.NewReader(second), Size: int64(len(second)), Parallel: parallel})
			if err != nil {
				t.Fatal(err)
			}
			if sha256.Sum256(out) != sha256.Sum256(append(bytes.Clone(first), second...)) {
				t.Error("the bytes differ")
			}
			if report.Bytes != int64(len(first)+len(second)+6) || report.Reads == 0 {
				t.Errorf("got %d reads of %d bytes", report.Reads, report.Bytes)
			}
		})
	}
}

// TestMessages passes messages and hints on, the latter bounded to the device.
func TestMessages(t *testing.T) {
	var got string
	var hints []sandbox.Range
	d := sandbox.Device{Source: bytes.NewReader(make([]byte, 100)), Size: 100, Prefetch: func(r []sandbox.Range) { hints = append(hints, r...) }}
	_, _, err := sandbox.Run(t.Context(), command(t, "talk"), sandbox.Limits{}, nil, []sandbox.Device{d}, func(b []byte) { got += string(b) })
	if err != nil || got != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
	if diff := cmp.Diff([]sandbox.Range{{Offset: 10, Length: 20}, {Offset: 90, Length: 10}}, hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

// errDisk is an error whose type a caller looks for.
var errDisk = errors.New("the disk is gone")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

// TestFault finds the error of a device behind what the child saw of it.
func TestFault(t *testing.T) {
	out, report, err := run(t, "faulty", sandbox.Limits{}, "", sandbox.Device{Source: broken{}, Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	var d sandbox.DeviceError
	if err := json.Unmarshal(out, &d); err != nil || d.Text != errDisk.Error() || !errors.Is(report.Fault(d.Number), errDisk) || report.Fault(d.Number+1) != nil {
		t.Errorf("got %+v, %v, fault %v", d, err, report.Fault(d.Number))
	}
	out, report, err = run(t, "faulty", sandbox.Limits{}, "", sandbox.Device{Source: bytes.NewReader(nil), Size: 100}) // shorter than it says
	if err != nil || !strings.Contains(string(out), "unexpected EOF") {
		t.Errorf("got %s, %v, %+v", out, err, report)
	}
}

// TestStop ends the child with the context.
func TestStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	go stop()
	if _, _, err := sandbox.Run(ctx, command(t, "sleep"), sandbox.Limits{}, nil, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

// TestNoProgram says that there is no such program, and leaves nothing open.
func TestNoProgram(t *testing.T) {
	_, _, err := sandbox.Run(t.Context(), sandbox.Command{Path: "/nowhere/hinomi", Args: []string{"hinomi"}}, sandbox.Limits{}, nil, nil, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
