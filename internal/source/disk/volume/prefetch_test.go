package volume_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/volume"
)

func TestAhead(t *testing.T) {
	const kib = 1 << 10
	type span [2]int64
	for _, tc := range []struct {
		name  string
		reads []span // offset and length
		want  []span // what is fetched ahead after each
	}{
		{"a_head", []span{{0, 4 * kib}, {4 * kib, 64 * kib}}, []span{{}, {}}},
		{"in_order", []span{{0, 128 * kib}, {128 * kib, 128 * kib}, {256 * kib, 128 * kib}}, []span{{}, {256 * kib, 256 * kib}, {512 * kib, 256 * kib}}},
		{"back_and_forth", []span{{0, 200 * kib}, {900 * kib, 200 * kib}, {0, 200 * kib}}, []span{{}, {}, {}}},
		{"one_great_read", []span{{0, 64 << 20}, {64 << 20, 1}}, []span{{64 << 20, 4 << 20}, {68 << 20, 1}}},
	} {
		var a volume.Ahead
		var got []span
		for _, r := range tc.reads {
			from, n := a.Next(r[0], r[1])
			if n == 0 {
				from = 0
			}
			got = append(got, span{from, n})
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// hinted is a device that notes what it is told.
type hinted struct {
	*bytes.Reader
	told [][2]int64
}

func (h *hinted) Prefetch(off, length int64) { h.told = append(h.told, [2]int64{off, length}) }

func TestPrefetchSection(t *testing.T) {
	h := &hinted{Reader: bytes.NewReader(make([]byte, 1000))}
	s, err := volume.Section(h, 100, 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int64{{0, 10}, {490, 100}, {500, 1}, {-1, 5}, {5, 0}} {
		volume.Prefetch(s, r[0], r[1])
	}
	volume.Prefetch(bytes.NewReader(nil), 0, 10) // one that does not want to know
	if diff := cmp.Diff([][2]int64{{100, 10}, {590, 10}}, h.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// forest has folders 1 to 400, each of which holds the two after it, so that most are met several times; 7 cannot be read.
type forest struct{ volume.Inodes }

func (forest) Root() uint64      { return 1 }
func (forest) Info() volume.Info { return volume.Info{} }
func (forest) Inode(ino uint64) (*volume.Inode, error) {
	if ino == 7 {
		return nil, io.ErrUnexpectedEOF
	}
	return &volume.Inode{Mode: fs.ModeDir, Stat: volume.Stat{Ino: ino}}, nil
}

func (forest) Entries(dir *volume.Inode) (out []volume.Entry, err error) {
	for n := dir.Stat.Ino + 1; n <= min(dir.Stat.Ino+2, 400); n++ {
		out = append(out, volume.Entry{Name: string(rune('a' + n%20)), Ino: n, Type: fs.ModeDir, Typed: true})
	}
	return append(out, volume.Entry{Name: "z-file", Ino: 1000, Typed: true}), nil
}

// TestWarm lists every folder once, however many at a time, and ends with its context.
func TestWarm(t *testing.T) {
	for _, parallel := range []int{0, 1, 3, 64} {
		w, ok := volume.NewTree(forest{}).(volume.Warmer)
		if !ok {
			t.Fatal("a tree is no Warmer")
		}
		if got := w.Warm(t.Context(), parallel); got != 400 {
			t.Errorf("%d at a time: listed %d folders, want 400", parallel, got)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if got := volume.NewTree(forest{}).(volume.Warmer).Warm(ended, 4); got != 0 {
		t.Errorf("ended: listed %d folders, want none", got)
	}
}
