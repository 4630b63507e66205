package ebs_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"hinomi/internal/awstest"
	"hinomi/internal/source/disk/ebs"
	"hinomi/internal/source/disk/ebs/kept"
)

// pair is a volume as two scans find it: two snapshots and the images they show.
type pair struct {
	*volume
	id, first, second string
	then, now         *os.File
}

// newPair makes a volume of 100 blocks, and changes it: blocks 10 to 19 differ in a few bytes, 20 is zero now, 90 was zero.
func newPair(t *testing.T) *pair {
	t.Helper()
	dir := t.TempDir()
	data := make([]byte, 100*block)
	rnd := rand.NewChaCha8([32]byte{7})
	for n := range 80 {
		_, _ = rnd.Read(data[n*block : n*block+block/4])
	}
	p := &pair{volume: &volume{AWS: awstest.New(t, moto, awstest.Options{}), size: 1 << 30}}
	save := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		return f
	}
	p.then = save("then.img")
	p.first, p.id = p.SeedSnapshot(p.Account(1), region, p.then.Name())
	for n := 10; n < 20; n++ {
		copy(data[n*block+n*100:], "changed")
	}
	clear(data[20*block : 21*block])
	copy(data[90*block:], "new")
	p.now = save("now.img")
	p.AttachImage(p.id, p.now.Name())
	p.second = p.SnapshotVolume(p.Account(1), region, p.id)
	p.client = p.newClient()
	return p
}

// scan reads places of a snapshot and keeps what it read.
func (p *pair) scan(t *testing.T, snapshot string, image *os.File, dir string, places []place, o ebs.Options) ebs.Counters {
	t.Helper()
	w, err := kept.Create(dir, kept.Header{Snapshot: snapshot, Volume: p.id, SizeGiB: 1, Made: time.Now()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.snapshot, p.image, o.Record = snapshot, image, w
	d := p.open(t, o)
	for _, at := range places {
		if err := p.same(d, at.off, at.length); err != nil {
			t.Error(err)
		}
	}
	d.Record()
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return d.Counters()
}

type place struct{ off, length int64 }

// baseline opens what the first scan kept.
func (p *pair) baseline(t *testing.T, dir, first, second string) *ebs.Baseline {
	t.Helper()
	f, err := kept.Open(dir, p.id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	c, err := ebs.Changed(t.Context(), p.client, first, second)
	if err != nil {
		t.Fatal(err)
	}
	return &ebs.Baseline{Kept: f, Changes: c}
}

// TestBaseline reads a volume again: nothing is fetched if nothing changed, only what changed otherwise, and always the bytes of the second snapshot.
func TestBaseline(t *testing.T) {
	p := newPair(t)
	places := []place{{0, 3 * block}, {12 * block, 5000}, {15*block + 1400, 300}, {20 * block, block}, {50 * block, 40 * block}, {90 * block, 10}, {95 * block, 10}}
	for _, memory := range []int64{1, 0} { // little memory: pages are kept as blocks are given up
		dir := t.TempDir()
		one := p.scan(t, p.first, p.then, dir, places, ebs.Options{CacheBytes: memory})
		if one.Blocks == 0 || one.FromKept != 0 {
			t.Errorf("first scan: got %+v", one)
		}
		same := p.SnapshotVolume(p.Account(1), region, p.id)
		p.ResetBlocks()
		b := p.baseline(t, dir, p.first, p.second)
		if got := b.Changes.Len(); got != 12 || !b.Changes.Has(19) || b.Changes.Has(21) || b.Changes.SizeGiB != 1 {
			t.Errorf("got %d changes", got)
		}
		two := p.scan(t, p.second, p.now, dir, places, ebs.Options{CacheBytes: memory, Baseline: b})
		// 12 and 15 changed, 20 was overwritten with zeros, 90 is new: with the tokens of the list of changes.
		if got := p.BlockStats(); two.Blocks != 4 || got.Gets != 4 || got.Lists != 1 || two.Again != 0 {
			t.Errorf("second scan: got %+v, AWS gave out %+v", two, got)
		}
		p.ResetBlocks()
		three := p.scan(t, same, p.now, dir, places, ebs.Options{CacheBytes: memory, Baseline: p.baseline(t, dir, p.second, same)})
		if got := p.BlockStats(); three.Blocks != 0 || got.Gets != 0 || got.Lists != 1 {
			t.Errorf("unchanged: got %+v, AWS gave out %+v, want one list of changes and no block", three, got)
		}
	}
}

// TestBaselineAnywhere reads a changed volume at random places, with pages kept from other random places: the bytes are the second snapshot's.
func TestBaselineAnywhere(t *testing.T) {
	p := newPair(t)
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		random := func() (list []place) {
			for range 40 {
				list = append(list, place{rnd.Int64N(101 * block), 1 + rnd.Int64N(2*block)})
			}
			return list
		}
		dir := t.TempDir()
		memory := int64(1 + seed%2*64<<20)
		p.scan(t, p.first, p.then, dir, random(), ebs.Options{CacheBytes: memory})
		b := p.baseline(t, dir, p.first, p.second)
		p.ResetBlocks()
		p.scan(t, p.second, p.now, dir, random(), ebs.Options{CacheBytes: memory, Baseline: b})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestBaselineDamaged reads everything where the kept pages go bad under the reader, and says so.
func TestBaselineDamaged(t *testing.T) {
	p := newPair(t)
	dir := t.TempDir()
	places := []place{{0, 3 * block}, {50 * block, 5 * block}}
	p.scan(t, p.first, p.then, dir, places, ebs.Options{})
	b := p.baseline(t, dir, p.first, p.second)
	name, err := kept.Name(dir, p.id)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xee}, 200_000), 1000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p.snapshot, p.image = p.second, p.now
	d := p.open(t, ebs.Options{Baseline: b})
	for _, at := range places {
		if err := p.same(d, at.off, at.length); err != nil {
			t.Error(err)
		}
	}
	if c := d.Counters(); c.Blocks == 0 || len(d.Notes()) != 1 {
		t.Errorf("got %+v and notes %q", c, d.Notes())
	}
}

// TestBaselineForeign refuses a baseline of something else, and comparisons that AWS refuses.
func TestBaselineForeign(t *testing.T) {
	p := newPair(t)
	dir := t.TempDir()
	p.scan(t, p.first, p.then, dir, []place{{0, 10}}, ebs.Options{})
	other, _ := p.SeedSnapshot(p.Account(1), region, p.now.Name())
	third := p.SnapshotVolume(p.Account(1), region, p.id)
	for name, b := range map[string]*ebs.Baseline{
		"another_end":   p.baseline(t, dir, p.first, third),
		"another_begin": p.baseline(t, dir, third, p.second),
	} {
		if _, err := ebs.Open(t.Context(), p.client, p.second, ebs.Options{Now: time.Now, Baseline: b}); !errors.Is(err, ebs.ErrBaseline) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, ids := range [][2]string{{p.first, other}, {"snap-0123456789abcdef0", p.second}} {
		if _, err := ebs.Changed(t.Context(), p.client, ids[0], ids[1]); !errors.Is(err, ebs.ErrUnrelated) {
			t.Errorf("%v: got %v", ids, err)
		}
	}
	remove := p.Before("ebs", "ListChangedBlocks", awstest.Deny())
	var denied *types.AccessDeniedException
	if _, err := ebs.Changed(t.Context(), p.client, p.first, p.second); !errors.As(err, &denied) || errors.Is(err, ebs.ErrUnrelated) {
		t.Errorf("denied: got %v", err)
	}
	remove()
}

// TestPrefetch fetches on a hint what is read later, once.
func TestPrefetch(t *testing.T) {
	v := newVolume(t, awstest.Options{}, 40*block, 0, 1, 2, 3, 4, 5, 6, 7, 20)
	d := v.open(t, ebs.Options{Parallel: 4})
	d.Prefetch(0, 3*block)
	d.Prefetch(20*block+5, 10)
	d.Prefetch(-5, 10)
	d.Prefetch(1<<40, 10)
	d.Prefetch(30*block, block) // not listed
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if c := d.Counters(); c.Blocks < 3 || c.Blocks > 4 {
		t.Errorf("got %+v by hints", c)
	}
	for _, at := range []int64{0, 1, 2, 20} {
		if err := v.same(d, at*block, block); err != nil {
			t.Error(err)
		}
	}
	if c, s := d.Counters(), v.BlockStats(); c.Blocks != 4 || s.Gets != 4 || s.Unique != 4 {
		t.Errorf("got %+v, AWS gave out %+v", c, s)
	}
}
