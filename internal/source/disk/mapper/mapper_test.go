package mapper_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/mapper"
	"hinomi/internal/source/disk/volume"
)

// random makes n bytes that are the same in every run.
func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return b
}

// TestRead compares reads of every kind of device with the bytes put together by hand.
func TestRead(t *testing.T) {
	raw := random(40_000)
	dev := disktest.Memory(raw)
	joined, err := mapper.Join(mapper.Piece{Dev: dev, Offset: 1000, Size: 3000}, mapper.Piece{Dev: dev, Size: 0}, mapper.Piece{Dev: dev, Offset: 20_000, Size: 7}, mapper.Piece{Dev: mapper.Zero(5000), Size: 5000})
	if err != nil {
		t.Fatal(err)
	}
	wantJoined := append(append(bytes.Clone(raw[1000:4000]), raw[20_000:20_007]...), make([]byte, 5000)...)
	striped, err := mapper.Stripe(512, mapper.Piece{Dev: dev, Offset: 0, Size: 2048}, mapper.Piece{Dev: dev, Offset: 10_000, Size: 2048}, mapper.Piece{Dev: dev, Offset: 30_000, Size: 2048})
	if err != nil {
		t.Fatal(err)
	}
	var wantStriped []byte
	for row := range 4 {
		for _, column := range []int{0, 10_000, 30_000} {
			wantStriped = append(wantStriped, raw[column+row*512:][:512]...)
		}
	}
	for name, c := range map[string]struct {
		dev  volume.Device
		want []byte
	}{"joined": {joined, wantJoined}, "striped": {striped, wantStriped}, "zero": {mapper.Zero(100), make([]byte, 100)}} {
		if c.dev.Size() != int64(len(c.want)) {
			t.Fatalf("%s: %d bytes, want %d", name, c.dev.Size(), len(c.want))
		}
		for off := 0; off <= len(c.want)+10; off += 13 {
			for _, n := range []int{0, 1, 511, 512, 513, 3000, 9000} {
				p := make([]byte, n)
				got, err := c.dev.ReadAt(p, int64(off))
				want := c.want[min(off, len(c.want)):min(off+n, len(c.want))]
				if !bytes.Equal(p[:got], want) || (got < n) != errors.Is(err, io.EOF) && n > 0 {
					t.Fatalf("%s: %d bytes at %d: got %d, %v, want %d", name, n, off, got, err, len(want))
				}
			}
		}
		if _, err := c.dev.ReadAt(make([]byte, 1), -1); !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("%s: before the start: %v", name, err)
		}
	}
}

// TestShort holds that what a piece lacks is an error, and no end.
func TestShort(t *testing.T) {
	dev, err := mapper.Join(mapper.Piece{Dev: disktest.Memory(make([]byte, 100)), Size: 200})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := dev.ReadAt(make([]byte, 150), 0); n != 100 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestRefused holds that no impossible device is made.
func TestRefused(t *testing.T) {
	dev := mapper.Zero(1 << 20)
	for name, pieces := range map[string][]mapper.Piece{
		"before":  {{Dev: dev, Offset: -1, Size: 1}},
		"minus":   {{Dev: dev, Size: -1}},
		"nothing": {{Size: 1}},
		"past":    {{Dev: dev, Offset: math.MaxInt64, Size: 1}},
		"sum":     {{Dev: dev, Size: math.MaxInt64}, {Dev: dev, Size: 1}},
	} {
		if _, err := mapper.Join(pieces...); !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("join %s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		chunk   int64
		columns []mapper.Piece
	}{
		"no_columns": {512, nil}, "no_chunk": {0, []mapper.Piece{{Dev: dev, Size: 512}}},
		"uneven": {512, []mapper.Piece{{Dev: dev, Size: 512}, {Dev: dev, Size: 1024}}}, "cut": {512, []mapper.Piece{{Dev: dev, Size: 700}}},
		"long": {512, []mapper.Piece{{Dev: dev, Size: math.MaxInt64 &^ 511}, {Dev: dev, Size: math.MaxInt64 &^ 511}}},
	} {
		if _, err := mapper.Stripe(c.chunk, c.columns...); !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("stripe %s: %v", name, err)
		}
	}
}

// told is a device that notes what it was told of.
type told struct {
	volume.Device
	ranges [][2]int64
}

func (d *told) Prefetch(off, length int64) { d.ranges = append(d.ranges, [2]int64{off, length}) }

// TestPrefetch holds that all that a read needs was announced, at most a chunk more on each side.
func TestPrefetch(t *testing.T) {
	one, two := &told{Device: mapper.Zero(1 << 20)}, &told{Device: mapper.Zero(1 << 20)}
	striped, err := mapper.Stripe(512, mapper.Piece{Dev: one, Offset: 4096, Size: 8192}, mapper.Piece{Dev: two, Size: 8192})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := mapper.Join(mapper.Piece{Dev: mapper.Zero(100), Size: 100}, mapper.Piece{Dev: striped, Size: 16384})
	if err != nil {
		t.Fatal(err)
	}
	volume.Prefetch(joined, 50, 50+512+10) // the first chunk of one, and the begin of two's
	volume.Prefetch(joined, 100+3*512, 1024)
	volume.Prefetch(joined, 100+16383, 4096)
	volume.Prefetch(joined, -1, 10)
	volume.Prefetch(joined, 1<<40, 10)
	if d := cmp.Diff([][2]int64{{4096, 512}, {4096 + 2*512, 512}}, one.ranges); d != "" {
		t.Errorf("one: want -, got +:\n%s", d)
	}
	if d := cmp.Diff([][2]int64{{0, 512}, {512, 512}, {8192 - 512, 512}}, two.ranges); d != "" {
		t.Errorf("two: want -, got +:\n%s", d)
	}
}
