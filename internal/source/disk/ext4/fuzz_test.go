package ext4_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/source/disk/ext4"
	"hinomi/internal/source/disk/volume"
)

// seeds are the images of testdata by name.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.img.gz")
	if err != nil || len(names) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(name), ".img.gz")] = raw
	}
	return out
}

// memory is a device in memory.
type memory struct{ *bytes.Reader }

// TestSeeds reads the seeds whole, so that FuzzOpen begins with what works.
func TestSeeds(t *testing.T) {
	for name, raw := range seeds(t) {
		fsys, err := ext4.Open(memory{bytes.NewReader(raw)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, file := range []string{"etc/os-release", "fast", "hard"} {
			if data, err := fs.ReadFile(fsys, file); err != nil || string(data) != "ID=seed\n" {
				t.Errorf("%s: %s: got %q, %v", name, file, data, err)
			}
		}
		late := strings.HasPrefix(name, "journal") || strings.HasPrefix(name, "fast")
		if data, err := fs.ReadFile(fsys, "late/f5"); late && (err != nil || string(data) != "end") {
			t.Errorf("%s: late/f5: got %q, %v", name, data, err)
		}
		if data, err := fs.ReadFile(fsys, "late/f3"); late && (err != nil || string(data) != "late 2") {
			t.Errorf("%s: late/f3: got %q, %v", name, data, err)
		}
		if notes := strings.Join(fsys.Info().Notes, " "); late && !strings.Contains(notes, "journal replayed") || name == "fast_commit" && !strings.Contains(notes, "fast commits replayed") {
			t.Errorf("%s: notes %q", name, notes)
		}
		if _, errs := walkAll(t, fsys); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

// FuzzOpen changes bytes of the seeds: data is a list of places, each among the
// blocks that are not empty, with a new value.
func FuzzOpen(f *testing.F) {
	var images [][]byte
	var used [][]int64 // offsets of the blocks that are not empty
	for _, name := range []string{"ext2", "extents", "inline", "checksums", "journal", "journal_csum", "fast_commit"} {
		raw := seeds(f)[name]
		var blocks []int64
		for at := 0; at < len(raw); at += 1024 {
			if len(bytes.Trim(raw[at:at+1024], "\x00")) > 0 {
				blocks = append(blocks, int64(at))
			}
		}
		f.Add(uint8(len(images)), []byte{})
		f.Add(uint8(len(images)), []byte{0, 2, 0, 0, 0xff, 0, 1, 0, 0, 0x80, 0, 4, 0, 0x28, 1})
		images, used = append(images, raw), append(used, blocks)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		i := int(which) % len(images)
		raw := bytes.Clone(images[i])
		for ; len(data) >= 5; data = data[5:] {
			block := used[i][int(binary.BigEndian.Uint16(data))%len(used[i])]
			raw[block+int64(binary.BigEndian.Uint16(data[2:])%1024)] = data[4]
		}
		fsys, err := ext4.Open(memory{bytes.NewReader(raw)})
		if err != nil {
			if !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrUnsupported) && !errors.Is(err, volume.ErrLimit) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error without a kind: %v", err)
			}
			return
		}
		readAll(t, fsys)
	})
}

// readAll reads names, links and the beginnings and ends of files.
func readAll(t testing.TB, fsys volume.FS) {
	t.Helper()
	names := 0
	buf := make([]byte, 64<<10)
	_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if names++; names > 2000 {
			t.Fatal("the walk does not end")
		}
		if err != nil || d.IsDir() {
			return nil
		}
		_, _ = fsys.ReadLink(name)
		_, _ = fsys.Stat(name)
		opened, err := fsys.Open(name)
		if err != nil {
			return nil
		}
		defer func() { _ = opened.Close() }()
		info, err := opened.Stat()
		if err != nil || info.Size() < 0 {
			t.Errorf("%q: %v", name, err)
			return nil
		}
		if file, ok := opened.(volume.File); ok {
			_, _ = file.ReadAt(buf, 0)
			_, _ = file.ReadAt(buf, max(info.Size()-1000, 0))
		}
		return nil
	})
	_ = fsys.Info()
}
