package reading_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app/reading"
	"hinomi/internal/inventory"
	"hinomi/internal/sandbox"
	"hinomi/internal/source/disk"
)

// TestSame reads disks in this process and in a child: the inventories are equal, to the last note.
func TestSame(t *testing.T) {
	for name, image := range map[string]func(testing.TB) string{"example": example, "debian": debian} {
		t.Run(name, func(t *testing.T) {
			path := image(t)
			devices := []reading.Device{open(t, path)}
			want, wantStats, err := reading.Read(t.Context(), job, devices, time.Now, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			r := reader()
			r.Log = slog.New(slog.NewTextHandler(&log, nil))
			steps := 0
			got, stats, err := r.Read(t.Context(), job, devices, func(int, string) { steps++ })
			if err != nil {
				t.Fatal(err)
			}
			if len(want.Packages) < 10 || steps == 0 {
				t.Errorf("got %d packages, %d steps: nothing was compared", len(want.Packages), steps)
			}
			want.ReadAt, got.ReadAt = time.Time{}, time.Time{}
			if diff := cmp.Diff(flat(t, want), flat(t, got)); diff != "" || want.Hash() != got.Hash() {
				t.Errorf("inventory (-here +child):\n%s", diff)
			}
			if len(stats.Volumes) != len(wantStats.Volumes) || stats.Volumes[0].Stats.Files != wantStats.Volumes[0].Stats.Files || stats.Volumes[0].Source != "test" {
				t.Errorf("got %+v, want %+v", stats, wantStats)
			}
			if !strings.Contains(log.String(), "seccomp") && !strings.Contains(log.String(), "no walls of the kernel") {
				t.Errorf("the log does not tell of the walls: %s", log.String())
			}
			t.Logf("%d packages; %s", len(got.Packages), log.String())
		})
	}
}

func flat(t *testing.T, inv *inventory.Inventory) string {
	t.Helper()
	b, err := json.MarshalIndent(inv, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// errFar is an error of a device whose type its owner looks for.
var errFar = errors.New("no more")

// far is a device that reads far away: it takes hints, and fails at will.
type far struct {
	disk.Device
	hints atomic.Int64
	fail  bool
}

func (f *far) Prefetch(off, length int64) {
	if off >= 0 && length > 0 {
		f.hints.Add(1)
	}
}

func (f *far) ReadAt(p []byte, off int64) (int, error) {
	if f.fail {
		return 0, errFar
	}
	return f.Device.ReadAt(p, off)
}

// TestErrors: an error means the same whether it was met here or in the child.
func TestErrors(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i++ {
		noise[i] = byte(r.Uint32())
	}
	path := t.TempDir() + "/noise.img"
	if err := os.WriteFile(path, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir() + "/empty.img"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	labelled := job
	labelled.Disks = []reading.Disk{{Label: "snap-1 of vol-1"}}
	for name, tt := range map[string]struct {
		job    reading.Job
		device reading.Device
		is     []error
		words  string
	}{
		"no_root": {job, open(t, path), []error{disk.ErrNoRoot}, "not recognised"},
		"empty":   {job, open(t, empty), []error{disk.ErrNoRoot}, "the first 0 bytes"},
		"device":  {labelled, &far{Device: open(t, path), fail: true}, []error{reading.ErrOpen, errFar}, "read snap-1 of vol-1: "},
		"count":   {reading.Job{}, open(t, path), nil, "1 devices for 0 disks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, here := reading.Read(t.Context(), tt.job, []reading.Device{tt.device}, time.Now, nil)
			_, _, there := reader().Read(t.Context(), tt.job, []reading.Device{tt.device}, nil)
			if here == nil || there == nil || here.Error() != there.Error() || !strings.Contains(there.Error(), tt.words) {
				t.Fatalf("got here %v, in the child %v, want %q", here, there, tt.words)
			}
			for _, e := range tt.is {
				if !errors.Is(here, e) || !errors.Is(there, e) {
					t.Errorf("%v: not found in %v or %v", e, here, there)
				}
			}
		})
	}
}

// TestHints: what the file systems say of what they will read reaches the device, many answers being in the making.
func TestHints(t *testing.T) {
	root := t.TempDir()
	const packages = 20_000 // a database that is long enough to be fetched ahead
	var status strings.Builder
	for i := range packages {
		fmt.Fprintf(&status, "Package: p%d\nStatus: install ok installed\nVersion: 1.0-%d\nArchitecture: amd64\n\n", i, i)
	}
	for name, text := range map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "var/lib/dpkg/status": status.String()} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &far{Device: open(t, ext4(t, root, 32<<20))}
	inv, _, err := reader().Read(t.Context(), job, []reading.Device{d}, nil)
	if err != nil || len(inv.Packages) != packages || d.hints.Load() == 0 {
		t.Fatalf("got %d hints, %v", d.hints.Load(), err)
	}
	t.Logf("%d hints", d.hints.Load())
}

// TestLiar: a child whose walls hold may still lie; a result that is none is an error of its kind.
func TestLiar(t *testing.T) {
	c, err := sandbox.Self("__liar", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, result := range map[string]string{
		"empty": "", "null": "null", "nothing": "{}", "list": "[]", "unknown": `{"inventory":{"os":{},"extra":1}}`,
		"both":  `{"inventory":{"os":{"id":"debian","versionId":"12"},"packages":null,"method":"agentless","covered":null},"fault":{"text":"x"}}`,
		"twice": `{"fault":{"text":"x"}}{}`, "mute": `{"fault":{"text":""}}`, "number": `{"fault":{"text":"x","device":-1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := reader()
			r.Command = c
			r.Command.Args = append(c.Args[:2:2], result)
			inv, _, err := r.Read(t.Context(), job, []reading.Device{open(t, os.Args[0])}, nil)
			if !errors.Is(err, sandbox.ErrProtocol) || inv != nil {
				t.Errorf("got %+v, %v, want ErrProtocol", inv, err)
			}
		})
	}
	r := reader()
	r.Command = c
	r.Command.Args = append(c.Args[:2:2], `{"fault":{"text":"a\u001b[31m\nb","codes":["no_root","nonsense"],"device":7}}`)
	if _, _, err := r.Read(t.Context(), job, []reading.Device{open(t, os.Args[0])}, nil); !errors.Is(err, disk.ErrNoRoot) || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("got %q, want ErrNoRoot, printable", err)
	}
}

// TestDies: the end of the child is an error that says why, and the next disk is read. Ends for want of memory are the sandbox's own tests.
func TestDies(t *testing.T) {
	img := open(t, example(t))
	for want, limits := range map[error]sandbox.Limits{
		sandbox.ErrTimeout:  {Wall: 1},
		sandbox.ErrProtocol: {ReadBytes: 1 << 20}, // the example needs more
	} {
		r := reader()
		r.Limits = limits
		// Not as a file: then the child itself would read it, and the parent would not count.
		if _, _, err := r.Read(t.Context(), job, []reading.Device{struct{ reading.Device }{img}}, nil); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := reader().Read(ctx, job, []reading.Device{img}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	if inv, _, err := reader().Read(t.Context(), job, []reading.Device{img}, nil); err != nil || len(inv.Packages) == 0 {
		t.Errorf("afterwards: %v", err)
	}
}

var _ io.ReaderAt = (*far)(nil)
