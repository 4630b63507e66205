package ntfs_test

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/ntfs"
	"hinomi/internal/source/disk/volume"
)

var renew = flag.Bool("update", false, "make the seeds of testdata again, with ntfs-3g and wimlib")

const seedName = "testdata/seed.img.gz"

// memory is a device in memory.
type memory struct{ *bytes.Reader }

func unpacked(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	r := bzip2.NewReader(f)
	if filepath.Ext(name) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sums are the SHA-256 of all files of an image.
func sums(t testing.TB, raw []byte) (map[string]string, volume.Info) {
	t.Helper()
	fsys, err := ntfs.Open(memory{bytes.NewReader(raw)})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out[name] = sum(t, fsys, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, fsys.Info()
}

// TestPublished reads volumes that Windows made; the sums are those of ntfscat (ntfs-3g 2022.10.3).
func TestPublished(t *testing.T) {
	for _, c := range []struct {
		name, label string
		want        map[string]string
	}{
		{"test.ntfs.dd.gz", "Test Volume", map[string]string{
			"ones.bin": "396d2ca10e09a4a70bed0dcf580c13d5608e59c433b8592fd3d1f0ccd87244ce",
			"Folder A/Folder B/Hello world text document.txt":                       "c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a",
			"$RECYCLE.BIN/S-1-5-21-2378245050-552909339-522783033-1001/desktop.ini": "e1b9ce9b57957b1a0607a72a057d6b7a9b34ea60f3f8aa8f38a3af979bd23066",
			"System Volume Information/IndexerVolumeGuid":                           "b2c8be3b3e2771cdd057ef75fec23072f3efa4ff0dda55fc4c80bd8661596b07",
			"System Volume Information/WPSettings.dat":                              "3feff4c0326f99ec72a7704543298857984d102222a192aa027fe7aa783863dc",
		}},
		{"charlie.dd.bz2", "Charlie", map[string]string{
			"Nine.txt": "cd841188f2034920150512139f5decc6b13e6af52b49522395aebe292bf2c6df",
			"System Volume Information/WPSettings.dat": "497ab92256a487c3f57187c10b5cb9b67ab95490b251a710d9231c1e4862e1c6",
		}},
	} {
		t.Run(c.label, func(t *testing.T) {
			got, info := sums(t, unpacked(t, filepath.Join("testdata", c.name)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ntfscat -, got +:\n%s", diff)
			}
			if info.Label != c.label || len(info.Notes) != 0 {
				t.Errorf("got %+v", info)
			}
		})
	}
}

// makeSeed writes a small image with a bit of everything.
func makeSeed(t *testing.T) []byte {
	t.Helper()
	image := mkntfs(t, 4<<20, "-c", "512", "-z", "4")
	mounted(t, image, func(dir string) {
		write(t, filepath.Join(dir, "Windows/System32/config/SOFTWARE"), []byte("hive"))
		for i := range 60 {
			write(t, filepath.Join(dir, fmt.Sprintf("many/a-rather-long-name-%s-%02d", strings.Repeat("x", 60), i)), fmt.Appendf(nil, "%d", i))
		}
		compressing(t, dir)
		write(t, filepath.Join(dir, "compressed/small"), prose(4, 3000))
		write(t, filepath.Join(dir, "compressed/prose"), prose(7, 40_000))
		a, err := os.Create(filepath.Join(dir, "fragments"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.Create(filepath.Join(dir, "between"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			_, errA := a.WriteAt(bytes.Repeat([]byte{byte(i)}, 512), int64(i)*65536)
			_, errB := b.WriteAt([]byte{byte(i)}, int64(i)*512)
			if err := errors.Join(errA, errB); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
		for name, method := range map[string]string{"xpress": "XPRESS", "lzx": "LZX"} {
			data, chunk, algorithm := prose(8, 50_000), 4096, uint32(0)
			if method == "LZX" {
				chunk, algorithm = 32768, 1
			}
			full := filepath.Join(dir, name)
			write(t, full, nil)
			if err := os.Truncate(full, int64(len(data))); err != nil {
				t.Fatal(err)
			}
			write(t, full+":WofCompressedData", wimChunks(t, data, method, chunk))
			setxattr(t, full, "system.ntfs_reparse_data", reparsePoint(0x80000017, words(1, 2, 1, algorithm)))
		}
		write(t, filepath.Join(dir, "link"), nil)
		setxattr(t, filepath.Join(dir, "link"), "system.ntfs_reparse_data", reparsePoint(0xa000000c, linkData(`\??\C:\windows\system32\config\software`, 0)))
	})
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestSeed reads the seed whole, so that FuzzOpen begins with what works, and without the tools that made it.
func TestSeed(t *testing.T) {
	if *renew {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(makeSeed(t)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(z.Close(), os.WriteFile(seedName, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	raw := unpacked(t, seedName)
	fsys, err := ntfs.Open(memory{bytes.NewReader(raw)})
	if err != nil {
		t.Fatal(err)
	}
	fragments := make([]byte, 399*65536+512)
	for i := range 400 {
		copy(fragments[i*65536:], bytes.Repeat([]byte{byte(i)}, 512))
	}
	for name, want := range map[string][]byte{
		"windows/system32/config/software": []byte("hive"), "link": []byte("hive"), "compressed/prose": prose(7, 40_000), "compressed/small": prose(4, 3000),
		"xpress": prose(8, 50_000), "lzx": prose(8, 50_000), "fragments": fragments,
	} {
		if got, err := fs.ReadFile(fsys, name); !bytes.Equal(got, want) || err != nil {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}
	if entries, err := fsys.ReadDir("many"); len(entries) != 60 || err != nil {
		t.Errorf("got %d entries, %v", len(entries), err)
	}
	if info := fsys.Info(); len(info.Gaps) != 0 {
		t.Errorf("got %+v", info)
	}
}

// FuzzOpen changes bytes of the seed: data is a list of places, each among the sectors that are not empty, with a new value.
func FuzzOpen(f *testing.F) {
	seed := unpacked(f, seedName)
	var used []int
	for at := 0; at < len(seed); at += 512 {
		if len(bytes.Trim(seed[at:at+512], "\x00")) > 0 {
			used = append(used, at)
		}
	}
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 13, 1})
	f.Add([]byte{0, 20, 0, 60, 0xff, 0, 30, 0, 100, 0x80, 0, 40, 1, 0, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := bytes.Clone(seed)
		for ; len(data) >= 5; data = data[5:] {
			raw[used[int(binary.BigEndian.Uint16(data))%len(used)]+int(binary.BigEndian.Uint16(data[2:])%512)] = data[4]
		}
		fsys, err := ntfs.Open(memory{bytes.NewReader(raw)})
		if err != nil {
			if !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrUnsupported) && !errors.Is(err, volume.ErrLimit) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error without a kind: %v", err)
			}
			return
		}
		readAll(t, fsys)
	})
}

// FuzzDecompress gives any bytes to the methods of compression.
func FuzzDecompress(f *testing.F) {
	seed := unpacked(f, seedName)
	f.Add(uint16(4096), []byte{0x01, 0xb0, 0, 'a', 'b'})
	for at := 0; at+4096 <= len(seed); at += 64 << 10 {
		f.Add(uint16(32768), seed[at:at+4096])
	}
	f.Fuzz(func(t *testing.T, size uint16, data []byte) {
		for name, unpack := range ntfs.Decompressors() {
			if err := unpack(make([]byte, size), data); err != nil && !errors.Is(err, volume.ErrCorrupt) {
				t.Errorf("%s: error without a kind: %v", name, err)
			}
		}
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
		_, _ = fsys.Stat(strings.ToUpper(name))
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
