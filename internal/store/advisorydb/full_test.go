//go:build linux

package advisorydb_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/store/advisorydb"
)

// TestDiskFull builds in a process that may write no more than so many bytes to a file, as on a full disk: the build fails with the
// system's word for it, at whatever point, removes what it wrote, and the old database stays in use.
func TestDiskFull(t *testing.T) {
	if p := os.Getenv("HINOMI_TEST_FULL"); p != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 40000, Max: 40000}
		if os.Getenv("HINOMI_TEST_FULL_LATE") != "" {
			limit = syscall.Rlimit{Cur: 200000, Max: 200000}
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		b, err := advisorydb.NewBuilder(p, advisorydb.Options{Memory: 64 << 10, Now: day()})
		for i := 0; err == nil && i < 500; i++ {
			err = b.Advisory(advisoryN(i))
		}
		if err == nil {
			_, err = b.Finish()
		}
		if cerr := b.Close(); cerr != nil {
			t.Error(cerr)
		}
		if err == nil {
			t.Fatal("a full disk was not noticed")
		}
		t.Fatalf("FULL: %v", err)
	}
	dir := t.TempDir()
	p := filepath.Join(dir, "a.db")
	build(t, p, 10, advisorydb.Options{})
	for _, late := range []string{"", "1"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskFull$")
		cmd.Env = append(os.Environ(), "HINOMI_TEST_FULL="+p, "HINOMI_TEST_FULL_LATE="+late)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "FULL: ") || !strings.Contains(string(out), "file too large") {
			t.Fatalf("got %v, %s", err, out)
		}
		if l, _ := filepath.Glob(filepath.Join(dir, ".adv*")); len(l) != 0 {
			t.Errorf("left behind: %q", l)
		}
		if got := open(t, p).Meta().Documents; got != 10 {
			t.Errorf("%d documents", got)
		}
	}
}

// TestSweep removes what a killed build left a day ago, and nothing younger.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{".advisories-new-old": 25 * time.Hour, ".advisories-new-young": time.Hour} {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(f, day().Add(-age), day().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	build(t, filepath.Join(dir, "a.db"), 1, advisorydb.Options{})
	l, err := filepath.Glob(filepath.Join(dir, ".adv*"))
	if err != nil || len(l) != 1 || filepath.Base(l[0]) != ".advisories-new-young" {
		t.Errorf("left: %q, %v", l, err)
	}
}
