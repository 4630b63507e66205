package ntfs

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// The tags of reparse points (MS-FSCC 2.1.2.1).
const (
	tagMountPoint = 0xa0000003
	tagSymlink    = 0xa000000c
	tagWSLLink    = 0xa000001d
	tagDedup      = 0x80000013
	tagWIM        = 0x80000008
	tagWOF        = 0x80000017
	tagAppExec    = 0x8000001b
	tagUnix       = 0x80000023
	tagFIFO       = 0x80000024
	tagChar       = 0x80000025
	tagBlock      = 0x80000026
	tagCloud      = 0x9000001a
	tagCloudMask  = 0xffff0fff
	tagSurrogate  = 0x20000000 // it stands for another file
)

// reparse says what a file with a reparse point is.
func reparse(f *file, in *volume.Inode, raw []byte) error {
	le := binary.LittleEndian
	if len(raw) < 8 || int(le.Uint16(raw[4:])) > len(raw)-8 {
		return fmt.Errorf("%d bytes: %w", len(raw), volume.ErrCorrupt)
	}
	tag := le.Uint32(raw)
	become := func(mode fs.FileMode) { in.Mode, in.Size = mode|0o644, 0 }
	switch {
	case tag == tagMountPoint || tag == tagSymlink || tag == tagWSLLink:
		become(fs.ModeSymlink)
		f.reparse = raw
	case tag == tagWOF:
		return wofPacking(f, raw[8:])
	case tag == tagUnix:
		become(fs.ModeSocket)
	case tag == tagFIFO:
		become(fs.ModeNamedPipe)
	case tag == tagChar:
		become(fs.ModeDevice | fs.ModeCharDevice)
	case tag == tagBlock:
		become(fs.ModeDevice)
	case tag == tagDedup:
		f.refuse = "content that data deduplication has moved"
	case tag == tagWIM:
		f.refuse = "content that lies in a WIM file"
	case tag&tagCloudMask == tagCloud, tag == tagAppExec: // Cloud Files: what is on the disk is plain, what is not is marked offline
	case tag&tagSurrogate != 0:
		become(fs.ModeIrregular)
	case !in.Mode.IsDir():
		f.refuse = fmt.Sprintf("a reparse point with tag %#x", tag)
	}
	return nil
}

// target returns where a link leads, as a path of this volume: "/" is its root, and drive C: is taken for it.
func target(raw []byte) (string, error) {
	le := binary.LittleEndian
	tag, data := le.Uint32(raw), raw[8:]
	if tag == tagWSLLink {
		if len(data) < 5 {
			return "", fmt.Errorf("link of %d bytes: %w", len(data), volume.ErrCorrupt)
		}
		return string(data[4:]), nil
	}
	head := 8
	if tag == tagSymlink {
		head = 12 // and flags
	}
	if len(data) < head {
		return "", fmt.Errorf("link of %d bytes: %w", len(data), volume.ErrCorrupt)
	}
	at, n := head+int(le.Uint16(data)), int(le.Uint16(data[2:]))
	if at+n > len(data) || n == 0 {
		return "", fmt.Errorf("link past its end: %w", volume.ErrCorrupt)
	}
	name := strings.ReplaceAll(utf16Text(data[at:at+n]), `\`, "/")
	if tag == tagSymlink && le.Uint32(data[8:])&1 != 0 { // SYMLINK_FLAG_RELATIVE
		return name, nil
	}
	name = strings.TrimPrefix(name, "/??/")
	if len(name) >= 2 && name[1] == ':' {
		if name[0]|0x20 != 'c' {
			return "", fmt.Errorf("link to drive %s: %w", name[:2], volume.ErrUnsupported)
		}
		return "/" + strings.Trim(name[2:], "/"), nil
	}
	return "", fmt.Errorf("link to %.80q, another volume: %w", name, volume.ErrUnsupported)
}
