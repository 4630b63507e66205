package volume

import (
	"io"
	"io/fs"
	"time"
)

// Inodes is a file system seen by inode numbers, without paths. NewTree adds
// paths, symbolic links, caches and the defence against loops. Every method
// must be safe for concurrent use.
type Inodes interface { //nolint:interfacebloat // one reader per file system implements all of it; half a file system is of no use
	// Root is the number of the root folder's inode.
	Root() uint64
	// Inode reads one inode.
	Inode(ino uint64) (*Inode, error)
	// Entries reads a folder, in any order, without "." and "..". Names and
	// types are as stored; NewTree refuses names that cannot be. It may return
	// entries together with an error about those that it could not read.
	Entries(dir *Inode) ([]Entry, error)
	// Content gives the bytes of a regular file. Reads past Inode.Size are
	// never asked for.
	Content(file *Inode) (io.ReaderAt, error)
	// Target reads a symbolic link.
	Target(link *Inode) (string, error)
	// Info says what the file system is.
	Info() Info
	// Close frees what the reader holds. The device is not closed.
	Close() error
}

// Folding is implemented by Inodes whose names are found in any case, as Windows
// does. A name as it is stored wins over one that only folds alike.
type Folding interface {
	// Fold returns what is equal for names that are one name to the system.
	Fold(name string) string
}

// Inode is one inode, of any file system.
type Inode struct {
	Mode  fs.FileMode
	Size  int64 // bytes
	MTime time.Time
	Stat  Stat
	// Private is the reader's own form of the inode.
	Private any
}

// Entry is one name in a folder.
type Entry struct {
	Name string
	Ino  uint64
	// Type is the type bits of the mode. It counts only if Typed.
	Type  fs.FileMode
	Typed bool
}
