package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/cli"
)

// TestMatchAgrees holds hinomi match against osv-scanner v2.4.0: its findings for the same inventories and feeds lie beside these.
func TestMatchAgrees(t *testing.T) {
	data := sharedData(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HINOMI_HOME", t.TempDir())
	dir := filepath.Join(data, "feeds-reference")
	for _, c := range []struct{ name, file, want string }{
		{"alma10_osv_scanner", "almalinux-10.osv-scanner.json", "alma10.findings.tsv"},
		{"alma10_cyclonedx", "almalinux-10.cdx.json", "alma10.findings.tsv"},
		{"go", "go.cdx.json", "go.findings.tsv"},
		{"crates", "Cargo.lock", "crates.findings.tsv"},
		{"maven", "gradle.lockfile", "maven.findings.tsv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join(dir, c.want))
			if err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			code := cli.Run(t.Context(), []string{"match", filepath.Join(dir, c.file), "--feeds", filepath.Join(data, "feeds"), "--output", "tsv"}, strings.NewReader(""), &out, &errs)
			if code != 3 { // the feeds are of a day in 2026 that is long gone
				t.Errorf("exit code %d: %s", code, errs.String())
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("%d lines, want %d: %s", strings.Count(out.String(), "\n"), bytes.Count(want, []byte("\n")), diff)
			}
		})
	}
}

func sharedData(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		d := filepath.Join(filepath.Dir(dir), "shared", "data")
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		tb.Fatal("no folder shared/data beside the repository: set HINOMI_SHARED_DATA")
	}
	tb.Skip("SKIPPED: no folder shared/data beside the repository; set HINOMI_SHARED_DATA")
	return ""
}
