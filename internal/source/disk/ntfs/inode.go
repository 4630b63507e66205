package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hinomi/internal/source/disk/volume"
)

// The attributes of a file (MS-FSCC 2.6).
const (
	fileOffline = 0x1000
	fileRecall  = 0x400000   // FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS
	fileReparse = 0x400      // FILE_ATTRIBUTE_REPARSE_POINT
	fileFolder  = 0x10000000 // in $FILE_NAME: it has an index
)

// maxReparse is the most that a reparse point holds (MS-FSCC 2.1.2), bytes.
const maxReparse = 16 << 10

// inode reads what is known of a file without its content.
func (r *reader) inode(f *file) (*volume.Inode, error) {
	in := &volume.Inode{Mode: 0o644, Private: f}
	in.Stat.Ino, in.Stat.Nlink = uint64(f.base.ref), uint32(f.base.links)
	standard, err := r.head(f, typeStandard, "")
	if err != nil {
		return nil, fmt.Errorf("standard information: %w", notThere(err))
	}
	le := binary.LittleEndian
	v := standard.resident
	if len(v) < 36 {
		return nil, fmt.Errorf("standard information of %d bytes: %w", len(v), volume.ErrCorrupt)
	}
	in.Stat.BTime, in.MTime, in.Stat.CTime, in.Stat.ATime = fileTime(le.Uint64(v)), fileTime(le.Uint64(v[8:])), fileTime(le.Uint64(v[16:])), fileTime(le.Uint64(v[24:]))
	if f.base.flags&recordFolder != 0 {
		in.Mode = fs.ModeDir | 0o755
	} else {
		data, err := r.head(f, typeData, "")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		in.Size = data.size
	}
	if le.Uint32(v[32:])&(fileOffline|fileRecall) != 0 {
		f.refuse = "content that lies elsewhere (offline)"
	}
	raw, err := r.bytes(f, typeReparse, "", maxReparse)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return in, nil
	case err != nil:
		return nil, fmt.Errorf("reparse point: %w", err)
	}
	if err := reparse(f, in, raw); err != nil {
		return nil, fmt.Errorf("reparse point: %w", err)
	}
	return in, nil
}

// notThere makes a fault of an attribute that every file has.
func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return volume.ErrCorrupt
	}
	return err
}

// fileTime converts a FILETIME: units of 100 ns since 1601 (MS-DTYP 2.3.3). Zero stays zero.
func fileTime(t uint64) time.Time {
	if t == 0 || t > 1<<63-1 {
		return time.Time{}
	}
	const second, from1601To1970 = 10_000_000, 11_644_473_600
	return time.Unix(int64(t/second)-from1601To1970, int64(t%second)*100).UTC()
}
