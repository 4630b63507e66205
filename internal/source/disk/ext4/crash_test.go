package ext4_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mount mounts an image with the kernel and returns the folder and what
// unmounts it.
func mount(t testing.TB, image, options string) (dir string, umount func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "a loop mount needs root")
	}
	dir = t.TempDir()
	out, err := exec.Command("mount", "-o", "loop,"+options, image, dir).CombinedOutput()
	if err != nil {
		missing(t, fmt.Sprintf("loop mount with %s: %v: %s", options, err, out))
	}
	mounted := true
	umount = func() {
		t.Helper()
		if !mounted {
			return
		}
		mounted = false
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	}
	t.Cleanup(umount)
	return dir, umount
}

func copyImage(t testing.TB, image string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	run(t, "cp", "--sparse=always", image, to)
	return to
}

func put(t testing.TB, name string, data []byte) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func syncDir(t testing.TB, dir string) {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
}

// upgrade does what dpkg does: the new status is written beside the old one,
// synced and renamed over it.
func upgrade(t testing.TB, root string) {
	t.Helper()
	db := filepath.Join(root, "var/lib/dpkg")
	put(t, filepath.Join(db, "status-new"), bytes.Repeat([]byte("Version: 2.0\n"), 20_000))
	if err := os.Rename(filepath.Join(db, "status-new"), filepath.Join(db, "status")); err != nil {
		t.Fatal(err)
	}
	syncDir(t, db)
}

// churn makes, changes, renames, truncates and removes files and folders, as
// rnd says, with a sync now and then.
func churn(t testing.TB, root string, rnd *rand.Rand, steps int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil && !os.IsNotExist(err) && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	name := func() string {
		return filepath.Join(root, "work", fmt.Sprintf("d%d", rnd.IntN(4)), fmt.Sprintf("f%03d", rnd.IntN(60)))
	}
	magic := binary.BigEndian.AppendUint32(nil, 0xc03b3998)
	for i := range 4 {
		must(os.MkdirAll(filepath.Join(root, "work", fmt.Sprintf("d%d", i)), 0o755))
	}
	for range steps {
		n := name()
		switch rnd.IntN(10) {
		case 0, 1, 2, 3:
			// Every block begins with the journal's magic number, which must
			// be escaped where data are journaled.
			data := bytes.Repeat(append(magic, bytes.Repeat([]byte{byte(rnd.IntN(256))}, 1020)...), 1+rnd.IntN(60))
			if rnd.IntN(2) == 0 {
				put(t, n, data)
			} else {
				must(os.WriteFile(n, data, 0o600))
			}
		case 4:
			must(os.Rename(n, name()))
		case 5:
			must(os.Remove(n))
		case 6:
			must(os.Truncate(n, int64(rnd.IntN(100_000))))
		case 7:
			dir := filepath.Join(root, "work", fmt.Sprintf("big%d", rnd.IntN(3)))
			must(os.MkdirAll(dir, 0o755))
			for i := range 200 {
				must(os.Symlink(strings.Repeat("t", 80), filepath.Join(dir, fmt.Sprintf("link-%d-%s", i, strings.Repeat("z", 60)))))
			}
			syncDir(t, dir)
		case 8:
			must(os.RemoveAll(filepath.Join(root, "work", fmt.Sprintf("big%d", rnd.IntN(3)))))
		case 9:
			must(os.Link(n, name()))
		}
	}
	syncDir(t, filepath.Join(root, "work"))
	// From here on only files are synced, which is what fast commits seal.
	fresh := filepath.Join(root, "work", fmt.Sprintf("fresh%d", steps))
	must(os.Mkdir(fresh, 0o755))
	grown := filepath.Join(fresh, "grown")
	for i := range 12 {
		put(t, filepath.Join(fresh, fmt.Sprintf("n%d", i)), bytes.Repeat([]byte{byte(i)}, 3000*i))
		f, err := os.OpenFile(grown, os.O_CREATE|os.O_RDWR, 0o600)
		must(err)
		_, err = f.WriteAt(bytes.Repeat([]byte{byte(65 + i)}, 9000), int64(i)*40_000)
		must(err)
		must(f.Sync())
		must(f.Close())
	}
	must(os.Rename(filepath.Join(fresh, "n3"), filepath.Join(fresh, "n4")))
	must(os.Remove(filepath.Join(fresh, "n5")))
	must(os.Link(filepath.Join(fresh, "n6"), filepath.Join(root, "work", fmt.Sprintf("linked%d", steps))))
	must(os.Symlink("n6", filepath.Join(fresh, "fast")))
	must(os.Truncate(filepath.Join(fresh, "n7"), 1000))
	must(os.Rename(filepath.Join(fresh, "n8"), filepath.Join(root, "work/d0/moved")))
	put(t, filepath.Join(fresh, "n9"), []byte("short now"))
	syncDir(t, fresh)
	edit(t, filepath.Join(fresh, "grown"), func(f *os.File) error { return f.Truncate(123_457) })
	edit(t, filepath.Join(fresh, "grown"), func(f *os.File) error {
		_, err := f.WriteAt([]byte("far away"), 300_000)
		return err
	})
	for i := range 5 {
		put(t, filepath.Join(fresh, fmt.Sprintf("m%d", i)), bytes.Repeat([]byte{byte(i)}, 9000*i))
	}
	must(os.Rename(filepath.Join(fresh, "m1"), filepath.Join(fresh, "renamed")))
	must(os.Rename(filepath.Join(fresh, "m2"), filepath.Join(fresh, "m3")))
	must(os.Remove(filepath.Join(fresh, "n2")))
	must(os.Link(filepath.Join(fresh, "m4"), filepath.Join(fresh, "again")))
	put(t, filepath.Join(fresh, "n2"), []byte("new under an old name"))
	must(os.Mkdir(filepath.Join(fresh, "sub"), 0o755))
	put(t, filepath.Join(fresh, "sub/inside"), []byte("in a new folder"))
	must(os.Remove(filepath.Join(fresh, "n10")))
	put(t, filepath.Join(fresh, "last"), []byte("last"))
}

// edit changes a file and syncs it.
func edit(t testing.TB, name string, change func(*os.File) error) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestJournal copies the image of a mounted, running file system and compares
// what we read in the copy with what the kernel shows when it mounts it.
func TestJournal(t *testing.T) {
	cases := []struct {
		name    string
		args    []string
		options string
	}{
		{"ext4", []string{"-t", "ext4", "-b", "4096"}, "commit=300"},
		{"ext4_1k", []string{"-t", "ext4", "-b", "1024"}, "commit=300"},
		{"ext3", []string{"-t", "ext3", "-b", "4096"}, "commit=300"},
		{"no_csum", []string{"-t", "ext4", "-b", "4096", "-O", "^metadata_csum,^64bit"}, "commit=300"},
		{"no_csum_64bit", []string{"-t", "ext4", "-b", "4096", "-O", "^metadata_csum,64bit"}, "commit=300"},
		{"journal_checksum_v1", []string{"-t", "ext4", "-b", "4096", "-O", "^metadata_csum"}, "commit=300,journal_checksum"},
		{"async_commit", []string{"-t", "ext4", "-b", "4096"}, "commit=300,data=writeback,journal_async_commit"},
		{"data_journal", []string{"-t", "ext4", "-b", "4096"}, "commit=300,data=journal"},
		{"data_journal_1k_no_csum", []string{"-t", "ext4", "-b", "1024", "-O", "^metadata_csum"}, "commit=300,data=journal"},
		{"small_journal", []string{"-t", "ext4", "-b", "1024", "-J", "size=1"}, "commit=300"},
		{"small_journal_data", []string{"-t", "ext4", "-b", "1024", "-J", "size=1"}, "commit=300,data=journal"},
		{"bigalloc", []string{"-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536"}, "commit=300"},
		{"inline_data", []string{"-t", "ext4", "-b", "4096", "-O", "inline_data"}, "commit=300"},
		{"fast_commit", []string{"-t", "ext4", "-b", "4096", "-O", "fast_commit"}, "commit=300"},
		{"fast_commit_1k", []string{"-t", "ext4", "-O", "fast_commit", "-b", "1024"}, "commit=300"},
		{"fast_commit_inline", []string{"-t", "ext4", "-b", "4096", "-O", "fast_commit,inline_data"}, "commit=300"},
	}
	source := t.TempDir()
	db := filepath.Join(source, "var/lib/dpkg")
	if err := os.MkdirAll(db, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(db, "status"), bytes.Repeat([]byte("Version: 1.0\n"), 20_000), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-E", "lazy_itable_init=0,lazy_journal_init=0"}, c.args...)
			image := mke2fs(t, 96<<20, source, args...)
			dir, umount := mount(t, image, c.options)
			rnd := rand.New(rand.NewPCG(7, uint64(len(c.name))))
			for round, steps := range []int{0, 5, 60, 300} {
				if round == 0 {
					upgrade(t, dir)
				}
				churn(t, dir, rnd, steps)
				compareCrash(t, image, round, strings.HasPrefix(c.name, "fast"))
			}
			umount()
		})
	}
}

// compareCrash compares a copy of the live image with the kernel's recovery of it.
func compareCrash(t *testing.T, image string, round int, fast bool) {
	t.Helper()
	ours := copyImage(t, image)
	theirs := copyImage(t, ours)
	if round == 0 { // the case is real: without the journal the old state shows
		stale, umount := mount(t, ours, "ro,noload")
		data, err := os.ReadFile(filepath.Join(stale, "var/lib/dpkg/status"))
		if err == nil && bytes.HasPrefix(data, []byte("Version: 2.0")) {
			t.Log("the kernel had written the blocks back already: the case proves little")
		}
		umount()
	}
	recovered, umount := mount(t, theirs, "rw")
	want := ofOS(t, recovered)
	umount()
	delete(want, "lost+found")
	fsys := open(t, ours)
	got := ofFS(t, fsys)
	info := fsys.Info()
	t.Logf("round %d: %d names, %q", round, len(got), info.Notes)
	if len(info.Gaps) != 0 {
		t.Errorf("round %d: gaps %q", round, info.Gaps)
	}
	if len(info.Notes) == 0 || !strings.HasPrefix(info.Notes[0], "journal replayed: ") {
		t.Errorf("round %d: notes %q: want a replay", round, info.Notes)
	}
	if strings.Contains(strings.Join(info.Notes, " "), "fast commits") {
		// The kernel replays those as if they happened at the mount.
		for _, nodes := range []map[string]node{want, got} {
			for name, n := range nodes {
				if strings.HasPrefix(n.Mode, "d") {
					n.MTime = time.Time{}
					nodes[name] = n
				}
			}
		}
	} else if fast {
		t.Errorf("round %d: notes %q: want fast commits", round, info.Notes)
	}
	diff(t, want, got)
}
