package kept_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/ebs/kept"
)

var header = kept.Header{Snapshot: "snap-0123456789abcdef0", Volume: "vol-0123456789abcdef0", SizeGiB: 8, Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

// noisy returns a block of which two thirds of the pages are not zero.
func noisy(seed byte) []byte {
	b := make([]byte, kept.BlockSize)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	for n := 0; n < kept.BlockPages; n += 3 {
		clear(b[n*kept.PageSize : (n+1)*kept.PageSize])
	}
	return b
}

func pages(list ...int) (p kept.Pages) {
	for _, n := range list {
		p.Add(n)
	}
	return p
}

// write makes a file of three blocks, the first in two parts, and returns its bytes.
func write(t testing.TB, dir string) []byte {
	t.Helper()
	w, err := kept.Create(dir, header, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Put(5, noisy(1), pages(0, 1, 2, 127))
	w.Put(16383, noisy(2), kept.All())
	w.Put(7, make([]byte, kept.BlockSize), pages(64))
	w.Put(5, noisy(1), pages(2, 63, 64))
	w.Put(1<<40, noisy(1), pages(1)) // no block has such a number
	done, err := w.Commit()
	if err != nil || done.Left != 0 {
		t.Fatalf("got %+v, %v", done, err)
	}
	raw, err := os.ReadFile(done.Path)
	if err != nil || int64(len(raw)) != done.Bytes {
		t.Fatalf("got %d bytes, %v, want %d", len(raw), err, done.Bytes)
	}
	return raw
}

func TestKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept", "deeper")
	write(t, dir)
	place, err := kept.Name(dir, header.Volume)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{place: 0o600, dir: 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: got %v, %v, want %v", name, info.Mode(), err, mode)
		}
	}
	f, err := kept.Open(dir, header.Volume)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	if diff := cmp.Diff(header, f.Header()); diff != "" || f.Blocks() != 3 {
		t.Errorf("%d blocks, header (-want +got):\n%s", f.Blocks(), diff)
	}
	for index, want := range map[int64]struct {
		block []byte
		known kept.Pages
	}{
		5: {noisy(1), pages(0, 1, 2, 127, 63, 64)}, 16383: {noisy(2), kept.All()}, 7: {make([]byte, kept.BlockSize), pages(64)}, 6: {nil, kept.Pages{}},
	} {
		got := make([]byte, kept.BlockSize)
		known, err := f.Load(index, got)
		if err != nil || known != want.known || f.Known(index) != known {
			t.Errorf("block %d: got pages %x, %v, want %x", index, known, err, want.known)
		}
		for n := range kept.BlockPages {
			page := got[n*kept.PageSize : (n+1)*kept.PageSize]
			if known.Has(n) && !bytes.Equal(page, want.block[n*kept.PageSize:(n+1)*kept.PageSize]) || !known.Has(n) && len(bytes.Trim(page, "\x00")) > 0 {
				t.Errorf("block %d: page %d is another", index, n)
			}
		}
	}
}

// TestPlace puts a file in its place only when it is whole, removes it with what was left beside it, and touches no other volume's.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	first := write(t, dir)
	w, err := kept.Create(dir, header, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Put(1, noisy(3), kept.All())
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := w.Commit(); err == nil {
		t.Error("commit after abort: got no error")
	}
	place, _ := kept.Name(dir, header.Volume)
	if now, err := os.ReadFile(place); err != nil || !bytes.Equal(now, first) {
		t.Errorf("the file from before changed (%v)", err)
	}
	if _, err := kept.Create(dir, header, 0); err != nil { // killed in the middle
		t.Fatal(err)
	}
	other := filepath.Join(dir, "vol-0123456789abcdef01.kept")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := kept.Remove(dir, header.Volume); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if diff := cmp.Diff([]string{other}, left); diff != "" || err != nil {
		t.Errorf("left (-want +got):\n%s%v", diff, err)
	}
	if _, err := kept.Open(dir, header.Volume); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	for _, id := range []string{"", "vol-", "vol-../x", "../etc", "vol-0/1", "snap-01"} {
		h := header
		h.Volume = id
		if _, err := kept.Create(dir, h, 0); err == nil {
			t.Errorf("volume %q: got no error", id)
		}
		if err := kept.Remove(dir, id); err == nil {
			t.Errorf("remove %q: got no error", id)
		}
	}
}

// TestLimit leaves out what does not fit, and says how much.
func TestLimit(t *testing.T) {
	dir := t.TempDir()
	w, err := kept.Create(dir, header, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(10) {
		w.Put(n, noisy(byte(n)), kept.All())
	}
	done, err := w.Commit()
	if err != nil || done.Bytes > 1<<20 || done.Left != 7 {
		t.Errorf("got %+v, %v, want three blocks of 340 KiB each and seven left out", done, err)
	}
	f, err := kept.Open(dir, header.Volume)
	if err != nil {
		t.Fatal(err)
	}
	if f.Blocks() != 3 {
		t.Errorf("got %d blocks", f.Blocks())
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestDamaged refuses a file in which any one bit is another, and one that is cut or longer anywhere.
func TestDamaged(t *testing.T) {
	good := write(t, t.TempDir())
	try := func(what string, at int, raw []byte) {
		t.Helper()
		if f, err := kept.Read(bytes.NewReader(raw), int64(len(raw))); !errors.Is(err, kept.ErrDamaged) {
			t.Errorf("%s at byte %d: got %v, %v", what, at, f, err)
		}
	}
	for at := 0; at < len(good); at += 1 + at/64 {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		try("a bit", at, bad)
		try("cut", at, good[:at])
	}
	try("longer", len(good), append(bytes.Clone(good), 0))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vol-1.kept"), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Open(dir, "vol-1"); !errors.Is(err, kept.ErrDamaged) {
		t.Errorf("another volume's file: got %v", err)
	}
	// Changed after it was opened.
	late := bytes.Clone(good)
	f, err := kept.Read(bytes.NewReader(late), int64(len(late)))
	if err != nil {
		t.Fatal(err)
	}
	for i := len(late) / 2; i < len(late); i++ {
		late[i] ^= 0x55
	}
	if _, err := f.Load(16383, make([]byte, kept.BlockSize)); !errors.Is(err, kept.ErrDamaged) {
		t.Errorf("changed later: got %v", err)
	}
}

// FuzzRead holds that no bytes make the parser panic or take more memory than they are long, and that what it takes can be loaded or is refused.
func FuzzRead(f *testing.F) {
	good := write(f, f.TempDir())
	good = good[:len(good)-36] // without the end
	f.Add(good)
	f.Add(good[:200])
	f.Add([]byte("hinomi kept v1\r\n\x02\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := append(bytes.Clone(body), 0xff, 0xff, 0xff, 0xff) // with a right checksum, or nothing would be looked at
		sum := sha256.Sum256(raw)
		raw = append(raw, sum[:]...)
		k, err := kept.Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		defer k.Close() //nolint:errcheck // of memory
		for n := range int64(20) {
			block := make([]byte, kept.BlockSize)
			known, err := k.Load(n, block)
			if err == nil && known != k.Known(n) {
				t.Errorf("block %d: loaded %x of %x", n, known, k.Known(n))
			}
		}
	})
}
