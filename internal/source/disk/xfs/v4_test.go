package xfs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
