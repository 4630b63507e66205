package disktest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"

	"hinomi/internal/source/disk/volume"
)

// Image unpacks an image that was packed with gzip, relative to the test's own folder.
func Image(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const patchPage = 4096

// Patched is an image in memory with some pages changed. It is a volume.Device.
type Patched struct {
	base  []byte
	size  int64
	pages map[int64][]byte
}

// Patch returns an image without changes, cut at size bytes.
func Patch(base []byte, size int64) *Patched {
	return &Patched{base: base, size: min(size, int64(len(base))), pages: map[int64][]byte{}}
}

// Size implements volume.Device.
func (d *Patched) Size() int64 { return d.size }

// ReadAt implements volume.Device.
func (d *Patched) ReadAt(p []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	n := copy(p, d.base[off:d.size])
	for page := off &^ (patchPage - 1); page < off+int64(n); page += patchPage {
		if b, ok := d.pages[page]; !ok {
			continue
		} else if page < off {
			copy(p[:n], b[off-page:])
		} else {
			copy(p[page-off:n], b)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Page returns the page of 4096 bytes that holds a byte, so that it can be changed.
func (d *Patched) Page(off int64) []byte {
	off &^= patchPage - 1
	if d.pages[off] == nil {
		b := make([]byte, patchPage)
		copy(b, d.base[off:])
		d.pages[off] = b
	}
	return d.pages[off]
}

// Pages calls fn for each page that was changed.
func (d *Patched) Pages(fn func(off int64, b []byte)) {
	for off, b := range d.pages {
		fn(off, b)
	}
}

// Apply changes bytes as instructions of a fuzzer say: four bytes of a place, one that says how, three of what. Places that hold nothing but
// zeros are left alone: used are the pages to change (UsedPages).
func (d *Patched) Apply(data []byte, used []int64) {
	for n := 0; len(data) >= 8 && n < 24 && len(used) > 0; n, data = n+1, data[8:] {
		page := used[(int(data[0])<<8|int(data[1]))%len(used)]
		b := d.Page(page)[(int(data[2])<<8|int(data[3]))%patchPage:]
		for i := range min(len(b), 1+int(data[4]&7)) {
			switch v := data[5+i%3]; data[4] >> 6 {
			case 0:
				b[i] = v
			case 1:
				b[i] ^= v
			default:
				b[i] += v
			}
		}
	}
}

// UsedPages returns where the pages of an image lie that hold something.
func UsedPages(b []byte) (out []int64) {
	zero := make([]byte, patchPage)
	for at := 0; at+patchPage <= len(b); at += patchPage {
		if !bytes.Equal(b[at:at+patchPage], zero) {
			out = append(out, int64(at))
		}
	}
	return out
}

// Read walks a file system and returns what stands at every name: a type with a target, or the hash of the bytes; and the first error of each name. It
// reads 1 MiB of a file and stops after 3,000 names.
func Read(fsys volume.FS) (got map[string]string, faults map[string]error) {
	const names, most = 3000, 1 << 20
	got, faults = map[string]string{}, map[string]error{}
	_ = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			faults[name] = err
			return nil
		}
		if len(got)+len(faults) > names {
			return fs.SkipAll
		}
		switch entry.Type() {
		case fs.ModeSymlink:
			target, err := fsys.ReadLink(name)
			if err != nil {
				faults[name] = err
				return nil
			}
			got[name] = "link " + target
		case 0:
			f, err := fsys.Open(name)
			if err != nil {
				faults[name] = err
				return nil
			}
			defer func() { _ = f.Close() }()
			sum := sha256.New()
			if _, err := io.Copy(sum, io.LimitReader(f, most)); err != nil {
				faults[name] = err
				return nil
			}
			got[name] = hex.EncodeToString(sum.Sum(nil))
		default:
			got[name] = entry.Type().String()
		}
		return nil
	})
	return got, faults
}

// Hostile cuts an image at many places and flips bits in it at many more. Nothing may panic, and every error must wrap one of the errors of
// package volume or say that a name is not there. If exact, what is read without an error must be what it was before.
func Hostile(t *testing.T, image []byte, open func(volume.Device) (volume.FS, error), rounds int, exact bool) {
	t.Helper()
	whole, err := open(Patch(image, int64(len(image))))
	if err != nil {
		t.Fatal(err)
	}
	want, faults := Read(whole)
	if len(faults) > 0 || len(want) < 10 {
		t.Fatalf("the whole image: %d names, faults %v", len(want), faults)
	}
	r := rand.New(rand.NewPCG(1, 2))
	used := UsedPages(image)
	wrong, refused, damaged := 0, 0, 0
	for i := range rounds {
		d := Patch(image, int64(len(image)))
		if i%4 == 0 {
			d = Patch(image, used[r.IntN(len(used))]+r.Int64N(2)*int64(r.IntN(patchPage)))
		} else {
			for range 1 + r.IntN(6) {
				d.Page(used[r.IntN(len(used))])[r.IntN(patchPage)] ^= 1 << r.IntN(8)
			}
		}
		fsys, err := open(d)
		if err != nil {
			refused++
			known(t, err)
			continue
		}
		got, faults := Read(fsys)
		for _, err := range faults {
			known(t, err)
		}
		damaged += len(faults)
		for name, sum := range got {
			if was, ok := want[name]; !ok || was != sum {
				if wrong++; exact && wrong < 10 {
					t.Errorf("round %d: %.60q is %.80q, was %.80q", i, name, sum, was)
				}
			}
		}
	}
	t.Logf("%d rounds: %d refused, %d names not read, %d read otherwise", rounds, refused, damaged, wrong)
	if refused+damaged == 0 {
		t.Error("nothing was damaged: the test shows nothing")
	}
}

// known fails the test for an error that says nothing of what it is.
func known(t *testing.T, err error) {
	t.Helper()
	for _, is := range []error{volume.ErrCorrupt, volume.ErrUnsupported, volume.ErrLimit, volume.ErrLoop, fs.ErrNotExist, fs.ErrInvalid} {
		if errors.Is(err, is) {
			return
		}
	}
	t.Errorf("error of no kind: %v", err)
}
