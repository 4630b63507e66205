package kept

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Writer writes a file of kept pages beside its place, and puts it there when it is whole. It is safe for concurrent use.
type Writer struct {
	mu      sync.Mutex
	file    *os.File
	buf     *bufio.Writer
	sum     hash.Hash
	packer  *zstd.Encoder
	place   string
	written int64
	limit   int64
	left    int   // blocks that did not fit
	err     error // of the first write that went wrong
}

// DefaultLimit bounds a file, in bytes, where the caller does not: about ten times what a Debian with 100,000 files needs.
const DefaultLimit = 256 << 20

// Name returns the file's path for a volume in a folder; ErrDamaged for what is no volume's ID.
func Name(dir, volume string) (string, error) {
	if !volumeID.MatchString(volume) {
		return "", fmt.Errorf("volume %.60q: %w", volume, ErrDamaged)
	}
	return filepath.Join(dir, volume+".kept"), nil
}

// Create begins a volume's file in a folder, which is made for its owner alone if it is not there. The file that stands there stays until
// Commit. limit bounds its size in bytes; DefaultLimit if 0.
func Create(dir string, h Header, limit int64) (*Writer, error) {
	head, err := h.encode()
	if err != nil {
		return nil, fmt.Errorf("keep pages: %w", err)
	}
	place, err := Name(dir, h.Volume)
	if err != nil {
		return nil, fmt.Errorf("keep pages: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep pages: %w", err)
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, filepath.Base(place)+".*.new") // 0600
	if err != nil {
		return nil, fmt.Errorf("keep pages: %w", err)
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	w := &Writer{file: f, sum: sha256.New(), packer: packer, place: place, limit: limit}
	w.buf = bufio.NewWriterSize(f, 256<<10)
	w.put([]byte(magic))
	w.put(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	w.put(head)
	if w.err != nil {
		return nil, errors.Join(fmt.Errorf("keep pages: %w", w.err), w.Abort())
	}
	return w, nil
}

func newPacker() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(BlockSize), zstd.WithLowerEncoderMem(true))
}

func (w *Writer) put(b []byte) {
	if w.err != nil {
		return
	}
	w.sum.Write(b)
	w.written += int64(len(b))
	_, w.err = w.buf.Write(b)
}

// Put keeps some pages of a block. Pages of one block may come in parts; of a page that comes twice both must be the same. What does not fit
// any more is left out: the next scan reads it again. A fault is told by Commit.
func (w *Writer) Put(index int64, block []byte, pages Pages) {
	if pages.Len() == 0 || len(block) != BlockSize || index < 0 || index >= maxGiB<<30/BlockSize {
		return
	}
	zero := zeroOf(block, pages)
	full := pages.Without(zero)
	plain := Gather(make([]byte, 0, full.Len()*PageSize), block, full)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.file == nil {
		return
	}
	var packed []byte
	if len(plain) > 0 {
		packed = w.packer.EncodeAll(plain, nil)
	}
	if w.written+headSize+int64(len(packed))+4+sumSize > w.limit {
		w.left++
		return
	}
	le := binary.LittleEndian
	head := make([]byte, 0, headSize)
	head = le.AppendUint32(head, uint32(index))
	for _, v := range []uint64{pages[0], pages[1], zero[0], zero[1]} {
		head = le.AppendUint64(head, v)
	}
	sum := sha256.Sum256(plain)
	head = append(head, sum[:]...)
	head = le.AppendUint32(head, uint32(len(packed)))
	w.put(head)
	w.put(packed)
}

// Kept is what became of a file.
type Kept struct {
	Path  string
	Bytes int64
	// Left is how many blocks did not fit into the limit and will be read again.
	Left int
}

// Commit ends the file and puts it in its place, in one step: after a crash there is the file from before or this one. The writer is of no
// use afterwards.
func (w *Writer) Commit() (Kept, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return Kept{}, errors.New("keep pages: ended already")
	}
	w.put(binary.LittleEndian.AppendUint32(nil, endIndex))
	w.put(w.sum.Sum(nil))
	err := w.err
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	f := w.file
	w.file = nil
	err = errors.Join(err, f.Close(), w.packer.Close())
	if err == nil {
		err = os.Rename(f.Name(), w.place)
	}
	if err != nil {
		return Kept{}, errors.Join(fmt.Errorf("keep pages: %w", err), remove(f.Name()))
	}
	return Kept{Path: w.place, Bytes: w.written, Left: w.left}, syncFolder(filepath.Dir(w.place))
}

// Abort gives the file up; the one from before stays. After Commit it does nothing.
func (w *Writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return errors.Join(f.Close(), w.packer.Close(), remove(f.Name()))
}

// Remove deletes a volume's file, and what an interrupted scan left beside it. That there is none is no fault.
func Remove(dir, volume string) error {
	place, err := Name(dir, volume)
	if err != nil {
		return err
	}
	left, err := filepath.Glob(globbed(place) + ".*.new")
	if err != nil {
		return fmt.Errorf("remove kept pages: %w", err)
	}
	faults := []error{remove(place)}
	for _, name := range left {
		faults = append(faults, remove(name))
	}
	return errors.Join(faults...)
}

// globbed escapes what filepath.Match takes as a pattern.
func globbed(name string) string {
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		if c := name[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, name[i])
	}
	return string(out)
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove kept pages: %w", err)
	}
	return nil
}

// syncFolder makes a rename last.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder that the caller gave
	if err != nil {
		return fmt.Errorf("keep pages: %w", err)
	}
	var c io.Closer = d
	return errors.Join(d.Sync(), c.Close())
}
