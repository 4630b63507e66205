package thin_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/lvm/thin"
	"hinomi/internal/source/disk/volume"
)

const chunk = 64 << 10

// restore makes the metadata of a pool from XML with the tool of device mapper.
func restore(t testing.TB, xml string) []byte {
	t.Helper()
	tool := ""
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "thin_restore")); err == nil {
			tool = filepath.Join(dir, "thin_restore")
		}
	}
	if tool == "" {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal("NOT TESTED: thin_restore is not installed")
		}
		t.Skip("NOT TESTED: thin_restore is not installed")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "xml"), filepath.Join(dir, "meta")
	if err := os.WriteFile(in, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(tool, "-i", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// numbered is a data device of which each 8 bytes say where they stand.
type numbered int64

func (n numbered) Size() int64 { return int64(n) }

func (n numbered) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i)
		if at >= int64(n) {
			return i, io.EOF
		}
		p[i] = byte(at / 8 >> (at % 8 * 8))
	}
	return len(p), nil
}

// mapOf is where a chunk of the made volume lies: backwards, with holes.
func mapOf(i int64) (at int64, ok bool) { return 39_999 - i, i%7 != 3 }

// pool makes a pool with a volume 5 of 40,000 chunks, whose tree has three
// levels, and two small ones.
func pool(t testing.TB) []byte {
	var b strings.Builder
	b.WriteString(`<superblock uuid="" time="1" transaction="1" data_block_size="128" nr_data_blocks="50000">`)
	b.WriteString(`<device dev_id="1" mapped_blocks="1" transaction="0" creation_time="0" snap_time="0"><single_mapping origin_block="9" data_block="40000" time="0"/></device>`)
	b.WriteString(`<device dev_id="5" mapped_blocks="34286" transaction="0" creation_time="0" snap_time="0">`)
	for i := range int64(40_000) {
		if at, ok := mapOf(i); ok {
			fmt.Fprintf(&b, `<single_mapping origin_block="%d" data_block="%d" time="1"/>`, i, at)
		}
	}
	b.WriteString(`</device><device dev_id="70000" mapped_blocks="0" transaction="0" creation_time="0" snap_time="0"></device></superblock>`)
	return restore(t, b.String())
}

// TestVolume reads a volume chunk by chunk as the XML maps it.
func TestVolume(t *testing.T) {
	data := numbered(50_000 * chunk)
	p, err := thin.Open(disktest.Memory(pool(t)), data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Volume(5, 40_010*chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, want := make([]byte, 40), make([]byte, 40)
	for i := range int64(40_010) {
		at, ok := mapOf(i)
		clear(want)
		if ok = ok && i < 40_000; ok {
			_, _ = data.ReadAt(want, at*chunk+1000)
		}
		if _, err := v.ReadAt(got, i*chunk+1000); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("chunk %d: got %x, %v, want %x", i, got, err, want)
		}
	}
	whole := make([]byte, 3*chunk) // a read over a hole and chunks that lie apart
	if n, err := v.ReadAt(whole, 2*chunk); n != len(whole) || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	_, _ = data.ReadAt(want, 39_997*chunk)
	if !bytes.Equal(whole[:40], want) || !bytes.Equal(whole[chunk:2*chunk], make([]byte, chunk)) {
		t.Error("a read over several chunks is not what they hold")
	}
	if n, err := v.ReadAt(make([]byte, 10), v.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := p.Volume(70_000, chunk, nil); err != nil {
		t.Errorf("a volume without mappings: %v", err)
	}
	for _, id := range []uint64{0, 2, 6, 80_000} {
		if _, err := p.Volume(id, chunk, nil); !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("volume %d: got %v", id, err)
		}
	}
}

// told is a data device that notes what it was told of.
type told struct {
	numbered
	ranges [][2]int64
}

func (d *told) Prefetch(off, length int64) { d.ranges = append(d.ranges, [2]int64{off, length}) }

// TestPrefetch holds that the chunks of the pool are announced, and that a hole is not.
func TestPrefetch(t *testing.T) {
	data := &told{numbered: 50_000 * chunk}
	p, err := thin.Open(disktest.Memory(pool(t)), data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Volume(5, 40_010*chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	volume.Prefetch(v, 2*chunk+100, 3*chunk)
	want := [][2]int64{{39_997*chunk + 100, chunk - 100}, {39_995 * chunk, chunk}, {39_994 * chunk, 100}}
	if d := cmp.Diff(want, data.ranges); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// sum is the checksum of a metadata block, written down a second time.
func sum(block []byte, salt uint32) uint32 {
	return crc32.Checksum(block[4:], crc32.MakeTable(crc32.Castagnoli)) ^ 0xffffffff ^ salt
}

func seal(meta []byte, block uint64) {
	salt := uint32(121107)
	if block == 0 {
		salt = 160774
	}
	b := meta[block*4096:][:4096]
	binary.LittleEndian.PutUint32(b, sum(b, salt))
}

// TestHostile gives nodes right checksums and wrong contents.
func TestHostile(t *testing.T) {
	whole := pool(t)
	le := binary.LittleEndian
	top := le.Uint64(whole[320:])
	root := func(meta []byte) uint64 { // of volume 5: the second value of the top node
		b := meta[top*4096:][:4096]
		return le.Uint64(b[32+8*le.Uint32(b[20:])+8:])
	}(whole)
	node := func(meta []byte, block uint64) []byte { return meta[block*4096:][:4096] }
	values := func(b []byte) []byte { return b[32+8*le.Uint32(b[20:]):] }
	cases := []struct {
		name string
		with func(meta []byte) uint64 // returns the block to seal
	}{
		{"loop", func(m []byte) uint64 {
			b := node(m, root)
			for i := range le.Uint32(b[16:]) {
				le.PutUint64(values(b)[8*i:], root)
			}
			return root
		}},
		{"beyond", func(m []byte) uint64 { le.PutUint64(values(node(m, root)), 1<<60); return root }},
		{"to_superblock", func(m []byte) uint64 { le.PutUint64(values(node(m, root)), 0); return root }},
		{"count", func(m []byte) uint64 { le.PutUint32(node(m, root)[16:], 1<<31); return root }},
		{"most", func(m []byte) uint64 { le.PutUint32(node(m, root)[20:], 1<<31); return root }},
		{"value_size", func(m []byte) uint64 { le.PutUint32(node(m, root)[24:], 4096); return root }},
		{"value_size_zero", func(m []byte) uint64 { le.PutUint32(node(m, root)[24:], 0); return root }},
		{"empty", func(m []byte) uint64 { le.PutUint32(node(m, root)[16:], 0); return root }},
		{"flags", func(m []byte) uint64 { le.PutUint32(node(m, root)[4:], 3); return root }},
		{"order", func(m []byte) uint64 { le.PutUint64(node(m, root)[32+8:], 0); return root }},
		{"elsewhere", func(m []byte) uint64 { le.PutUint64(node(m, root)[8:], 77); return root }},
		{"other_tree", func(m []byte) uint64 { le.PutUint64(values(node(m, root)), le.Uint64(m[328:])); return root }},
		{"top_beyond", func(m []byte) uint64 { le.PutUint64(m[320:], 1<<50); return 0 }},
		{"details_gone", func(m []byte) uint64 { le.PutUint64(m[328:], 0); return 0 }},
		{"feature", func(m []byte) uint64 { le.PutUint32(m[360:], 8); return 0 }},
		{"version", func(m []byte) uint64 { le.PutUint32(m[40:], 9); return 0 }},
		{"chunk", func(m []byte) uint64 { le.PutUint32(m[336:], 1); return 0 }},
		{"block_size", func(m []byte) uint64 { le.PutUint32(m[340:], 16); return 0 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			meta := bytes.Clone(whole)
			seal(meta, c.with(meta))
			if err := readOne(meta, 5, 0); !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, block := range []uint64{0, top, root, le.Uint64(whole[328:])} {
		meta := bytes.Clone(whole)
		meta[block*4096+2000] ^= 1
		if err := readOne(meta, 5, 0); !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("block %d changed: got %v", block, err)
		}
	}
	// A mapping past the end of the data device.
	p, err := thin.Open(disktest.Memory(whole), numbered(100*chunk))
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Volume(5, 40_000*chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReadAt(make([]byte, 10), 0); !errors.Is(err, volume.ErrCorrupt) {
		t.Errorf("beyond the data device: %v", err)
	}
}

func readOne(meta []byte, id uint64, at int64) error {
	p, err := thin.Open(disktest.Memory(meta), numbered(50_000*chunk))
	if err != nil {
		return err
	}
	v, err := p.Volume(id, 40_000*chunk, nil)
	if err != nil {
		return err
	}
	_, err = v.ReadAt(make([]byte, 8192), at)
	return err
}

// TestNeedsCheck holds that a pool in need of a check is said to be.
func TestNeedsCheck(t *testing.T) {
	meta := pool(t)
	meta[4] |= 1
	seal(meta, 0)
	p, err := thin.Open(disktest.Memory(meta), numbered(chunk))
	if err != nil || len(p.Notes()) != 1 {
		t.Errorf("got %v, %v", p, err)
	}
}

// FuzzPool changes a small pool whose checksums are made right again.
func FuzzPool(f *testing.F) {
	whole := restore(f, `<superblock uuid="" time="0" transaction="0" data_block_size="128" nr_data_blocks="50"><device dev_id="5" mapped_blocks="2" `+
		`transaction="0" creation_time="0" snap_time="0"><range_mapping origin_begin="1" data_begin="3" length="2" time="0"/></device></superblock>`)
	f.Add(whole[:12*4096], uint64(5), int64(chunk))
	f.Fuzz(func(t *testing.T, meta []byte, id uint64, at int64) {
		if len(meta) > 1<<20 {
			return
		}
		meta = bytes.Clone(meta)
		for block := range len(meta) / 4096 {
			seal(meta, uint64(block))
		}
		_ = readOne(meta, id, at)
	})
}
