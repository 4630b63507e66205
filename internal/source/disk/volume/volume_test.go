package volume_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/volume"
)

// inodes is a file system in memory: a folder is a list of entries, a file its
// bytes, a link its target.
type inodes struct {
	folders map[uint64][]volume.Entry
	files   map[uint64]string
	links   map[uint64]string
	fail    error // of Entries
	lists   int
}

func (m *inodes) Root() uint64      { return 1 }
func (m *inodes) Close() error      { return nil }
func (m *inodes) Info() volume.Info { return volume.Info{Type: "memory"} }

func (m *inodes) Inode(ino uint64) (*volume.Inode, error) {
	in := &volume.Inode{Stat: volume.Stat{Ino: ino}}
	if _, ok := m.folders[ino]; ok {
		in.Mode = fs.ModeDir | 0o755
		return in, nil
	}
	if _, ok := m.links[ino]; ok {
		in.Mode = fs.ModeSymlink | 0o777
		return in, nil
	}
	text, ok := m.files[ino]
	if !ok {
		return nil, fmt.Errorf("inode %d: %w", ino, volume.ErrCorrupt)
	}
	in.Mode, in.Size = 0o644, int64(len(text))
	return in, nil
}

func (m *inodes) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	m.lists++
	return append([]volume.Entry(nil), m.folders[dir.Stat.Ino]...), m.fail
}

func (m *inodes) Content(file *volume.Inode) (io.ReaderAt, error) {
	return strings.NewReader(m.files[file.Stat.Ino]), nil
}

func (m *inodes) Target(link *volume.Inode) (string, error) { return m.links[link.Stat.Ino], nil }

func folder(name string, ino uint64) volume.Entry {
	return volume.Entry{Name: name, Ino: ino, Type: fs.ModeDir, Typed: true}
}

func file(name string, ino uint64) volume.Entry {
	return volume.Entry{Name: name, Ino: ino, Typed: true}
}

func small() *inodes {
	return &inodes{
		folders: map[uint64][]volume.Entry{
			1: {folder("d", 2), file("f", 10), {Name: "l", Ino: 20}, {Name: "out", Ino: 21}},
			2: {file("g", 11), folder("e", 3), {Name: "up", Ino: 22}},
			3: {},
		},
		files: map[uint64]string{10: "file f", 11: "file g"},
		links: map[uint64]string{20: "d/g", 21: "../../../../f", 22: "/d/e/../g"},
	}
}

// TestTree holds that a tree behaves as io/fs says.
func TestTree(t *testing.T) {
	fsys := volume.NewTree(small())
	if err := fstest.TestFS(fsys, "d/g", "f", "l"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"f": "file f", "l": "file g", "out": "file f", "d/up": "file g"} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestNames refuses names that no folder can hold, and keeps the others.
func TestNames(t *testing.T) {
	m := small()
	m.folders[3] = []volume.Entry{
		file("..", 10), file(".", 10), file("a/b", 10), file("nul\x00", 10), file("", 10), file(strings.Repeat("x", 766), 10),
		file("twice", 10), file("twice", 11), file("new\nline", 10), file("\xff", 11),
		{Name: "untyped", Ino: 20},
		{Name: "gone", Ino: 99},
	}
	fsys := volume.NewTree(m)
	entries, err := fsys.ReadDir("d/e")
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprintf("%q %v", e.Name(), e.Type()))
	}
	want := []string{`"new\nline" ----------`, `"twice" ----------`, `"untyped" L---------`, `"\xff" ----------`}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), `name "a/b" holds a slash`) || !strings.Contains(err.Error(), `"twice" twice`) {
		t.Errorf("got %v", err)
	}
	if got, err := fs.ReadFile(fsys, "d/e/\xff"); err != nil || string(got) != "file g" {
		t.Errorf("a name that is not UTF-8: got %q, %v", got, err)
	}
	// What is not in a folder that was not wholly read is not known to be absent.
	if _, err := fsys.Stat("d/e/absent"); errors.Is(err, fs.ErrNotExist) || !errors.Is(err, volume.ErrCorrupt) {
		t.Errorf("absent: got %v", err)
	}
}

// TestLoops ends walks of folders that have many places: 40 folders, each of
// which holds the next one twice, would be 2^40 paths.
func TestLoops(t *testing.T) {
	m := &inodes{folders: map[uint64][]volume.Entry{}}
	for i := uint64(1); i < 40; i++ {
		m.folders[i] = []volume.Entry{folder("a", i+1), folder("b", i+1), folder("self", i), folder("top", 1)}
	}
	m.folders[40] = nil
	names, faults := 0, 0
	_ = fs.WalkDir(volume.NewTree(m), ".", func(_ string, _ fs.DirEntry, err error) error {
		names++
		if err != nil {
			faults++
			if !errors.Is(err, volume.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		}
		return nil
	})
	if names > 1000 || faults < 100 {
		t.Errorf("%d names, %d faults", names, faults)
	}
}

// TestDepth refuses folders that go too deep.
func TestDepth(t *testing.T) {
	m := &inodes{folders: map[uint64][]volume.Entry{}}
	for i := uint64(1); i < 400; i++ {
		m.folders[i] = []volume.Entry{folder("d", i+1)}
	}
	m.folders[400] = nil
	deepest, last := 0, error(nil)
	_ = fs.WalkDir(volume.NewTree(m), ".", func(name string, _ fs.DirEntry, err error) error {
		deepest, last = strings.Count(name, "/"), err
		return nil
	})
	if deepest != volume.MaxDepth || !errors.Is(last, volume.ErrLimit) {
		t.Errorf("depth %d, %v", deepest, last)
	}
}

// TestDeviceFails holds that a failed read of a folder is an error, and is not
// kept when the device answers again.
func TestDeviceFails(t *testing.T) {
	m := small()
	m.fail = errors.New("lost")
	m.folders[2] = nil
	fsys := volume.NewTree(m)
	if _, err := fsys.ReadDir("."); !errors.Is(err, m.fail) {
		t.Errorf("got %v", err)
	}
	if _, err := fsys.Stat("absent"); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	m.fail = nil
	if _, err := fsys.ReadDir("."); err != nil {
		t.Errorf("got %v", err)
	}
	lists := m.lists
	if _, err := fsys.Stat("absent"); !errors.Is(err, fs.ErrNotExist) || m.lists != lists {
		t.Errorf("got %v, listed %d times more", err, m.lists-lists)
	}
}

// TestSection holds that a section gives its bytes and no others.
func TestSection(t *testing.T) {
	whole := memory{bytes.NewReader([]byte("0123456789"))}
	s, err := volume.Section(whole, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if n, err := s.ReadAt(p, 1); n != 3 || !errors.Is(err, io.EOF) || string(p[:n]) != "456" {
		t.Errorf("got %q, %v", p[:n], err)
	}
	if n, err := s.ReadAt(p[:2], 2); n != 2 || err != nil || string(p[:n]) != "56" {
		t.Errorf("got %q, %v", p[:n], err)
	}
	beyond, err := volume.Section(whole, 8, 10)
	if err != nil || beyond.Size() != 10 {
		t.Fatalf("got %v", err)
	}
	if n, err := beyond.ReadAt(p, 0); n != 2 || err == nil {
		t.Errorf("past the device's end: %d, %v", n, err)
	}
	if _, err := volume.Section(whole, 1<<62, 1<<62); !errors.Is(err, volume.ErrCorrupt) {
		t.Errorf("overflow: %v", err)
	}
}

type memory struct{ *bytes.Reader }
