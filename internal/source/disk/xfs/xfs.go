// Package xfs reads XFS file systems of version 4 and 5 without mounting them. The log is replayed in memory, over
// the device that is only read: a snapshot of a running host is crash-consistent, and what was renamed a second before
// stands in the log alone.
//
// The format is that of "XFS Filesystem Structure" (kernel.org, xfs-documentation); where that is silent (large extent
// counts, exchange-range, recovery) the Linux kernel's behaviour is followed and held against it in the tests.
package xfs

import (
	"errors"
	"fmt"
	"io"
	"math"

	"hinomi/internal/source/disk/volume"
)

// Options bound a reader. Every zero means the default.
type Options struct {
	// IgnoreLog opens a file system whose log cannot be replayed as well. Info.Gaps then says that it may be stale.
	IgnoreLog bool
	// MaxJournalBytes bounds the memory for the log's changes, in bytes. Default 256 MiB.
	MaxJournalBytes int64
	// MaxEntries bounds the entries of one directory. Default 4 million.
	MaxEntries int
	// MaxExtents bounds the extents of one file. Default 4 million, of 40 bytes each.
	MaxExtents int
}

// reader implements volume.Inodes.
type reader struct {
	sb    *superblock
	dev   *overlay
	pages pageCache
	opts  Options
	info  volume.Info
	// reparented are the inodes whose block map was swapped: its blocks may still name the other one.
	reparented map[uint64]bool
	// patches are the files that an unfinished operation of the log changes.
	patches map[uint64]patch
}

// Open opens the XFS file system at the start of a device and replays its log in memory. It returns an error that
// wraps volume.ErrUnsupported, with the feature's name, for one that would be read wrongly, volume.ErrCorrupt for one
// that contradicts itself, and volume.ErrLimit for a log that changes more than Options.MaxJournalBytes.
func Open(dev volume.Device, opts Options) (volume.FS, error) {
	if opts.MaxJournalBytes <= 0 {
		opts.MaxJournalBytes = 256 << 20
	}
	if opts.MaxEntries <= 0 {
		opts.MaxEntries = 4 << 20
	}
	if opts.MaxExtents <= 0 {
		opts.MaxExtents = 4 << 20
	}
	r := &reader{dev: &overlay{dev: dev, limit: opts.MaxJournalBytes}, opts: opts, reparented: make(map[uint64]bool), patches: make(map[uint64]patch)}
	if err := r.super(true); err != nil {
		return nil, err
	}
	if err := r.recover(); err != nil {
		if !opts.IgnoreLog {
			return nil, fmt.Errorf("replay the xfs journal: %w", err)
		}
		r.dev.groups = nil
		clear(r.patches)
		clear(r.reparented)
		r.pages.clear()
		if again := r.super(true); again != nil { // the log may have changed it
			return nil, again
		}
		r.gap("journal not replayed, so changes of the last seconds are missing: %v", err)
	}
	r.describe()
	return volume.NewTree(r), nil
}

// Probe says whether a device begins as an XFS file system does.
func Probe(r io.ReaderAt) (bool, error) {
	b := make([]byte, 4)
	n, err := r.ReadAt(b, 0)
	if n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("probe for xfs: %w", err)
	}
	return string(b) == superMagic, nil
}

// super reads the superblock, the journal's changes included.
func (r *reader) super(verify bool) error {
	b := make([]byte, superSize)
	if _, err := r.dev.ReadAt(b, 0); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	if size := int64(b[102])<<8 | int64(b[103]); string(b[:4]) == superMagic && size != superSize {
		if size < superSize || size > 32<<10 || size&(size-1) != 0 {
			return fmt.Errorf("superblock: sector size %d: %w", size, volume.ErrCorrupt)
		}
		b = make([]byte, size) // the checksum covers the whole sector
		if _, err := r.dev.ReadAt(b, 0); err != nil {
			return fmt.Errorf("superblock: %w", err)
		}
	}
	sb, err := parseSuper(b, verify)
	if err != nil {
		return err
	}
	r.sb = sb
	return nil
}

func (r *reader) describe() {
	sb := r.sb
	r.info.Type, r.info.Label, r.info.UUID = "xfs", sb.label, formatUUID(sb.uuid)
	r.info.BlockSize = int(sb.blockSize)
	r.info.Size = math.MaxInt64
	if sb.blocks <= math.MaxInt64>>sb.blockLog {
		r.info.Size = int64(sb.blocks << sb.blockLog)
	}
	if sb.unknownRO != 0 {
		r.note("features that do not concern reading: %#x", sb.unknownRO)
	}
	if sb.rtBlocks > 0 {
		r.gap("the realtime section (%d blocks) is not read: a file that lies there is an error", sb.rtBlocks)
	}
	if sb.foldCase {
		r.note("names match without regard to ASCII case on this file system; they are matched exactly here")
	}
	if r.info.Size > r.dev.dev.Size() {
		r.gap("the device has %d of the file system's %d bytes", r.dev.dev.Size(), r.info.Size)
	}
}

func (r *reader) note(format string, args ...any) {
	r.info.Notes = append(r.info.Notes, fmt.Sprintf(format, args...))
}

func (r *reader) gap(format string, args ...any) {
	r.info.Gaps = append(r.info.Gaps, fmt.Sprintf(format, args...))
}

// Root implements volume.Inodes.
func (r *reader) Root() uint64 { return r.sb.root }

// Info implements volume.Inodes.
func (r *reader) Info() volume.Info { return r.info }

// Close implements volume.Inodes.
func (r *reader) Close() error {
	r.pages.clear()
	return nil
}
