package dump_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
)

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// shared returns the folder of public dumps, or skips the test.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HINOMI_SHARED_DATA")
	if dir == "" {
		at, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for at != filepath.Dir(at) {
			if try := filepath.Join(at, "shared", "data"); isDir(try) {
				dir = try
				break
			}
			at = filepath.Dir(at)
		}
	}
	if dir = filepath.Join(dir, "reach"); isDir(dir) {
		return dir
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatal("the shared data is missing: set HINOMI_SHARED_DATA")
	}
	t.Skip("SKIPPED, not tested: the shared data is missing: set HINOMI_SHARED_DATA")
	return ""
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func TestEveryRealDumpLoads(t *testing.T) {
	dir := shared(t)
	dumps, err := filepath.Glob(filepath.Join(dir, "*", "aws_configs"))
	if err != nil {
		t.Fatal(err)
	}
	dumps = append(dumps, filepath.Join(dir, "cloudmapper"))
	if len(dumps) < 13 {
		t.Fatalf("got %d dumps, want at least 13", len(dumps))
	}
	for _, d := range dumps {
		name, _ := filepath.Rel(dir, d)
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			res, err := dump.Read(t.Context(), d, dump.Options{TakenAt: when, Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range res.Snapshot.Gaps() {
				if g.Reason != snapshot.NotRead {
					t.Errorf("gap %v: %s %s", g.Scope, g.Reason, g.Detail)
				}
			}
			total := 0
			for _, k := range res.Snapshot.Kinds() {
				total += res.Snapshot.Len(k)
				for a := range res.Snapshot.Assets(k) {
					if m := a.Base(); m.Account == dump.Unknown || m.Region == dump.Unknown || m.ID == "" {
						t.Errorf("%s: account, region or id is not known", asset.RefOf(a))
						break
					}
				}
			}
			t.Logf("%d files, %d bytes, %d assets, %d reads, %d gaps, %d notes", res.Files, res.Bytes, total, len(res.Snapshot.Reads()), len(res.Snapshot.Gaps()), len(res.Notes))
			for _, n := range res.Notes {
				t.Log(n)
			}
		})
	}
}
