package volume

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"
)

// fileInfo implements fs.FileInfo.
type fileInfo struct {
	name  string
	inode *Inode
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.inode.Size }
func (i *fileInfo) Mode() fs.FileMode  { return i.inode.Mode }
func (i *fileInfo) ModTime() time.Time { return i.inode.MTime }
func (i *fileInfo) IsDir() bool        { return i.inode.Mode.IsDir() }
func (i *fileInfo) Sys() any           { stat := i.inode.Stat; return &stat }

// dirEntry implements fs.DirEntry; its inode is read only when asked for.
type dirEntry struct {
	tree  *tree
	entry Entry
}

func (d *dirEntry) Name() string      { return d.entry.Name }
func (d *dirEntry) IsDir() bool       { return d.entry.Type.IsDir() }
func (d *dirEntry) Type() fs.FileMode { return d.entry.Type }
func (d *dirEntry) String() string    { return fs.FormatDirEntry(d) }

func (d *dirEntry) Info() (fs.FileInfo, error) {
	in, err := d.tree.inodes.Inode(d.entry.Ino)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: d.entry.Name, Err: err}
	}
	return &fileInfo{name: d.entry.Name, inode: in}, nil
}

// openFile is an open file that is not a folder. Only a regular file has content.
type openFile struct {
	name    string
	inode   *Inode
	content io.ReaderAt

	mu     sync.Mutex
	offset int64
	closed bool
}

func (f *openFile) Stat() (fs.FileInfo, error) {
	return &fileInfo{name: path.Base(f.name), inode: f.inode}, nil
}

func (f *openFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}

func (f *openFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrClosed}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	if f.content == nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fmt.Errorf("%v: %w", f.inode.Mode.Type(), fs.ErrInvalid)}
	}
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrInvalid}
	}
	if off >= f.inode.Size {
		return 0, io.EOF
	}
	var end error
	if left := f.inode.Size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	n, err := f.content.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, end
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // the device ends before the file does
	}
	return n, &fs.PathError{Op: "read", Path: f.name, Err: err}
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.inode.Size
	case io.SeekStart:
	default:
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrInvalid}
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrInvalid}
	}
	f.offset = offset
	return offset, nil
}

// openDir is an open folder.
type openDir struct {
	tree  *tree
	name  string
	inode *Inode

	mu   sync.Mutex
	rest []fs.DirEntry
	err  error // of the listing; told after the last entry
	read bool
}

func (d *openDir) Stat() (fs.FileInfo, error) {
	return &fileInfo{name: path.Base(d.name), inode: d.inode}, nil
}

func (d *openDir) Close() error { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fmt.Errorf("is a directory: %w", fs.ErrInvalid)}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read {
		d.rest, d.err = d.tree.dirEntries(d.inode)
		d.read = true
		if d.err != nil {
			d.err = &fs.PathError{Op: "readdir", Path: d.name, Err: d.err}
		}
	}
	if n <= 0 {
		all, err := d.rest, d.err
		d.rest, d.err = nil, nil
		return all, err
	}
	if len(d.rest) == 0 {
		err := d.err
		d.err = nil
		if err == nil {
			err = io.EOF
		}
		return nil, err
	}
	n = min(n, len(d.rest))
	some := d.rest[:n]
	d.rest = d.rest[n:]
	return some, nil
}
