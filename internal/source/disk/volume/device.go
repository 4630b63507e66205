// Package volume holds what a reader of one file system is given and what it
// gives back: a Device of bytes in, an FS out. A reader (ext4, xfs, …) imports
// this package and never its parent, which imports every reader. NewTree makes
// an FS of a reader that only knows inodes.
package volume

import (
	"fmt"
	"io"
)

// Device is a run of bytes that is only read: a disk, a partition, a snapshot.
// ReadAt must be safe for concurrent use. It returns io.EOF past Size.
type Device interface {
	io.ReaderAt
	// Size is the length in bytes.
	Size() int64
}

// Section returns the size bytes of dev that begin at offset, as a Device.
// What lies past the end of dev reads as io.EOF; Size keeps the claimed size,
// so that a reader can see that a device is shorter than its table says.
func Section(dev Device, offset, size int64) (Device, error) {
	if offset < 0 || size < 0 || offset+size < offset {
		return nil, fmt.Errorf("section of %d bytes at %d: %w", size, offset, ErrCorrupt)
	}
	return &section{dev: dev, offset: offset, size: size}, nil
}

type section struct {
	dev          Device
	offset, size int64
}

func (s *section) Size() int64 { return s.size }

func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, ErrCorrupt)
	}
	if off >= s.size {
		return 0, io.EOF
	}
	if left := s.size - off; int64(len(p)) > left {
		n, err := s.dev.ReadAt(p[:left], s.offset+off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	n, err := s.dev.ReadAt(p, s.offset+off)
	if n == len(p) {
		err = nil
	}
	return n, err
}
