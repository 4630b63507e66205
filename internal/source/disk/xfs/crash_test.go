package xfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/source/disk/volume"
)

// replaceAtomically does what a package manager does: write aside, fsync, rename over.
func replaceAtomically(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.Create(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// syncFile is what commits the log as it is.
func syncFile(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// crash copies the image of a mounted file system as a snapshot does: without freezing or unmounting it.
func crash(t *testing.T, image string) string {
	t.Helper()
	snapshot := filepath.Join(t.TempDir(), "snapshot.img")
	run(t, "cp", "--sparse=always", image, snapshot)
	return snapshot
}

// sameAsKernel compares a snapshot, read with its journal replayed in memory, to what the kernel makes of a copy of it.
func sameAsKernel(t *testing.T, snapshot string) (fsys volume.FS, files int) {
	t.Helper()
	kernels := filepath.Join(t.TempDir(), "kernel.img")
	run(t, "cp", "--sparse=always", snapshot, kernels)
	fsys = openImage(t, snapshot)
	mountedWith(t, kernels, "loop,nouuid", func(dir string) {
		files, _ = sameTree(t, dir, fsys)
	})
	t.Logf("%d files, notes %q, gaps %q", files, fsys.Info().Notes, fsys.Info().Gaps)
	return fsys, files
}

func replayed(fsys volume.FS) bool {
	for _, n := range fsys.Info().Notes {
		if strings.HasPrefix(n, "journal replayed: ") && !strings.HasPrefix(n, "journal replayed: 0 ") {
			return true
		}
	}
	return false
}

func TestSnapshotOfRunningHost(t *testing.T) {
	need(t)
	for _, tt := range []struct {
		name string
		mkfs []string
	}{
		{"default", nil},
		{"nrext64_block_1024", []string{"-i", "nrext64=1", "-b", "size=1024"}},
		{"rmapbt_log_stripes", []string{"-m", "rmapbt=1", "-l", "su=64k"}},
		{"no_bigtime", []string{"-m", "bigtime=0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := newImage(t, "500M", tt.mkfs...)
			var snapshot string
			mounted(t, image, func(dir string) {
				if err := os.MkdirAll(filepath.Join(dir, "var/lib/dpkg"), 0o755); err != nil {
					t.Fatal(err)
				}
				status := filepath.Join(dir, "var/lib/dpkg/status")
				if err := os.WriteFile(status, []byte("version 0\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				run(t, "sync", "-f", dir)
				for i := 1; i <= 400; i++ {
					replaceAtomically(t, status, strings.Repeat(fmt.Sprintf("version %d\n", i), 100))
				}
				syncFile(t, filepath.Dir(status))
				snapshot = crash(t, image)
			})
			fsys, files := sameAsKernel(t, snapshot)
			f, err := fsys.Open("var/lib/dpkg/status")
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 12)
			if _, err := f.Read(b); err != nil || string(b) != "version 400\n" {
				t.Errorf("got %q, %v, want the last version", b, err)
			}
			if files != 1 || !replayed(fsys) {
				t.Errorf("%d files, notes %q: want one file and a replay", files, fsys.Info().Notes)
			}
		})
	}
}

// TestSnapshotWhileEverythingChanges replays every kind of item, and a log that has been around its end.
func TestSnapshotWhileEverythingChanges(t *testing.T) {
	need(t, "xfs_io")
	for _, tt := range []struct {
		name   string
		rounds int
		mkfs   []string
	}{
		{"fresh", 1, nil},
		{"wrapped", 30, nil},
		{"wrapped_block_1024_rmapbt_nrext64", 12, []string{"-b", "size=1024", "-m", "rmapbt=1", "-i", "nrext64=1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := newImage(t, "1G", tt.mkfs...)
			var snapshots []string
			mounted(t, image, func(dir string) {
				for i := range tt.rounds {
					change(t, dir, i)
					if i >= tt.rounds-3 {
						snapshots = append(snapshots, crash(t, image))
					}
				}
			})
			for i, s := range snapshots {
				fsys, files := sameAsKernel(t, s)
				if files == 0 || !replayed(fsys) {
					t.Errorf("snapshot %d: %d files, notes %q", i, files, fsys.Info().Notes)
				}
			}
		})
	}
}

// change makes, moves, links, fragments and removes files in one round, and leaves the log unsettled.
func change(t *testing.T, dir string, round int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	base := filepath.Join(dir, fmt.Sprintf("round%d", round))
	must(os.Mkdir(base, 0o755))
	for i := range 2000 {
		must(os.WriteFile(filepath.Join(base, fmt.Sprintf("file-%d", i)), []byte(strings.Repeat("x", i)), 0o644))
	}
	for i := 0; i < 2000; i += 2 {
		must(os.Remove(filepath.Join(base, fmt.Sprintf("file-%d", i))))
	}
	for i := 1; i < 500; i += 2 {
		must(os.Rename(filepath.Join(base, fmt.Sprintf("file-%d", i)), filepath.Join(dir, fmt.Sprintf("moved-%d-%d", round%4, i))))
	}
	for i := 501; i < 600; i += 2 {
		must(os.Link(filepath.Join(base, fmt.Sprintf("file-%d", i)), filepath.Join(base, fmt.Sprintf("hard-%d", i))))
		must(os.Symlink(strings.Repeat("l", i), filepath.Join(base, fmt.Sprintf("link-%d", i))))
	}
	holes := filepath.Join(base, "holes")
	must(os.WriteFile(holes, []byte(strings.Repeat("hole", 1<<20)), 0o644))
	args := []string{"-c", "fsync"}
	for i := range 200 {
		args = append(args, "-c", fmt.Sprintf("fpunch %d 4096", i*16384))
	}
	run(t, "xfs_io", append(args, holes)...)
	if round > 2 {
		must(os.RemoveAll(filepath.Join(dir, fmt.Sprintf("round%d", round-2)))) // inode chunks and blocks given back
	}
	// The log is committed up to here, and then goes on in memory.
	syncFile(t, holes)
	must(os.WriteFile(filepath.Join(base, "never-committed"), []byte("maybe"), 0o644))
}
