package bench_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"hinomi/internal/action/export"
	"hinomi/internal/app/reading"
	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
)

// BenchmarkRead is the same work in this process, for -cpuprofile and -memprofile, which do not see into the child.
func BenchmarkRead(b *testing.B) {
	dir := corpus(b)
	for _, fs := range []string{"ext4", "xfs"} {
		b.Run(fs, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				img, err := disk.OpenImage(filepath.Join(dir, fs+".img"))
				if err != nil {
					b.Fatal(err)
				}
				job := reading.Job{Method: inventory.Agentless, Source: fs, Disks: []reading.Disk{{Local: true}}}
				inv, stats, err := reading.Read(b.Context(), job, []reading.Device{img}, time.Now, func(int, string) {})
				if err != nil {
					b.Fatal(err)
				}
				var out bytes.Buffer
				if err := export.CycloneDX(&out, inv, "bench"); err != nil {
					b.Fatal(err)
				}
				if err := img.Close(); err != nil {
					b.Fatal(err)
				}
				s := stats.Volumes[0].Stats
				b.ReportMetric(float64(s.Files), "files")
				b.ReportMetric(float64(s.Opened), "opened")
				b.ReportMetric(float64(s.BytesRead>>20), "MiB-read")
				b.ReportMetric(float64(len(inv.Packages)), "packages")
				b.ReportMetric(float64(len(inv.Gaps)), "gaps")
			}
		})
	}
}
