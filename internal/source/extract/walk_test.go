package extract_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract"
)

func write(t testing.TB, root, name, text string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, root, name, target string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		t.Fatal(err)
	}
}

const oneDpkg = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3\nSource: src (9)\n"

// A folder's links must not lead into this machine's own files, and must be followed where a real system has them.
func TestLinksStayInside(t *testing.T) {
	root := t.TempDir()
	write(t, root, "usr/lib/os-release", debian12)
	link(t, root, "etc/os-release", "/usr/lib/os-release") // absolute: this machine has one too
	write(t, root, "data/dpkg/status", oneDpkg)
	link(t, root, "var/lib/dpkg", "../../../../../../../data/dpkg")
	write(t, root, "opt/x.dist-info/METADATA", "Name: x\nVersion: 1\n")
	link(t, root, "opt/again", "../opt")
	link(t, root, "opt/outside", "/")
	link(t, root, "lib/apk/db/installed", "installed")
	inv := run(t, os.DirFS(root), extract.Options{})
	if inv.OS.PrettyName != "Debian GNU/Linux 12" {
		t.Errorf("got %+v, want the folder's own os-release", inv.OS)
	}
	if diff := cmp.Diff([]string{"dpkg a 1:2-3", "python x 1"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	p := inv.Packages[0]
	if p.SourceName != "src" || p.SourceVersion != "9" || p.PURL != "pkg:deb/debian/a@1:2-3?arch=amd64&distro=debian-12" && p.PURL != "pkg:deb/debian/a@1%3A2-3?arch=amd64&distro=debian-12" {
		t.Errorf("got %+v", p)
	}
	wantGap(t, inv, "/lib/apk/db/installed", "more than 40 symbolic links")
}

func TestPipeIsNotOpened(t *testing.T) {
	root := t.TempDir()
	write(t, root, "etc/os-release", debian12)
	for _, name := range []string{"var/lib/dpkg/status", "opt/x.jar"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inv := run(t, os.DirFS(root), extract.Options{}) // would wait for a writer
	wantGap(t, inv, "/var/lib/dpkg/status", "not a regular file")
}

func TestDeepFolders(t *testing.T) {
	deep := strings.Repeat("d/", 300)
	fsys := files(map[string]string{deep + "x.dist-info/METADATA": "Name: x\nVersion: 1\n", strings.Repeat("e/", 200) + "y.dist-info/METADATA": "Name: y\nVersion: 1\n"})
	inv := run(t, fsys, extract.Options{})
	if diff := cmp.Diff([]string{"python y 1"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	wantGap(t, inv, "/"+strings.TrimSuffix(strings.Repeat("d/", 256), "/"), "more than 255 folders deep")
}

func TestHugeFolderAndLoop(t *testing.T) {
	root := t.TempDir()
	for i := range 9000 {
		write(t, root, fmt.Sprintf("opt/p%05d.egg-info", i), fmt.Sprintf("Name: p%d\nVersion: 1\n", i))
	}
	inv := run(t, os.DirFS(root), extract.Options{})
	if len(inv.Packages) != 9000 || len(inv.Gaps) != 0 {
		t.Errorf("got %d packages, gaps %q", len(inv.Packages), reasons(inv))
	}
	// The same folder met under another path: no system call can make that, so a file system answers for it.
	write(t, root, "opt/again/x", "")
	if err := os.MkdirAll(filepath.Join(root, "opt/again"), 0o755); err != nil {
		t.Fatal(err)
	}
	inv = run(t, againFS{root}, extract.Options{})
	wantGap(t, inv, "/opt/again", "already walked under another path")
	if len(inv.Packages) != 9000 {
		t.Errorf("got %d packages", len(inv.Packages))
	}
}

// againFS opens any folder called again as its parent.
type againFS struct{ root string }

func (a againFS) Open(name string) (fs.File, error) {
	return os.DirFS(a.root).Open(strings.ReplaceAll(name, "/again", ""))
}

// brokenFS fails, panics or reads sequentially, as its files' names say.
type brokenFS struct{ fstest.MapFS }

var errIO = errors.New("input/output error")

func (b brokenFS) Open(name string) (fs.File, error) {
	f, err := b.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() && name != "refused" {
		return f, err
	}
	switch {
	case strings.Contains(name, "refused"):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	case strings.Contains(name, "panics"):
		return panicFile{f}, nil
	case strings.Contains(name, "sequential"):
		return plainFile{f}, nil
	case strings.Contains(name, "badblock"):
		return badFile{f}, nil
	}
	return f, nil
}

type plainFile struct{ fs.File }

type panicFile struct{ fs.File }

func (panicFile) ReadAt([]byte, int64) (int, error) { panic("a fault of a library") }

type badFile struct{ fs.File }

func (badFile) ReadAt([]byte, int64) (int, error) { return 0, errIO }

func TestBrokenFileSystem(t *testing.T) {
	m := files(map[string]string{
		"etc/os-release": debian12, "var/lib/dpkg/status": oneDpkg, "refused/x": "", "opt/refused.dist-info/METADATA": "Name: r\nVersion: 1\n",
		"opt/panics.dist-info/METADATA": "Name: r\nVersion: 1\n", "opt/sequential.dist-info/METADATA": "Name: s\nVersion: 1\n",
		"opt/badblock.dist-info/METADATA": "Name: b\nVersion: 1\n", "opt/sequential-long.egg-info": "Name: t\nVersion: 1\n" + strings.Repeat("x", 1000),
	})
	inv := run(t, brokenFS{m}, extract.Options{MaxFileBytes: 512})
	if diff := cmp.Diff([]string{"dpkg a 1:2-3", "python s 1"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	wantGap(t, inv, "/refused", "permission")
	wantGap(t, inv, "/opt/refused.dist-info/METADATA", "permission")
	wantGap(t, inv, "/opt/panics.dist-info/METADATA", "panicked", "a fault of a library")
	wantGap(t, inv, "/opt/badblock.dist-info/METADATA", "input/output error")
	wantGap(t, inv, "/opt/sequential-long.egg-info", "over the limit")
}

// liveFS is a folder with a mount table in it, as a live host's /proc has.
type liveFS struct {
	root, table string
	device      uint64 // what folders called mnt… lie on
}

func (l liveFS) Open(name string) (fs.File, error) {
	if name == "proc/self/mountinfo" {
		return fstest.MapFS{"t": {Data: []byte(l.table)}}.Open("t")
	}
	f, err := os.DirFS(l.root).Open(name)
	if name == "proc" && err == nil {
		return mountedFile{f.(fs.ReadDirFile), 999}, nil
	}
	if err != nil || !strings.HasPrefix(name, "mnt") {
		return f, err
	}
	return mountedFile{f.(fs.ReadDirFile), l.device}, nil
}

type mountedFile struct {
	fs.ReadDirFile
	device uint64
}

func (m mountedFile) Stat() (fs.FileInfo, error) {
	info, err := m.ReadDirFile.Stat()
	return mountedInfo{info, m.device}, err
}

func (m mountedFile) ReadAt(p []byte, off int64) (int, error) {
	return m.ReadDirFile.(io.ReaderAt).ReadAt(p, off)
}

type mountedInfo struct {
	fs.FileInfo
	device uint64
}

func (m mountedInfo) Sys() any {
	s := *m.FileInfo.Sys().(*syscall.Stat_t)
	s.Dev = m.device
	return &s
}

// TestSnapper: earlier states of a disk are not what is installed; a folder that only looks like one is walked.
func TestSnapper(t *testing.T) {
	meta := func(n string) string { return "Name: " + n + "\nVersion: 1\n" }
	inv := run(t, files(map[string]string{
		".snapshots/7/info.xml": "<snapshot/>", ".snapshots/7/snapshot/srv/old.dist-info/METADATA": meta("old"),
		".snapshots/8/snapshot/srv/bare.dist-info/METADATA": meta("bare"),
		"srv/snapshot/new.dist-info/METADATA":               meta("new"), "srv/info.xml": "x",
	}), extract.Options{})
	if diff := cmp.Diff([]string{"python bare 1", "python new 1"}, short(inv)); diff != "" || !slices.ContainsFunc(inv.Notes, func(n string) bool {
		return strings.HasPrefix(n, "/.snapshots/7/snapshot: not entered")
	}) {
		t.Errorf("notes %q: %s", inv.Notes, diff)
	}
}

func TestMountsOfALiveHost(t *testing.T) {
	root := t.TempDir()
	write(t, root, "mnt1/x.egg-info", "Name: x\nVersion: 1\n")
	write(t, root, "proc/x.egg-info", "Name: of-proc\nVersion: 1\n")
	info, err := os.Stat(root)
	if err != nil {
		t.Fatal(err)
	}
	dev := info.Sys().(*syscall.Stat_t).Dev
	major, minor := dev>>8&0xfff, dev&0xff|dev>>12&^0xff
	rootLine := fmt.Sprintf("1 0 %d:%d / / rw - ext4 /dev/vda rw\n", major, minor)
	for _, c := range []struct{ name, line, gap, note string }{
		{"none", "", "", ""},
		{"disk", "2 1 0:77 / /mnt1 rw - xfs /dev/vdb rw\n", "", ""},
		{"network", "2 1 0:77 / /mnt1 rw shared:1 - nfs4 server:/x rw\n", "a mount of type nfs4", ""},
		{"pseudo", "2 1 0:77 / /mnt1 rw - tmpfs tmpfs rw\n", "", "/mnt1: not entered, tmpfs"},
		{"elsewhere", "2 1 0:77 / /other rw - cifs //server/x rw\n", "a mount of type cifs", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := run(t, liveFS{root, rootLine + c.line, 77}, extract.Options{})
			if found := len(inv.Packages) == 1; found != (c.gap == "" && c.note == "") {
				t.Errorf("got %q", short(inv))
			}
			if c.gap != "" {
				wantGap(t, inv, "/mnt1", c.gap)
			}
			if !strings.Contains(strings.Join(inv.Notes, "\n"), c.note) {
				t.Errorf("got notes %q, want %q", inv.Notes, c.note)
			}
		})
	}
}
