package extract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract"
)

// TestDispatch: the walk asks once for each file of the disk, so the answer costs no allocation and, for the names of most files, no look at the inode.
func TestDispatch(t *testing.T) {
	wants := extract.Dispatch()
	cases := []struct{ dir, base, want string }{
		{"usr/lib/python3/dist-packages/x-1.dist-info", "METADATA", "python"},
		{"srv/app/node_modules/a", "package.json", "node"},
		{"srv/app", "package.json", ""},
		{"srv/app", "package-lock.json", "npm-lock"},
		{"srv/app/node_modules/a", "package-lock.json", ""},
		{"opt/conda/conda-meta", "a-1-0.json", "conda"},
		{"srv/app", "a.deps.json", "dotnet"},
		{"srv/app", "tsconfig.json", ""},
		{"var/lib/gems/3.1.0/specifications", "a-1.gemspec", "gem"},
		{"srv", "requirements.txt", "requirements"},
		{"usr/share/doc", "README.txt", ""},
		{"usr/share/man/man1", "ls.1.gz", ""},
		{"usr/include", "stdio.h", ""},
		{"opt", "x.jar", "java-archive"},
		{"usr/lib/python3", "a.py", ""},
	}
	for _, c := range cases {
		if got := wants(c.dir, c.base, noInode{}); got != c.want {
			t.Errorf("%s/%s: got %q, want %q", c.dir, c.base, got, c.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, c := range cases {
			wants(c.dir, c.base, noInode{})
		}
	}); n != 0 {
		t.Errorf("got %v allocations for %d files, want none", n, len(cases))
	}
}

// noInode fails the test that looks at its inode.
type noInode struct{ fs.DirEntry }

func (noInode) Info() (fs.FileInfo, error) { panic("the inode was looked at") }

func TestRoots(t *testing.T) {
	root := t.TempDir()
	write(t, root, "etc/os-release", debian12)
	write(t, root, "var/lib/dpkg/status", oneDpkg)
	write(t, root, "usr/lib/python3/a.dist-info/METADATA", "Name: a\nVersion: 1\n")
	write(t, root, "usr/lib/node/node_modules/b/package.json", `{"name":"b","version":"1.0.0"}`)
	write(t, root, "opt/app/c.dist-info/METADATA", "Name: c\nVersion: 1\n")
	write(t, root, "srv/d.dist-info/METADATA", "Name: d\nVersion: 1\n")
	link(t, root, "usr/lib64", "lib")
	link(t, root, "data", "/opt")
	inv := run(t, os.DirFS(root), extract.Options{Roots: append(extract.AgentRoots(), "/data/", "/usr/lib/python3")})
	if diff := cmp.Diff([]string{"dpkg a 1:2-3", "python a 1", "python c 1", "node b 1.0.0"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	want := []string{"/data", "/opt", "/usr/lib", "/usr/lib/python3", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/var/lib/dpkg/status", "/var/lib/flatpak", "/var/lib/snapd"}
	if diff := cmp.Diff(want, inv.Covered); diff != "" || len(inv.Gaps) != 0 {
		t.Errorf("gaps %q %s", reasons(inv), diff)
	}
	if inv := run(t, os.DirFS(root), extract.Options{}); len(inv.Packages) != 5 || len(inv.Covered) != 1 || inv.Covered[0] != "/" {
		t.Errorf("got %q of %q", short(inv), inv.Covered)
	}
	t.Run("faults", func(t *testing.T) {
		link(t, root, "loop", "loop")
		write(t, root, "file", "x")
		inv := run(t, os.DirFS(root), extract.Options{Roots: []string{"/loop", "/file"}})
		wantGap(t, inv, "/loop", "symbolic links")
		wantGap(t, inv, "/file", "directory")
		if _, _, err := extract.Extract(t.Context(), os.DirFS(root), extract.Options{Roots: []string{filepath.Join("usr", "lib")}}); err == nil {
			t.Error("got no error of a root that is not absolute")
		}
	})
}
