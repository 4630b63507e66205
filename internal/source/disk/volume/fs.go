package volume

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

var (
	// ErrUnsupported is wrapped, with the feature's or the format's name, by
	// every refusal to read something that is well formed but not known here.
	ErrUnsupported = errors.New("not supported")
	// ErrCorrupt is wrapped, with the structure's name, by every refusal to
	// believe what a device says.
	ErrCorrupt = errors.New("corrupt")
	// ErrLimit is wrapped when a bound on memory, depth or count is reached.
	ErrLimit = errors.New("over the limit")
	// ErrLoop is wrapped when a path holds more than MaxLinks symbolic links,
	// as ELOOP of path_resolution(7).
	ErrLoop = errors.New("too many levels of symbolic links")
)

const (
	// MaxLinks is how many symbolic links one path may pass: the 40 of
	// path_resolution(7), Linux.
	MaxLinks = 40
	// MaxDepth is how many folders deep a path may go.
	MaxDepth = 255
)

// FS is one file system, read only. Names are those of io/fs: slashes, no
// leading slash, "." for the root. It is safe for concurrent use.
//
// Open and Stat follow symbolic links inside the file system: an absolute
// target begins at its root, and ".." never leaves it. Lstat and ReadLink do
// not follow the last name. A file is also an io.ReaderAt and an io.Seeker, a
// folder an fs.ReadDirFile. ReadDir sorts by name, takes the types from the
// directory where it holds them, and returns what it could read together with
// an error that wraps ErrCorrupt when an entry had to be refused. FileInfo.Sys
// is a *Stat.
type FS interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadLinkFS
	io.Closer
	// Info says what the file system is and what must be known about the read.
	Info() Info
}

// File is what FS.Open returns for anything but a folder.
type File interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

// Info describes a file system.
type Info struct {
	Type      string // "ext2", "ext3", "ext4", "xfs", …
	Label     string // "" if none
	UUID      string // lower case with hyphens, "" if none
	BlockSize int    // bytes
	Size      int64  // bytes the file system says it has
	// Notes are facts about the read that leave nothing unseen: "journal
	// replayed: 3 transactions, 41 blocks".
	Notes []string
	// Gaps are what may be stale or unseen, and why. Empty means that nothing
	// of the kind is known.
	Gaps []string
}

// Stat is what FileInfo.Sys holds.
type Stat struct {
	Ino   uint64
	Nlink uint32
	UID   uint32
	GID   uint32
	Major uint32    // of a device node
	Minor uint32    // of a device node
	ATime time.Time // zero if the file system does not keep it
	CTime time.Time // change of the inode
	BTime time.Time // birth, zero if the file system does not keep it
}
