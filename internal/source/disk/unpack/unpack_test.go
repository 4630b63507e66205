package unpack_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// text is 300 KiB of which some repeats near, some far, and some not at all.
func text() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 300<<10; i++ {
		b.WriteString(strings.Repeat("abc", i%7))
		b.Write(disktest.Noise(i % 50))
		b.Write(bytes.Repeat([]byte{byte(i)}, i%300))
	}
	return b.Bytes()
}

// decoders gives each decoder and a block of it that gives text, with something behind.
func decoders(t testing.TB) map[string]struct {
	unpack func(dst, src []byte) (int, error)
	block  []byte
} {
	t.Helper()
	z, err := unpack.NewZstd(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	var zl, fl bytes.Buffer
	zw := zlib.NewWriter(&zl)
	fw, err := flate.NewWriter(&fl, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write(b []byte) (int, error)
		Close() error
	}{zw, fw} {
		if _, err := w.Write(text()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ze, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	type decoder = struct {
		unpack func(dst, src []byte) (int, error)
		block  []byte
	}
	return map[string]decoder{
		"zlib": {unpack.Zlib, zl.Bytes()}, "deflate": {unpack.Deflate, fl.Bytes()}, "zstd": {z.Unpack, ze.EncodeAll(text(), nil)},
	}
}

// TestStreams unpacks what other programs packed, also with zeros behind, and nothing that is longer or shorter than it should be.
func TestStreams(t *testing.T) {
	for name, d := range decoders(t) {
		t.Run(name, func(t *testing.T) {
			want := text()
			check(t, d.unpack, d.block, want)
			if name == "deflate" {
				return // bare: it may be cut
			}
			if _, err := d.unpack(make([]byte, len(want)-1), d.block); !errors.Is(err, volume.ErrCorrupt) {
				t.Errorf("too little room: got %v", err)
			}
		})
	}
}

func check(t *testing.T, fn func(dst, src []byte) (int, error), block, want []byte) {
	t.Helper()
	for _, src := range [][]byte{block, append(bytes.Clone(block), make([]byte, 4096)...)} {
		got := make([]byte, len(want)+10)
		n, err := fn(got, src)
		if err != nil || !bytes.Equal(got[:n], want) {
			t.Errorf("%d bytes of %d, %v", n, len(want), err)
		}
	}
}

// TestXZ holds the decoder against the program xz, with each of its checksums and every form of its properties.
func TestXZ(t *testing.T) {
	if _, err := exec.LookPath("xz"); err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal("xz is missing")
		}
		t.Skip("SKIPPED, NOTHING TESTED: xz is missing")
	}
	for _, args := range [][]string{
		{"-6"},
		{"-0", "--check=crc32"},
		{"-1", "--check=none"},
		{"-1", "--check=sha256", "--block-size=65536"},
		{"--lzma2=preset=1,lc=0,lp=4,pb=0"},
		{"--lzma2=preset=1,lc=4,lp=0,pb=4"},
		{"--lzma2=preset=4e,lc=1,lp=2,pb=3"},
	} {
		for _, want := range [][]byte{text(), disktest.Noise(70_000), bytes.Repeat([]byte("x"), 1<<20), {}, []byte("short")} {
			cmd := exec.CommandContext(t.Context(), "xz", append([]string{"-c", "-T1"}, args...)...)
			cmd.Stdin = bytes.NewReader(want)
			block, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			check(t, unpack.XZ, block, want)
			for _, at := range []int{2, 7, 13, len(block) / 3} {
				bad := bytes.Clone(block)
				bad[at] ^= 0x10
				got := make([]byte, len(want))
				if n, err := unpack.XZ(got, bad); err == nil && !strings.Contains(args[len(args)-1], "none") && !bytes.Equal(got[:n], want) {
					t.Errorf("%v: byte %d changed: other bytes and no error", args, at)
				}
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "xz", "-c", "--x86", "--lzma2=preset=1")
	cmd.Stdin = bytes.NewReader(text())
	block, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack.XZ(make([]byte, 1<<20), block); !errors.Is(err, volume.ErrUnsupported) {
		t.Errorf("a filter before LZMA2: got %v", err)
	}
}

// TestBlocks unpacks blocks of LZ4 and LZO that were written by hand, from their descriptions.
func TestBlocks(t *testing.T) {
	lz4 := func(dst, src []byte) (int, error) { return unpack.LZ4(dst, src, false) }
	part := func(dst, src []byte) (int, error) { return unpack.LZ4(dst, src, true) }
	for _, tt := range []struct {
		name   string
		unpack func(dst, src []byte) (int, error)
		src    string
		room   int
		want   string // "-" for an error
	}{
		{"lz4_literals", lz4, "\x50hello", 5, "hello"},
		{"lz4_match", lz4, "\x22ab\x02\x00\x10c", 99, "abababab" + "c"},
		{"lz4_long_match", lz4, "\x1fa\x01\x00\x05\x00", 99, strings.Repeat("a", 25)},
		{"lz4_long_literals", lz4, "\xf0\x01" + strings.Repeat("q", 16), 99, strings.Repeat("q", 16)},
		{"lz4_room", lz4, "\x50hello", 4, "-"},
		{"lz4_part", part, "\x50hello", 4, "hell"},
		{"lz4_part_of_match", part, "\x22ab\x02\x00\x10c", 4, "abab"},
		{"lz4_far", lz4, "\x12a\x02\x00\x10c", 99, "-"},
		{"lz4_distance_0", lz4, "\x12a\x00\x00\x10c", 99, "-"},
		{"lz4_cut", lz4, "\x50hel", 99, "-"},
		{"lz4_ends_with_match", lz4, "\x22ab\x02\x00", 99, "-"},
		{"lzo_literals", unpack.LZO, "\x16hello\x11\x00\x00", 5, "hello"},
		{"lzo_match", unpack.LZO, "\x16hello\x22\x10\x00z\x00\x11\x00\x00", 99, "-"},
		{"lzo_room", unpack.LZO, "\x16hello\x11\x00\x00", 4, "-"},
		{"lzo_no_end", unpack.LZO, "\x16hello", 99, "-"},
		{"lzo_variant", unpack.LZO, "\x11\x01\x16hello\x11\x00\x00", 99, "-"},
		{"lzo_far", unpack.LZO, "\x16hello\x40\x70\x11\x00\x00", 99, "-"},
		{"lzo_near", unpack.LZO, "\x16hello\x50\x00\x11\x00\x00", 99, "hello" + "hel"},
		{"lzo_literal_after", unpack.LZO, "\x16hello\x51\x00!\x11\x00\x00", 99, "hello" + "hel" + "!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dst := make([]byte, tt.room)
			n, err := tt.unpack(dst, []byte(tt.src))
			got := string(dst[:n])
			if err != nil {
				got = "-"
				if !errors.Is(err, volume.ErrCorrupt) {
					t.Errorf("error of no kind: %v", err)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// FuzzUnpack gives any bytes to every decoder: none may write more than there is room for, none may say that it wrote more.
func FuzzUnpack(f *testing.F) {
	z, err := unpack.NewZstd(1 << 17)
	if err != nil {
		f.Fatal(err)
	}
	all := []func(dst, src []byte) (int, error){
		unpack.Zlib, unpack.Deflate, z.Unpack, unpack.LZO, unpack.XZ,
		func(dst, src []byte) (int, error) { return unpack.LZ4(dst, src, false) },
		func(dst, src []byte) (int, error) { return unpack.LZ4(dst, src, true) },
	}
	for name, d := range decoders(f) {
		f.Add([]byte(name), uint16(100))
		f.Add(d.block[:200], uint16(5000))
	}
	f.Add([]byte("\x22ab\x02\x00\x10c"), uint16(9))
	f.Add([]byte("\x16hello\x51\x00!\x11\x00\x00"), uint16(9))
	// xz -0 of "hinomi hinomi hinomi\n"
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F"), uint16(30))
	f.Fuzz(func(t *testing.T, src []byte, room uint16) {
		for i, fn := range all {
			whole := make([]byte, int(room)+8)
			dst := whole[:room:room]
			n, err := fn(dst, src)
			if n > len(dst) || !bytes.Equal(whole[room:], make([]byte, 8)) {
				t.Errorf("decoder %d: %d bytes into %d (%v)", i, n, len(dst), err)
			}
			if err != nil && !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrUnsupported) {
				t.Errorf("decoder %d: error of no kind: %v", i, err)
			}
		}
	})
}
