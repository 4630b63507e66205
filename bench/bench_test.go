package bench_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the empty database of jars that Trivy cannot do without

	"hinomi/bench"
	"hinomi/internal/awstest"
)

// defaultRounds is how often each program runs, in turns; HINOMI_BENCH_ROUNDS is another number.
const defaultRounds = 5

var moto *awstest.Moto

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		os.Exit(m.Run())
	}
	os.Exit(awstest.Main(m, &moto))
}

// corpus is the folder with root/, ext4.img and xfs.img; it is made if it is not there.
func corpus(b *testing.B) string {
	b.Helper()
	dir := os.Getenv("HINOMI_BENCH_CACHE")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "hinomi-bench-cache")
	}
	c := exec.CommandContext(b.Context(), "../scripts/bench-corpus", dir)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			b.Fatalf("the corpus cannot be made: %v", err)
		}
		b.Skipf("SKIPPED: the corpus cannot be made (it needs root and debootstrap): %v", err)
	}
	return dir
}

// program is one that is measured.
type program struct {
	name string
	env  []string
	args func(target string) []string // the program's path first
}

// ours is hinomi as `make build` has made it, or HINOMI names another.
func ours(b *testing.B) program {
	b.Helper()
	path := os.Getenv("HINOMI")
	if path == "" {
		path = "../bin/hinomi"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Fatalf("make build first: %v", err)
	}
	return program{
		name: "hinomi",
		env:  []string{"HOME=" + b.TempDir()},
		args: func(target string) []string { return []string{path, "scan", target, "--output", "cyclonedx"} },
	}
}

// trivy is the peer that TRIVY names; false if it names none.
func trivy(b *testing.B) (program, bool) {
	b.Helper()
	path := os.Getenv("TRIVY")
	if path == "" {
		fmt.Fprintln(os.Stderr, "TRIVY=path is not given: hinomi is measured alone")
		return program{}, false
	}
	path, err := exec.LookPath(path)
	if err != nil {
		b.Fatal(err)
	}
	home := b.TempDir()
	emptyJarDatabase(b, filepath.Join(home, "java-db"))
	return program{
		name: "trivy",
		env:  []string{"HOME=" + home, "TMPDIR=" + home},
		args: func(target string) []string {
			return []string{
				path, "vm", "--quiet", "--cache-dir", home, "--cache-backend", "memory", "--timeout", "30m", "--format", "cyclonedx", "--offline-scan",
				"--skip-java-db-update", "--skip-version-check", "--disable-telemetry", "--no-progress", target,
			}
		},
	}, true
}

// emptyJarDatabase makes what Trivy demands before it lists a disk with a jar on it: its database of jars, here without a row (the tables of
// trivy-java-db, schema 1). Jars are then known by what they say of themselves, as they are to hinomi.
func emptyJarDatabase(b *testing.B, dir string) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "trivy-java.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	_, err = db.ExecContext(b.Context(), `CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
		CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT, FOREIGN KEY (artifact_id) REFERENCES artifacts(id));`)
	if err != nil {
		b.Fatal(err)
	}
	meta := `{"Version":1,"NextUpdate":"2100-01-01T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z","DownloadedAt":"2026-01-01T00:00:00Z"}`
	if err := os.WriteFile(filepath.Join(dir, "metadata.json"), []byte(meta), 0o644); err != nil {
		b.Fatal(err)
	}
}

// outcome is what a program's runs gave.
type outcome struct {
	median   bench.Cost
	packages bench.Packages
}

// rounds is how often each program runs.
func rounds(b *testing.B) int {
	b.Helper()
	text := os.Getenv("HINOMI_BENCH_ROUNDS")
	if text == "" {
		return defaultRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("HINOMI_BENCH_ROUNDS=%s is no number of rounds", text)
	}
	return n
}

// race runs the programs in turns, so that a busy minute of the machine hits all of them.
func race(b *testing.B, target string, programs []program, before func(name string), after func(name string)) map[string]outcome {
	b.Helper()
	costs, documents := map[string][]bench.Cost{}, map[string][]byte{}
	for range rounds(b) {
		for _, p := range programs {
			before(p.name)
			args := p.args(target)
			document, cost, err := run(b.Context(), p.env, args)
			if err != nil {
				b.Fatal(err)
			}
			after(p.name)
			costs[p.name], documents[p.name] = append(costs[p.name], cost), document
		}
	}
	out := map[string]outcome{}
	for name, document := range documents {
		packages, err := bench.ReadPackages(document)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		if len(packages) == 0 {
			b.Fatalf("%s found nothing", name)
		}
		out[name] = outcome{bench.Median(costs[name]), packages}
	}
	return out
}

func run(ctx context.Context, env, args []string) ([]byte, bench.Cost, error) {
	ctx, done := context.WithTimeout(ctx, 20*time.Minute)
	defer done()
	return bench.Run(ctx, env, args[0], args[1:]...)
}

// report shows two outcomes, and their ratio as the benchmark's own figures.
func report(b *testing.B, title string, got map[string]outcome) {
	b.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "\n%-22s %10s %10s %10s %9s\n", title, "wall", "cpu", "peak", "packages")
	for _, name := range []string{"hinomi", "trivy"} {
		if o, ok := got[name]; ok {
			fmt.Fprintf(&s, "%-22s %9.2fs %9.2fs %6d MiB %9d\n", name, o.median.Wall.Seconds(), o.median.CPU.Seconds(), o.median.Peak>>20, len(o.packages))
		}
	}
	h := got["hinomi"]
	b.ReportMetric(h.median.Wall.Seconds(), "wall-s")
	b.ReportMetric(h.median.CPU.Seconds(), "cpu-s")
	b.ReportMetric(float64(h.median.Peak>>20), "peak-MiB")
	if t, ok := got["trivy"]; ok {
		wall, cpu := t.median.Wall.Seconds()/h.median.Wall.Seconds(), t.median.CPU.Seconds()/h.median.CPU.Seconds()
		fmt.Fprintf(&s, "%-22s %8.1f x %8.1f x\n", "faster", wall, cpu)
		b.ReportMetric(wall, "x-wall")
		b.ReportMetric(cpu, "x-cpu")
	}
	fmt.Fprint(os.Stderr, s.String())
	b.ReportMetric(0, "ns/op")
}

// BenchmarkImage is the cold inventory of a disk image.
func BenchmarkImage(b *testing.B) {
	dir := corpus(b)
	for _, fs := range []string{"ext4", "xfs"} {
		b.Run(fs, func(b *testing.B) {
			programs := []program{ours(b)}
			if t, ok := trivy(b); ok {
				programs = append(programs, t)
			}
			got := race(b, filepath.Join(dir, fs+".img"), programs, func(string) {}, func(string) {})
			report(b, "image, "+fs, got)
			comparePackages(b, got)
		})
	}
}

// comparePackages fails if the peer has a package that we lack without a reason.
func comparePackages(b *testing.B, got map[string]outcome) {
	b.Helper()
	theirs, ok := got["trivy"]
	if !ok {
		return
	}
	ours := got["hinomi"].packages
	fmt.Fprintf(os.Stderr, "packages by type: hinomi %v, trivy %v\n", ours.Kinds(), theirs.packages.Kinds())
	for _, name := range bench.Missing(ours, theirs.packages) {
		reason := bench.Reason(name, theirs.packages[name])
		fmt.Fprintf(os.Stderr, "only trivy: %s at %v: %s\n", name, theirs.packages[name], reason)
		if reason == "" {
			b.Errorf("trivy has %s at %v, hinomi has not, and no reason is known", name, theirs.packages[name])
		}
	}
}

// delays are the latencies of a block in the EBS way.
var delays = []time.Duration{0, 20 * time.Millisecond}

// BenchmarkSnapshot is the inventory of the same disks through the EBS direct APIs.
func BenchmarkSnapshot(b *testing.B) {
	const region = "eu-west-1"
	dir := corpus(b)
	for _, fs := range []string{"ext4", "xfs"} {
		for _, delay := range delays {
			b.Run(fs+"/"+delay.String(), func(b *testing.B) {
				programs := []program{ours(b)}
				if t, ok := trivy(b); ok {
					programs = append(programs, t)
				}
				cloud := awstest.New(b, moto, awstest.Options{Quiet: true})
				account := cloud.Account(1)
				snapshot, _ := cloud.SeedSnapshot(account, region, filepath.Join(dir, fs+".img"))
				key := cloud.AddKey(account, "bench")
				for i := range programs {
					programs[i].env = append(programs[i].env, "AWS_ENDPOINT_URL="+cloud.URL(), "AWS_ACCESS_KEY_ID="+key.ID,
						"AWS_SECRET_ACCESS_KEY="+key.Secret, "AWS_REGION="+region, "AWS_EC2_METADATA_DISABLED=true")
				}
				if delay > 0 {
					cloud.Before("ebs", "GetSnapshotBlock", awstest.Latency(delay))
				}
				stats := map[string]awstest.BlockStats{}
				got := race(b, "ebs:"+snapshot, programs, func(string) { cloud.ResetBlocks() }, func(name string) { stats[name] = cloud.BlockStats() })
				report(b, "snapshot, "+fs+", "+delay.String(), got)
				for _, p := range programs {
					s := stats[p.name]
					fmt.Fprintf(os.Stderr, "%-22s %d blocks, %d of them different, %d MiB, %d pages of lists\n", p.name, s.Gets, s.Unique, s.Bytes>>20, s.Lists)
				}
				if s := stats["hinomi"]; s.Gets != s.Unique {
					b.Errorf("%d blocks were fetched to see %d", s.Gets, s.Unique)
				}
				b.ReportMetric(float64(stats["hinomi"].Unique), "blocks")
				if t, ok := stats["trivy"]; ok {
					b.ReportMetric(100*float64(stats["hinomi"].Unique)/float64(t.Unique), "%-of-blocks")
				}
			})
		}
	}
}
