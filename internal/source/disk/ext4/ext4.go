// Package ext4 reads ext2, ext3 and ext4 without mounting them: superblock and
// its backups, extents and indirect blocks, inline data, every directory form,
// metadata checksums, and the journal replayed in memory. The format is that of
// the kernel's Documentation/filesystems/ext4 and of fs/ext4.
package ext4

import (
	"fmt"
	"io"
	"io/fs"
	"sync"

	"hinomi/internal/source/disk/volume"
)

// maxLink is the longest target of a symbolic link, PATH_MAX.
const maxLink = 4096

// reader is an open file system. It implements volume.Inodes.
type reader struct {
	blocks *blocks
	super  super
	notes  notes
	fast   fastCommits
	chunks sync.Pool // of *[]byte, for the blocks of folders
}

// Open reads the superblock, replays the journal in memory if the file system
// was in use, and returns the file system. The error wraps
// volume.ErrUnsupported, with the feature's name, or volume.ErrCorrupt.
func Open(dev volume.Device) (volume.FS, error) {
	s, err := readSuper(dev)
	if err != nil {
		return nil, err
	}
	r := &reader{blocks: newBlocks(dev, s.blockBits), super: s, chunks: sync.Pool{New: func() any { return new([]byte) }}}
	if s.fromBackup != 0 {
		r.notes.fact("primary superblock unusable: the backup in block %d was used", s.fromBackup)
	}
	if size := int64(s.blocks << s.blockBits); size > dev.Size() {
		r.notes.gap("the file system has %d bytes, the device %d: what lies past its end cannot be read", size, dev.Size())
	}
	if err := r.replayJournal(); err != nil {
		return nil, err
	}
	if r.super.state&stateErrors != 0 {
		r.notes.fact("the kernel has recorded errors in this file system")
	}
	_, root, err := r.inode(rootInode)
	if err != nil {
		return nil, fmt.Errorf("root folder: %w", err)
	}
	if !root.Mode.IsDir() {
		return nil, fmt.Errorf("root inode is not a folder: %w", volume.ErrCorrupt)
	}
	return volume.NewTree(r), nil
}

// Root implements volume.Inodes.
func (r *reader) Root() uint64 { return rootInode }

// Close implements volume.Inodes.
func (r *reader) Close() error { return nil }

// Info implements volume.Inodes.
func (r *reader) Info() volume.Info {
	facts, gaps := r.notes.lists()
	return volume.Info{
		Type: r.super.kind(), Label: r.super.label, UUID: formatUUID(r.super.uuid),
		BlockSize: r.super.blockSize, Size: int64(r.super.blocks << r.super.blockBits),
		Notes: facts, Gaps: gaps,
	}
}

// Inode implements volume.Inodes.
func (r *reader) Inode(ino uint64) (*volume.Inode, error) {
	if ino > uint64(r.super.inodes) {
		return nil, fmt.Errorf("inode %d of %d: %w", ino, r.super.inodes, volume.ErrCorrupt)
	}
	_, in, err := r.inode(uint32(ino))
	return in, err
}

// Entries implements volume.Inodes.
func (r *reader) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	return r.entries(dir.Private.(*inode))
}

// Content implements volume.Inodes.
func (r *reader) Content(file *volume.Inode) (io.ReaderAt, error) {
	return r.open(file.Private.(*inode))
}

// Target implements volume.Inodes.
func (r *reader) Target(link *volume.Inode) (string, error) {
	in := link.Private.(*inode)
	if link.Mode.Type() != fs.ModeSymlink {
		return "", fmt.Errorf("inode %d is not a symbolic link: %w", in.ino, fs.ErrInvalid)
	}
	if in.size <= 0 || in.size > maxLink {
		return "", fmt.Errorf("inode %d: link of %d bytes: %w", in.ino, in.size, volume.ErrCorrupt)
	}
	if in.has(flagEncrypt) {
		return "", fmt.Errorf("encrypted link (fscrypt): %w", volume.ErrUnsupported)
	}
	if r.fastLink(in) {
		if in.size > blockArea {
			return "", fmt.Errorf("inode %d: link of %d bytes in the inode: %w", in.ino, in.size, volume.ErrCorrupt)
		}
		return string(in.block[:in.size]), nil
	}
	data, err := r.open(in)
	if err != nil {
		return "", err
	}
	target := make([]byte, in.size)
	if _, err := data.ReadAt(target, 0); err != nil {
		return "", err
	}
	return string(target), nil
}

// fastLink says whether the target stands in place of the block map
// (ext4_inode_is_fast_symlink).
func (r *reader) fastLink(in *inode) bool {
	if r.super.has(incompatEAInode) {
		return in.size < blockArea
	}
	if in.has(flagInline) {
		return false
	}
	sectors := in.sectors
	if own := uint64(r.super.blockSize) * r.super.clusterBlocks >> 9; in.acl != 0 && sectors >= own {
		sectors -= own
	}
	return sectors == 0
}
