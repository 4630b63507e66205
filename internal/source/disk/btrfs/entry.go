package btrfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// entry is a name in a folder.
type entry struct {
	location key
	kind     uint8
	name     string
}

// parseEntries reads the entries of one item; several stand in it where the hashes of names are the same (struct btrfs_dir_item).
func parseEntries(b []byte) ([]entry, error) {
	const head = 30
	var out []entry
	for len(b) > 0 {
		if len(b) < head {
			return out, fmt.Errorf("entry cut off: %w", volume.ErrCorrupt)
		}
		data, name := int(binary.LittleEndian.Uint16(b[25:])), int(binary.LittleEndian.Uint16(b[27:]))
		if name == 0 || head+name+data > len(b) {
			return out, fmt.Errorf("entry with a name of %d bytes: %w", name, volume.ErrCorrupt)
		}
		e := entry{location: parseKey(b), kind: b[29], name: string(b[head : head+name])}
		if e.kind&0x80 != 0 {
			return out, fmt.Errorf("encrypted name: %w", volume.ErrUnsupported)
		}
		out = append(out, e)
		b = b[head+name+data:]
	}
	return out, nil
}

// ref is a name of an inode.
type ref struct {
	parent uint64
	name   string
}

// parseRefs reads the names that an item gives an inode: INODE_REF has one folder in its key, INODE_EXTREF each its own.
func parseRefs(k key, b []byte) ([]ref, error) {
	le := binary.LittleEndian
	head := 10
	if k.kind == itemExtRef {
		head = 18
	}
	var out []ref
	for len(b) > 0 {
		if len(b) < head || len(b) < head+int(le.Uint16(b[head-2:])) {
			return out, fmt.Errorf("name of inode %d cut off: %w", k.object, volume.ErrCorrupt)
		}
		end := head + int(le.Uint16(b[head-2:]))
		r := ref{parent: k.offset, name: string(b[head:end])}
		if k.kind == itemExtRef {
			r.parent = le.Uint64(b)
		}
		out = append(out, r)
		b = b[end:]
	}
	return out, nil
}
