// Package disktest hands the tests of disk readers the disks that Linux wrote.
package disktest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"hinomi/internal/source/disk/volume"
)

// Memory returns a device that holds b.
func Memory(b []byte) volume.Device { return memory{bytes.NewReader(b)} }

type memory struct{ *bytes.Reader }

// Disks are the files of an archive that testdata/machine.sh made, by name. It
// unpacks once; nobody may change them.
type Disks struct {
	archive string
	once    func() (map[string][]byte, error)
}

// Archive names an archive, relative to the test's own folder.
func Archive(name string) *Disks {
	return &Disks{name, sync.OnceValues(func() (map[string][]byte, error) { return unpack(name) })}
}

// All returns the disks.
func (d *Disks) All(t testing.TB) map[string][]byte {
	t.Helper()
	all, err := d.once()
	if err != nil {
		t.Fatalf("%s: %v", d.archive, err)
	}
	return all
}

func unpack(name string) (map[string][]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	packed, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for r := tar.NewReader(packed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// Sums reads the file beside an archive: what Linux read, "SHA-256 size", by
// the name of the device.
func Sums(t testing.TB, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			sums[f[2]] = f[0] + " " + f[1]
		}
	}
	return sums
}
