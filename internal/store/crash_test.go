package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

// childEnv makes the test binary the process that is killed: it holds the database's URL.
const childEnv = "HINOMI_TEST_CRASH_URL"

// child applies a second snapshot inside a transaction, says so on standard output and waits to be killed. It reports whether it was to do that.
func child() bool {
	url := os.Getenv(childEnv)
	if url == "" {
		return false
	}
	ctx := context.Background()
	db, err := store.Open(ctx, url, options())
	if err == nil {
		err = db.InTx(ctx, func(ctx context.Context) error {
			w := storetest.World{Accounts: 2, Regions: 2, Instances: 200, At: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
			if _, err := db.ApplySnapshot(ctx, "", "killed", w.Snapshot()); err != nil {
				return err
			}
			fmt.Println("written")
			_, err := bufio.NewReader(os.Stdin).ReadByte() // never comes: the parent kills us
			return err
		})
	}
	fmt.Println("ended", err)
	return true
}

// TestKilledInTransaction kills a process with SIGKILL in the middle of a transaction: the database holds what was committed before, whole.
func TestKilledInTransaction(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			ctx, url := t.Context(), kind.url(t)
			db, clock := storetest.Open(t, url)
			w := storetest.World{Accounts: 1, Regions: 2, Instances: 10, At: clock.Now()}
			if _, err := db.ApplySnapshot(ctx, "", "s1", w.Snapshot()); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+url)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close() //nolint:errcheck // of a killed process
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || line != "written\n" {
				t.Fatalf("child: %q %v", line, err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			n, err := db.CountAssets(ctx, auth.Everything(), store.AssetFilter{})
			if err != nil || n[asset.KindInstance] != 20 {
				t.Errorf("after the kill: %v, want 20 instances: %v", n, err)
			}
			again, err := store.Open(ctx, url, options())
			if err != nil {
				t.Fatalf("open after the kill: %v", err)
			}
			defer again.Close() //nolint:errcheck // of a test
			w.At = clock.Add(time.Hour)
			c, err := again.ApplySnapshot(ctx, "", "s2", w.Snapshot())
			if err != nil || c.Added != 0 || c.Changed != 0 || c.Gone != 0 {
				t.Errorf("the same world after the kill: %+v %v", c, err)
			}
			if url[:6] == "sqlite" {
				var verdict string
				if err := rawDB(t, url).QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
					t.Errorf("integrity: %s %v", verdict, err)
				}
			}
		})
	}
}

// BenchmarkApplySnapshot applies 10,000 instances with their interfaces: the first time, and again without a change.
func BenchmarkApplySnapshot(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		b.Run(kind.name, func(b *testing.B) {
			var first, again, load time.Duration
			for b.Loop() {
				db, clock := storetest.Open(b, kind.url(b))
				w := storetest.World{Accounts: 1, Regions: 1, Instances: 10_000, At: clock.Now()}
				s := w.Snapshot()
				began := time.Now()
				if _, err := db.ApplySnapshot(b.Context(), "", "s1", s); err != nil {
					b.Fatal(err)
				}
				first += time.Since(began)
				w.At = clock.Add(time.Hour)
				s = w.Snapshot()
				began = time.Now()
				if _, err := db.ApplySnapshot(b.Context(), "", "s2", s); err != nil {
					b.Fatal(err)
				}
				again += time.Since(began)
				began = time.Now()
				if _, err := db.LoadSnapshot(b.Context(), auth.Everything()); err != nil {
					b.Fatal(err)
				}
				load += time.Since(began)
			}
			b.ReportMetric(first.Seconds()/float64(b.N), "s/first")
			b.ReportMetric(again.Seconds()/float64(b.N), "s/unchanged")
			b.ReportMetric(load.Seconds()/float64(b.N), "s/load")
		})
	}
}
