package disk

import (
	"fmt"
	"io"
	"os"
)

// Image is a raw image file, or a block device, as a Device.
type Image struct {
	file *os.File
	size int64
}

// OpenImage opens a raw image for reading.
func OpenImage(name string) (*Image, error) {
	f, err := os.Open(name) //nolint:gosec // the image that the user named
	if err != nil {
		return nil, err
	}
	// A block device says its size only to a seek.
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", name, closeBoth(f, err))
	}
	return &Image{file: f, size: size}, nil
}

// closeBoth closes f after err.
func closeBoth(f io.Closer, err error) error {
	if closeErr := f.Close(); closeErr != nil {
		return fmt.Errorf("%w (and close: %w)", err, closeErr)
	}
	return err
}

// Size implements Device.
func (i *Image) Size() int64 { return i.size }

// ReadAt implements io.ReaderAt.
func (i *Image) ReadAt(p []byte, off int64) (int, error) { return i.file.ReadAt(p, off) }

// File returns the open file, which can only be read, so that a reader in another process can be handed it. It ends with Close.
func (i *Image) File() *os.File { return i.file }

// Close closes the file.
func (i *Image) Close() error { return i.file.Close() }
