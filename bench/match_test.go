package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hinomi/bench"
)

// lists are inventories of the reference with the ecosystem of each, and how osv-scanner is told what a file is.
var lists = []struct{ name, ecosystem, file, kind string }{
	{"almalinux-10", "AlmaLinux", "almalinux-10.osv-scanner.json", "osv-scanner:"},
	{"go", "Go", "go.cdx.json", ""},
	{"crates", "crates.io", "Cargo.lock", ""},
	{"maven", "Maven", "gradle.lockfile", ""},
}

// BenchmarkMatch judges lists of packages, each program as a cold process, hinomi beside osv-scanner where OSV_SCANNER names one. Both read the
// feeds of HINOMI_SHARED_DATA (default: shared/data beside the repository); hinomi's import, which is done once, is told apart.
func BenchmarkMatch(b *testing.B) {
	data := os.Getenv("HINOMI_SHARED_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(data, "feeds")); err != nil {
		b.Skipf("SKIPPED, NOTHING MEASURED: no feeds: %v", err)
	}
	hinomi, home := ours(b).args("")[0], b.TempDir()
	env := []string{"HOME=" + home, "HINOMI_HOME=" + home, "XDG_CACHE_HOME=" + home}
	for _, l := range lists {
		b.Run(l.name, func(b *testing.B) {
			file := filepath.Join(data, "feeds-reference", l.file)
			us := []string{hinomi, "match", file, "--feeds", filepath.Join(data, "feeds"), "--output", "tsv"}
			_, first, err := tolerant(b.Context(), env, us)
			if err != nil {
				b.Fatal(err)
			}
			programs := map[string][]string{"hinomi": us}
			if path := os.Getenv("OSV_SCANNER"); path != "" {
				programs["osv-scanner"] = []string{
					path, "scan", "source", "--offline", "--local-db-path", offline(b, data, l.ecosystem), "--lockfile", l.kind + file, "--format", "json",
				}
			} else {
				fmt.Fprintln(os.Stderr, "OSV_SCANNER=path is not given: hinomi is measured alone")
			}
			costs := map[string][]bench.Cost{}
			for range rounds(b) {
				for name, args := range programs {
					out, cost, err := tolerant(b.Context(), env, args)
					if err != nil || len(out) == 0 {
						b.Fatalf("%s: %d bytes, %v", name, len(out), err)
					}
					costs[name] = append(costs[name], cost)
				}
			}
			fmt.Fprintf(os.Stderr, "\n%s: the first run, which may import the feeds, %.2fs\n", l.name, first.Wall.Seconds())
			m := bench.Median(costs["hinomi"])
			fmt.Fprintf(os.Stderr, "%-12s %8.3fs %8.3fs CPU %5d MiB\n", "hinomi", m.Wall.Seconds(), m.CPU.Seconds(), m.Peak>>20)
			b.ReportMetric(m.Wall.Seconds(), "wall-s")
			if len(costs["osv-scanner"]) > 0 {
				t := bench.Median(costs["osv-scanner"])
				fmt.Fprintf(os.Stderr, "%-12s %8.3fs %8.3fs CPU %5d MiB\n", "osv-scanner", t.Wall.Seconds(), t.CPU.Seconds(), t.Peak>>20)
				b.ReportMetric(float64(t.Wall)/float64(m.Wall), "x-wall")
				b.ReportMetric(float64(t.CPU)/float64(m.CPU), "x-cpu")
			}
		})
	}
}

// tolerant runs a program whose exit code tells of findings, not of faults: 1 of both programs, 3 of hinomi for feeds that are stale.
func tolerant(ctx context.Context, env, args []string) ([]byte, bench.Cost, error) {
	var exit *exec.ExitError
	out, cost, err := bench.Run(ctx, env, args[0], args[1:]...)
	if errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 3) {
		return out, cost, nil
	}
	return out, cost, err
}

// offline is a folder of feeds as osv-scanner wants it: files, not links.
func offline(b *testing.B, data, ecosystem string) string {
	b.Helper()
	dir := b.TempDir()
	to := filepath.Join(dir, "osv-scanner", ecosystem, "all.zip")
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		b.Fatal(err)
	}
	in, err := os.Open(filepath.Join(data, "feeds", "osv", ecosystem, "all.zip"))
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}
