// Package host gives the files of the system that is read, by name: symbolic links are resolved inside of it, pipes are never opened, and what is
// read of a file is bounded and counted.
package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrTooLong is wrapped where a file is longer than what may be read of it.
var ErrTooLong = errors.New("over the limit")

// Host is the system that is read: its files by name, with symbolic links resolved inside of it.
type Host struct {
	fsys         fs.FS
	links        fs.ReadLinkFS // nil if the file system does not tell
	limit        int64
	opened, read atomic.Int64
	lines        sync.Pool // of *bufio.Reader
}

// New makes a host of its root. At most limit bytes are read of a file from its beginning to its end. It is safe for concurrent use if fsys is.
func New(fsys fs.FS, limit int64) *Host {
	links, _ := fsys.(fs.ReadLinkFS)
	return &Host{fsys: fsys, links: links, limit: limit, lines: sync.Pool{New: func() any { return bufio.NewReaderSize(nil, MaxLine) }}}
}

// FS is the root, for walks that follow no links.
func (h *Host) FS() fs.FS { return h.fsys }

// Opened returns how many files were opened.
func (h *Host) Opened() int64 { return h.opened.Load() }

// BytesRead returns how many bytes were read from files.
func (h *Host) BytesRead() int64 { return h.read.Load() }

// Path turns a name for fs.FS into a path of the host.
func Path(name string) string {
	if name == "." {
		return "/"
	}
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}

// maxLinks is how many symbolic links one path may pass: the 40 of path_resolution(7), Linux.
const maxLinks = 40

// Resolve returns name without symbolic links in it. An absolute target begins at the root of the system that is read, and ".." does
// not leave it: fs.FS of a folder, as os.DirFS makes it, would follow such a link into this machine's own files.
func (h *Host) Resolve(name string) (string, error) {
	if h.links == nil {
		return name, nil
	}
	done, todo, links := "", name, 0
	for todo != "" {
		part, rest, _ := strings.Cut(todo, "/")
		todo = rest
		switch part {
		case "", ".":
			continue
		case "..":
			if done = path.Dir(done); done == "." {
				done = ""
			}
			continue
		}
		next := path.Join(done, part)
		info, err := h.links.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode().Type() != fs.ModeSymlink {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolve %s: more than %d symbolic links", name, maxLinks)
		}
		target, err := h.links.ReadLink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			done = ""
		}
		todo = target + "/" + todo
	}
	if done == "" {
		done = "."
	}
	return done, nil
}

// Open opens a regular file by its name, through links.
func (h *Host) Open(name string) (*File, error) {
	real, err := h.Resolve(name)
	if err != nil {
		return nil, err
	}
	if h.links != nil { // opening a pipe would wait for its writer
		info, err := h.links.Lstat(real)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("open %s: %w", name, errNotRegular)
		}
	}
	return h.OpenExact(real)
}

var errNotRegular = errors.New("not a regular file")

// OpenExact opens a file whose name holds no links, as a walk finds it.
func (h *Host) OpenExact(name string) (*File, error) {
	f, err := h.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	h.opened.Add(1)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", name, errNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file := &File{Name: name, Size: info.Size(), Mode: info.Mode(), host: h, file: f}
	if at, ok := f.(io.ReaderAt); ok {
		file.at = at
		return file, nil
	}
	data, err := io.ReadAll(io.LimitReader(f, h.limit+1))
	if err == nil && int64(len(data)) > h.limit {
		err = fmt.Errorf("read %s: %w of %d bytes, and the file system reads files from their beginning only", name, ErrTooLong, h.limit)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file.at, file.Size = bytes.NewReader(data), int64(len(data))
	return file, nil
}

// ReadDir lists a folder through links, sorted by name.
func (h *Host) ReadDir(name string) (real string, entries []fs.DirEntry, err error) {
	if real, err = h.Resolve(name); err != nil {
		return "", nil, err
	}
	entries, err = fs.ReadDir(h.fsys, real)
	return real, entries, err
}

// ReadFile reads a small file, at most limit bytes, through links.
func (h *Host) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := h.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Bytes(limit)
}

// File is an opened file. It is for one goroutine.
type File struct {
	Name string // for fs.FS
	Size int64
	Mode fs.FileMode

	host *Host
	file fs.File
	at   io.ReaderAt
}

// ReadAt implements io.ReaderAt. It never reads behind Size.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.Size {
		return 0, io.EOF
	}
	short := off+int64(len(p)) > f.Size
	if short {
		p = p[:f.Size-off]
	}
	n, err := f.at.ReadAt(p, off)
	f.host.read.Add(int64(n))
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// Section is the whole file.
func (f *File) Section() *io.SectionReader { return io.NewSectionReader(f, 0, f.Size) }

// Close closes the file. It was only read, so there is nothing to lose.
func (f *File) Close() { _ = f.file.Close() }

// Bytes reads the file whole, or fails if it is longer than limit.
func (f *File) Bytes(limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLong, f.Size, limit)
	}
	data := make([]byte, f.Size)
	n, err := f.ReadAt(data, 0)
	switch {
	case int64(n) == f.Size:
		return data, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read %s: %w", Path(f.Name), err)
}

// Limit is how many bytes may be read of the file from its beginning to its end.
func (f *File) Limit() int64 { return f.host.limit }

// MaxLine is how many bytes of one line Lines gives.
const MaxLine = 64 << 10

// Lines calls fn with each line, without its end, until fn returns an error. A line's bytes are only valid during the call; of a line that is
// longer than 64 KiB the beginning is given and cut is true. Behind limit bytes Lines fails, after what came before was given.
func (f *File) Lines(limit int64, fn func(line []byte, cut bool) error) error {
	r := f.host.lines.Get().(*bufio.Reader)
	defer f.host.lines.Put(r)
	r.Reset(io.NewSectionReader(f, 0, min(f.Size, limit)))
	for {
		line, err := r.ReadSlice('\n')
		cut := errors.Is(err, bufio.ErrBufferFull)
		if len(line) > 0 {
			if ferr := fn(bytes.TrimRight(line, "\r\n"), cut); ferr != nil {
				return ferr
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		switch {
		case errors.Is(err, io.EOF) && f.Size > limit:
			return fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLong, f.Size, limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", Path(f.Name), err)
		}
	}
}
