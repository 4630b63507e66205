package xfs_test

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/source/disk/volume"
)

// TestVersion4 holds images of version 4 against the files that mkfs.xfs was told to put into them: current kernels
// cannot mount version 4, and mkfs.xfs can fill a file system without one.
func TestVersion4(t *testing.T) {
	need(t)
	for _, tt := range []struct {
		name string
		mkfs []string
	}{
		{"default", []string{"-m", "crc=0"}},
		{"no_ftype", []string{"-m", "crc=0", "-n", "ftype=0"}},
		{"inode_256_block_512", []string{"-m", "crc=0", "-n", "ftype=0", "-b", "size=512", "-i", "size=256"}},
		{"log_version_1", []string{"-m", "crc=0", "-l", "version=1"}},
		{"version_5_never_mounted", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := t.TempDir()
			longest := 900
			if tt.mkfs == nil {
				longest = 300 // mkfs.xfs 6.1 forgets the header of version 5 before a longer link
			}
			proto, want := prototype(t, src, longest)
			image := newImage(t, "400M", append([]string{"-p", proto}, tt.mkfs...)...)
			fsys := openImage(t, image)
			got := contents(t, fsys)
			for name, w := range want {
				if got[name] != w {
					t.Errorf("%s: got %.60q, want %.60q", name, got[name], w)
				}
			}
			if len(got) != len(want) {
				t.Errorf("got %d files, want %d", len(got), len(want))
			}
			t.Logf("%d files, %+v", len(got), fsys.Info())
		})
	}
}

// contents reads everything: files by content, links by target, folders as "/".
func contents(t *testing.T, fsys volume.FS) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
		case e.IsDir():
			got[name] = "/"
		case e.Type() == fs.ModeSymlink:
			target, err := fsys.ReadLink(name)
			got[name] = "-> " + target
			return err
		case !e.Type().IsRegular():
			got[name] = e.Type().String()
		default:
			b, err := fs.ReadFile(fsys, name)
			got[name] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// prototype writes a mkfs.xfs prototype file (mkfs.xfs(8), -p) and returns what must be found.
func prototype(t *testing.T, src string, longest int) (proto string, want map[string]string) {
	t.Helper()
	want = make(map[string]string)
	var p strings.Builder
	p.WriteString("/\n0 0\nd--755 0 0\n")
	file := func(dir, name, content string) {
		path := filepath.Join(src, dir+"_"+name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&p, "%s ---644 7 8 %s\n", name, path)
		want[filepath.Join(dir, name)] = content
	}
	file("", "empty", "")
	file("", "small", "small\n")
	file("", "large", strings.Repeat("0123456789abcdef", 1<<18))
	for _, n := range []int{10, 150, longest} {
		target := strings.Repeat("t", n)
		fmt.Fprintf(&p, "link%d l--777 0 0 %s\n", n, target)
		want[fmt.Sprintf("link%d", n)] = "-> " + target
	}
	for _, n := range []int{0, 3, 60, 400, 3000} {
		dir := fmt.Sprintf("dir%d", n)
		fmt.Fprintf(&p, "%s d--755 0 0\n", dir)
		want[dir] = "/"
		for i := range n {
			file(dir, fmt.Sprintf("entry-%d-%s", i, strings.Repeat("y", i%40)), fmt.Sprint(i))
		}
		p.WriteString("$\n")
	}
	p.WriteString("$\n")
	proto = filepath.Join(src, "prototype")
	if err := os.WriteFile(proto, []byte(p.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return proto, want
}

// TestVersion4Replay puts inodes of version 2, two to a sector, into the log of a version 4 image: the size and the
// block map of one change, and an older state of another is passed over. No kernel at hand can be asked; the layout is
// that of xfs_log_dinode, field by field.
func TestVersion4Replay(t *testing.T) {
	need(t)
	proto, want := prototype(t, t.TempDir(), 900)
	image := newImage(t, "400M", "-p", proto, "-m", "crc=0", "-i", "size=256")
	fsys := openImage(t, image)
	number := func(name string) uint64 {
		st, err := fsys.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		return st.Sys().(*volume.Stat).Ino
	}
	small, large, empty := number("small"), number("large"), number("empty")
	w := newLogWriter(t, image)
	place := func(ino uint64) int64 { return w.s.offset(int64(ino)/16) + int64(ino)%16*256 } // 16 inodes to a block
	small2 := readAt(t, image, 256, place(small))
	large2 := readAt(t, image, 256, place(large))
	be := binary.BigEndian
	// The small file gets the first three blocks of the large one.
	e := slices.Clone(large2[100:116])
	be.PutUint64(e[8:], be.Uint64(e[8:])&^(1<<21-1)|3)
	be.PutUint64(small2[56:], 3*4096-5)
	be.PutUint64(small2[64:], 3)
	be.PutUint32(small2[76:], 1)
	// What the log has of the empty one is older than the disk.
	empty2 := readAt(t, image, 256, place(empty))
	older := slices.Clone(empty2)
	be.PutUint16(empty2[30:], 7)
	writeAt(t, image, empty2, place(empty))
	be.PutUint16(older[30:], 6)
	be.PutUint64(older[56:], 12345)
	w.record(transaction(5, inodeItem(small, place(small), small2, e), inodeItem(empty, place(empty), older, nil)))

	fsys = openImage(t, image)
	got := contents(t, fsys)
	want["small"] = want["large"][:3*4096-5]
	for name, c := range want {
		if got[name] != c {
			t.Errorf("%s: got %d bytes, want %d", name, len(got[name]), len(c))
		}
	}
	if notes := fmt.Sprint(fsys.Info().Notes); !strings.Contains(notes, "1 transactions, 0 buffers, 1 inodes") {
		t.Errorf("notes %s", notes)
	}
}

// inodeItem is the log item of an inode of version 2: its format, its core in the host's byte order, its extents.
func inodeItem(ino uint64, off int64, disk, extents []byte) [][]byte {
	le := binary.LittleEndian
	f := make([]byte, 56)
	le.PutUint16(f, 0x123b)
	le.PutUint16(f[2:], 2)
	le.PutUint32(f[4:], 1)
	le.PutUint64(f[16:], ino)
	le.PutUint64(f[40:], uint64(off/8192*16))
	le.PutUint32(f[48:], 16)
	le.PutUint32(f[52:], uint32(off%8192))
	core := make([]byte, 0, 96)
	for _, width := range []int{2, 2, 1, 1, 2, 4, 4, 4, 2, 2, 1, 1, 1, 1, 1, 1, 2, 4, 4, 4, 4, 4, 4, 8, 8, 4, 4, 2, 1, 1, 4, 2, 2, 4} {
		field := slices.Clone(disk[len(core) : len(core)+width])
		slices.Reverse(field)
		core = append(core, field...)
	}
	if extents == nil {
		return [][]byte{f, core}
	}
	le.PutUint16(f[2:], 3)
	le.PutUint32(f[4:], 1|4)
	le.PutUint16(f[10:], uint16(len(extents)))
	return [][]byte{f, core, extents}
}
