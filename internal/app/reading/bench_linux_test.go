package reading_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/app/reading"
)

// BenchmarkDebian reads a real Debian here and in a child, and reports the processor time of both processes together.
func BenchmarkDebian(b *testing.B) {
	image := debian(b)
	devices := []reading.Device{open(b, image)}
	ways := map[string]func() error{
		"here":  func() error { return exec.CommandContext(b.Context(), os.Args[0], "__here", image).Run() }, // as cold as a child
		"child": func() error { _, _, err := reader().Read(b.Context(), job, devices, nil); return err },
	}
	for _, name := range []string{"here", "child"} {
		b.Run(name, func(b *testing.B) {
			before := processor(b)
			for b.Loop() {
				if err := ways[name](); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// processor is the processor time of this process and of its children that have ended.
func processor(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
