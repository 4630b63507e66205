package ext4_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hinomi/internal/source/disk/ext4"
	"hinomi/internal/source/disk/volume"
)

// debugfs changes an image.
func debugfs(t testing.TB, image string, commands ...string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "debugfs", "-w", "-f", script, image)
}

// blockOf asks debugfs for the place of block n of a file.
func blockOf(t testing.TB, image, name string, n int) int64 {
	t.Helper()
	out := run(t, "debugfs", "-R", fmt.Sprintf("bmap %s %d", name, n), image)
	fields := strings.Fields(out)
	block, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
	if err != nil || block == 0 {
		t.Fatalf("bmap %s: %q", name, out)
	}
	return block
}

// flip changes one bit of an image.
func flip(t testing.TB, image string, at int64) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// walkAll walks a file system and gathers every error; it must end.
func walkAll(t testing.TB, fsys fs.FS) (names int, errs []error) {
	t.Helper()
	_ = fs.WalkDir(fsys, ".", func(_ string, _ fs.DirEntry, err error) error {
		names++
		if err != nil {
			errs = append(errs, err)
		}
		if names > 1_000_000 {
			t.Fatal("the walk does not end")
		}
		return nil
	})
	return names, errs
}

func hasText(errs []error, text string) bool {
	return strings.Contains(errors.Join(errs...).Error(), text)
}

// TestLoops walks folders that hold themselves, or that two folders hold.
func TestLoops(t *testing.T) {
	image := mke2fs(t, 8<<20, tree(t), "-t", "ext4", "-b", "1024", "-O", "^metadata_csum")
	debugfs(t, image, "cd a", "ln /a/b self", "ln / root", "cd b", "ln /a up", "ln /many many", "ln /many many2")
	fsys := open(t, image)
	names, errs := walkAll(t, fsys)
	if names > 1000 || len(errs) < 4 || !hasText(errs, "has two places") {
		t.Errorf("%d names, errors %v", names, errs)
	}
	for _, err := range errs {
		if !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	}
}

// TestLinks follows symbolic links inside the file system, and no others.
func TestLinks(t *testing.T) {
	fsys := open(t, mke2fs(t, 64<<20, tree(t), "-t", "ext4", "-b", "4096"))
	for name, want := range map[string]string{
		"link-fast": "ID=test\n", "link-abs": "ID=test\n", "link-up": "ID=test\n", "link-slow": "ID=test\n",
		"link-dir/back/os-release": "ID=test\n", "a/b/back/os-release": "ID=test\n", "link-dir/c/d/e/f/g/h/deep": "deep",
	} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := fsys.Stat("link-self"); !errors.Is(err, volume.ErrLoop) {
		t.Errorf("link-self: got %v", err)
	}
	if _, err := fsys.Stat("link-none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("link-none: got %v", err)
	}
	if _, err := fsys.Stat("etc/os-release/x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file as a folder: got %v", err)
	}
	for _, name := range []string{"", "/etc", "etc/", "../etc", "etc/../etc"} {
		if _, err := fsys.Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := fsys.ReadDir("fifo"); err == nil {
		t.Error("a fifo was listed")
	}
	if f, err := fsys.Open("fifo"); err != nil {
		t.Error(err)
	} else if _, err := f.Read(make([]byte, 1)); err == nil {
		t.Error("a fifo was read")
	}
}

// TestDamage changes one bit in every structure that has a checksum: the error
// names it, or the backup is used and that is noted.
func TestDamage(t *testing.T) {
	source := tree(t)
	good := mke2fs(t, 64<<20, source, "-t", "ext4", "-b", "4096", "-O", "metadata_csum,64bit")
	inode := func(image, name string) int64 {
		var block, off int64
		out := run(t, "debugfs", "-R", "imap "+name, image)
		if _, err := fmt.Sscanf(out[strings.Index(out, "located at block"):], "located at block %d, offset 0x%x", &block, &off); err != nil {
			t.Fatalf("imap: %v: %q", err, out)
		}
		return block*4096 + off
	}
	cases := []struct {
		name string
		at   func(image string) int64
		read string // what then fails; "" for nothing
		want string // in the error, or in the notes
	}{
		{"superblock", func(string) int64 { return 1024 + 0x78 }, "", "primary superblock unusable: the backup in block 32768 was used"},
		{"group_descriptor", func(string) int64 { return 4096 + 8 }, "", "its backup was used"},
		{"inode", func(i string) int64 { return inode(i, "/etc/os-release") + 4 }, "etc/os-release", "checksum"},
		{"folder", func(i string) int64 { return blockOf(t, i, "/many", 1)*4096 + 20 }, "many", "folder block checksum"},
		{"root_inode", func(i string) int64 { return inode(i, "/") + 4 }, "open", "root folder: inode 2: checksum"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			image := copyImage(t, good)
			if c.name == "group_descriptor" || c.name == "superblock" { // a second group holds the backups
				image = mke2fs(t, 160<<20, source, "-t", "ext4", "-b", "4096", "-O", "metadata_csum,64bit")
			}
			flip(t, image, c.at(image))
			fsys, err := ext4.Open(device(t, image))
			if c.read == "open" {
				if !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.read == "" {
				diff(t, withoutTimes(ofOS(t, source)), withoutTimes(ofFS(t, fsys)))
				if notes := fmt.Sprint(fsys.Info().Notes); !strings.Contains(notes, c.want) {
					t.Errorf("notes %s, want %s", notes, c.want)
				}
				return
			}
			if info, statErr := fsys.Stat(c.read); statErr != nil {
				err = statErr
			} else if info.IsDir() {
				var entries []fs.DirEntry
				if entries, err = fsys.ReadDir(c.read); len(entries) == 0 || len(entries) == 400 {
					t.Errorf("%d entries beside the damaged block", len(entries))
				}
			}
			if !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestExtentChecksum damages a block of an extent tree.
func TestExtentChecksum(t *testing.T) {
	image := mke2fs(t, 64<<20, fragmented(t), "-t", "ext4", "-b", "1024", "-O", "metadata_csum,64bit")
	name := "sparse"
	want := sum(t, open(t, image), name)
	if want == "" {
		t.Fatal("nothing read")
	}
	out := run(t, "debugfs", "-R", "dump_extents /sparse", image)
	var block int64
	for line := range strings.Lines(out) {
		// "0/ 1   1/  2     0 -   167    8209": level, index, length, block
		fields := strings.Fields(line)
		if len(fields) >= 8 && fields[0] == "0/" {
			block, _ = strconv.ParseInt(fields[7], 10, 64)
			break
		}
	}
	if block == 0 {
		t.Fatalf("the file has no tree: %s", out)
	}
	flip(t, image, block*1024+12+4)
	f, err := open(t, image).Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(f); !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), "extent tree: checksum") {
		t.Errorf("got %v", err)
	}
}

// fragmented makes a file of many extents: a hole after every block.
func fragmented(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for i := range 2000 {
		if _, err := f.WriteAt([]byte(strings.Repeat(strconv.Itoa(i%10), 4096)), int64(i)*8192); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFragmented reads a file of 2,000 extents, and through indirect blocks.
func TestFragmented(t *testing.T) {
	dir := fragmented(t)
	want := ofOS(t, dir)["sparse"].Sum
	for _, args := range [][]string{{"-t", "ext4", "-b", "1024"}, {"-t", "ext2", "-b", "1024"}, {"-t", "ext4", "-b", "4096"}, {"-t", "ext3", "-b", "4096"}} {
		if got := sum(t, open(t, mke2fs(t, 64<<20, dir, args...)), "sparse"); got != want {
			t.Errorf("%v: got %s, want %s", args, got, want)
		}
	}
}

// TestRefused holds that what cannot be read is an error with a name.
func TestRefused(t *testing.T) {
	t.Run("encrypted", func(t *testing.T) {
		image := mke2fs(t, 64<<20, tree(t), "-t", "ext4", "-b", "4096", "-O", "encrypt")
		debugfs(t, image, "sif /etc/os-release flags 0x80800", "sif /many flags 0x80800")
		fsys := open(t, image)
		if _, err := fsys.Open("etc/os-release"); !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "encrypted file") {
			t.Errorf("file: got %v", err)
		}
		if _, err := fsys.ReadDir("many"); !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "encrypted folder") {
			t.Errorf("folder: got %v", err)
		}
		if _, err := fsys.Stat("many/x"); !errors.Is(err, volume.ErrUnsupported) {
			t.Errorf("name in an encrypted folder: got %v", err)
		}
	})
	t.Run("external_journal", func(t *testing.T) {
		image := mke2fs(t, 64<<20, tree(t), "-t", "ext4", "-b", "4096")
		debugfs(t, image, "feature needs_recovery", "ssv journal_inum 0", "ssv journal_uuid 77777777-7777-4777-8777-777777777777")
		_, err := ext4.Open(device(t, image))
		if !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "on another device, 77777777-7777-4777-8777-777777777777") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("journal_device", func(t *testing.T) {
		image := mke2fs(t, 16<<20, "", "-O", "journal_dev", "-b", "4096")
		if _, err := ext4.Open(device(t, image)); !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "journal_dev") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unknown_feature", func(t *testing.T) {
		image := mke2fs(t, 16<<20, "", "-t", "ext4", "-O", "^metadata_csum")
		f, err := os.OpenFile(image, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := f.WriteAt(binary.LittleEndian.AppendUint32(nil, 0x2|0x40|0x1000|0x400000), 1024+0x60); err != nil {
			t.Fatal(err)
		}
		_, err = ext4.Open(device(t, image))
		if !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "ext4 with dirdata, unknown feature 0x400000") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cut_short", func(t *testing.T) {
		image := mke2fs(t, 64<<20, tree(t), "-t", "ext4", "-b", "4096")
		if err := os.Truncate(image, 12<<20); err != nil {
			t.Fatal(err)
		}
		fsys := open(t, image)
		if gaps := fsys.Info().Gaps; len(gaps) != 1 {
			t.Errorf("gaps %q", gaps)
		}
		// The size of the file is whole, its end is not there.
		f, err := fsys.Open("sizes/5000000")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, f); n == 5_000_000 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d bytes, %v", n, err)
		}
	})
	t.Run("unclean_without_journal", func(t *testing.T) {
		image := mke2fs(t, 16<<20, "", "-t", "ext2")
		debugfs(t, image, "ssv state 0")
		if gaps := fmt.Sprint(open(t, image).Info().Gaps); !strings.Contains(gaps, "not cleanly unmounted") {
			t.Errorf("gaps %s", gaps)
		}
	})
}
