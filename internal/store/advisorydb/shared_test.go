package advisorydb_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// sharedData returns the folder of real data that is kept beside the repository, or skips.
func sharedData(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		d := filepath.Join(filepath.Dir(dir), "shared", "data")
		if _, err := os.Stat(d); err == nil {
			return d
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		tb.Fatal("no folder shared/data beside the repository: set HINOMI_SHARED_DATA")
	}
	tb.Skip("SKIPPED: no folder shared/data beside the repository; set HINOMI_SHARED_DATA to compare with the reference scanner")
	return ""
}

// feedsDay is the day for which the shared feeds speak: with it none of them is stale.
func feedsDay() time.Time { return time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC) }

type built struct {
	once sync.Once
	path string
	rep  feed.Report
	err  error
}

var shared built

// sharedDB imports the shared feeds once for all tests of this package and opens the result.
func sharedDB(tb testing.TB) *advisorydb.DB {
	tb.Helper()
	data := sharedData(tb)
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "hinomi-vuln-test-*") //nolint:usetesting // it serves several tests, TestMain removes it
		if err != nil {
			shared.err = err
			return
		}
		shared.path = filepath.Join(dir, "advisories.db")
		b, err := advisorydb.NewBuilder(shared.path, advisorydb.Options{Now: feedsDay()})
		if err != nil {
			shared.err = err
			return
		}
		defer func() { _ = b.Close() }()
		if shared.rep, shared.err = feed.Import(tb.Context(), filepath.Join(data, "feeds"), b, feed.Options{Now: feedsDay()}); shared.err != nil {
			return
		}
		_, shared.err = b.Finish()
	})
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	db, err := advisorydb.Open(shared.path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.path != "" {
		_ = os.RemoveAll(filepath.Dir(shared.path))
	}
	os.Exit(code)
}
