package blocks

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// image is a raw disk image and which of its blocks hold data.
type image struct {
	path string
	size int64

	once   sync.Once
	err    error
	file   *os.File
	blocks []int64            // in order, those that are not all zero
	sums   map[int64][32]byte // SHA-256 of each
}

func (i *image) close() {
	if i.file != nil {
		_ = i.file.Close() // opened to read
	}
}

// index reads the image once: holes are skipped, blocks of zeros are left out.
func (i *image) index() error {
	i.once.Do(func() { i.err = i.scan() })
	return i.err
}

func (i *image) scan() error {
	f, err := os.Open(i.path)
	if err != nil {
		return fmt.Errorf("open image: %w", err)
	}
	i.file, i.sums = f, map[int64][32]byte{}
	zero := make([]byte, Size)
	buf := make([]byte, Size)
	for at := int64(0); at < i.size; {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // holes to the end
		}
		if err != nil {
			return fmt.Errorf("seek data in %s: %w", i.path, err)
		}
		n := data / Size
		if err := i.readBlock(n, buf); err != nil {
			return err
		}
		if !bytes.Equal(buf, zero) {
			i.blocks = append(i.blocks, n)
			i.sums[n] = sha256.Sum256(buf)
		}
		at = (n + 1) * Size
	}
	return nil
}

// readBlock reads block n, filled up with zeros past the image's end.
func (i *image) readBlock(n int64, buf []byte) error {
	got, err := i.file.ReadAt(buf, n*Size)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read block %d of %s: %w", n, i.path, err)
	}
	clear(buf[got:])
	return nil
}

// Blocks of a snapshot that hold data, in order.
func (s Snapshot) Blocks() []int64 {
	if s.image == nil {
		return nil
	}
	return s.image.blocks
}

// Has says whether a block of a snapshot holds data.
func (s Snapshot) Has(n int64) bool {
	_, has := s.sum(n)
	return has
}

func (s Snapshot) sum(n int64) (sum [32]byte, has bool) {
	if s.image != nil {
		sum, has = s.image.sums[n]
	}
	return sum, has
}

// Changed are the blocks that differ. One that was overwritten with zeros is among them: EBS has it still.
func Changed(first, second Snapshot) []int64 {
	if first.image == second.image {
		return nil
	}
	all := slices.Concat(first.Blocks(), second.Blocks())
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(n int64) bool {
		one, _ := first.sum(n)
		two, _ := second.sum(n)
		return one == two
	})
}
