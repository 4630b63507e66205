package xfs_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/source/disk/xfs"
)

// busySnapshot is the image of a host that crashed after many replaced files, with the log mounted as told.
func busySnapshot(t *testing.T, options string, replacements int) string {
	t.Helper()
	image := newImage(t, "500M")
	var snapshot string
	mountedWith(t, image, options, func(dir string) {
		for i := range replacements {
			replaceAtomically(t, filepath.Join(dir, fmt.Sprintf("file%d", i%7)), fmt.Sprintf("state %d\n", i))
		}
		syncFile(t, dir)
		snapshot = crash(t, image)
	})
	return snapshot
}

// recordStarts returns the blocks at which records of the log begin, from tail to head.
func recordStarts(t *testing.T, image string) (starts []int64, offset func(int64) int64) {
	t.Helper()
	s := readSuper(t, image)
	tail, head := openJournal(t, image).Bounds()
	offset = func(block int64) int64 { return s.offset(s.logStart) + block*512 }
	for b := tail; b < head; b++ {
		if binary.BigEndian.Uint32(readAt(t, image, 4, offset(b))) == 0xfeedbabe {
			starts = append(starts, b)
		}
	}
	return starts, offset
}

// TestTornLog breaks records of a log and holds what is read, or refused, to what the kernel makes of it.
func TestTornLog(t *testing.T) {
	need(t)
	flip := func(t *testing.T, image string, off int64) {
		b := readAt(t, image, 1, off)
		writeAt(t, image, []byte{b[0] ^ 0x40}, off)
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, image string, starts []int64, offset func(int64) int64)
		want bool // whether it can be replayed
	}{
		{"whole", func(*testing.T, string, []int64, func(int64) int64) {}, true},
		{"last_payload", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			flip(t, image, at(s[len(s)-1])+512+20)
		}, true},
		{"last_header", func(t *testing.T, image string, s []int64, at func(int64) int64) { flip(t, image, at(s[len(s)-1])+13) }, true},
		{"last_zeroed", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			writeAt(t, image, make([]byte, 1024), at(s[len(s)-1]))
		}, true},
		{"last_never_written", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			writeAt(t, image, make([]byte, 64<<10), at(s[len(s)-1]))
		}, true},
		{"third_before_last", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			flip(t, image, at(s[len(s)-4])+512+20)
		}, true},
		{"hole_before_last", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			n := at(s[len(s)-2]) - at(s[len(s)-3])
			writeAt(t, image, make([]byte, n), at(s[len(s)-3]))
		}, true},
		{"middle", func(t *testing.T, image string, s []int64, at func(int64) int64) {
			flip(t, image, at(s[len(s)/2])+512+20)
		}, false},
		{"tail", func(t *testing.T, image string, s []int64, at func(int64) int64) { flip(t, image, at(s[0])+512+20) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			snapshot := busySnapshot(t, "loop", 150)
			starts, offset := recordStarts(t, snapshot)
			if len(starts) < 100 {
				t.Fatalf("%d records", len(starts))
			}
			tt.do(t, snapshot, starts, offset)
			fsys, err := xfs.Open(openDevice(t, snapshot), xfs.Options{})
			if (err == nil) != tt.want {
				t.Fatalf("got %v, want replay %v", err, tt.want)
			}
			kernels := filepath.Join(t.TempDir(), "kernel.img")
			run(t, "cp", "--sparse=always", snapshot, kernels)
			if err != nil {
				t.Logf("refused: %v", err)
				out, err := exec.CommandContext(t.Context(), "mount", "-t", "xfs", "-o", "loop,nouuid", kernels, t.TempDir()).CombinedOutput()
				if err == nil {
					t.Errorf("the kernel mounts it: %s", out)
				}
				return
			}
			mountedWith(t, kernels, "loop,nouuid", func(dir string) { sameTree(t, dir, fsys) })
			t.Logf("notes %q", fsys.Info().Notes)
		})
	}
}

// TestLargeLogRecords replays a log whose records have further header blocks.
func TestLargeLogRecords(t *testing.T) {
	need(t)
	image := newImage(t, "500M")
	var snapshot string
	mountedWith(t, image, "loop,logbsize=256k", func(dir string) {
		for i := range 6000 {
			name := filepath.Join(dir, fmt.Sprintf("%d-%s", i, strings.Repeat("n", 200)))
			if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, i%50), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		syncFile(t, dir)
		snapshot = crash(t, image)
	})
	starts, offset := recordStarts(t, snapshot)
	long := 0
	for _, s := range starts {
		if binary.BigEndian.Uint32(readAt(t, snapshot, 16, offset(s))[12:]) > 32<<10 {
			long++
		}
	}
	if _, files := sameAsKernel(t, snapshot); files < 6000 || long == 0 {
		t.Errorf("%d files, %d long records", files, long)
	}
}

// TestWrappedLog goes around the end of the log several times.
func TestWrappedLog(t *testing.T) {
	need(t)
	image := newImage(t, "250M", "--unsupported", "-l", "size=8m")
	wrapped := 0
	mounted(t, image, func(dir string) {
		for round := range 40 {
			for i := range 3000 {
				name := filepath.Join(dir, fmt.Sprintf("%d-%s", i, strings.Repeat("n", 200)))
				if err := os.WriteFile(name, []byte(fmt.Sprint(round, i)), 0o644); err != nil {
					t.Fatal(err)
				}
				if (i+round)%3 == 0 {
					_ = os.Remove(name)
				}
			}
			syncFile(t, dir)
			if round < 2 || wrapped >= 1 {
				continue
			}
			snapshot := crash(t, image)
			if tail, head := openJournal(t, snapshot).Bounds(); tail > head {
				wrapped++
				sameAsKernel(t, snapshot)
			}
			_ = os.Remove(snapshot)
		}
	})
	if wrapped == 0 {
		t.Error("no snapshot had a log that goes around its end")
	}
}
