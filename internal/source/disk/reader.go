package disk

import (
	"bytes"

	"hinomi/internal/source/disk/btrfs"
	"hinomi/internal/source/disk/erofs"
	"hinomi/internal/source/disk/ext4"
	"hinomi/internal/source/disk/ntfs"
	"hinomi/internal/source/disk/squashfs"
	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs"
)

// reader is a file system that can be read.
type reader struct {
	name  string
	probe func(head []byte) bool
	open  func(volume.Device) (FS, error)
}

// readers lists every file system that can be read.
func readers() []reader {
	return []reader{
		{"xfs", func(head []byte) bool { return bytes.HasPrefix(head, []byte("XFSB")) }, openXFS},
		{"ext4", ext4.Probe, ext4.Open}, // and ext2, ext3
		{"ntfs", ntfs.Probe, ntfs.Open},
		{typeBtrfs, btrfs.Probe, btrfs.Open},
		{typeEROFS, erofs.Probe, erofs.Open},
		{typeSquash, squashfs.Probe, squashfs.Open},
	}
}

func openXFS(dev volume.Device) (FS, error) { return xfs.Open(dev, xfs.Options{}) }
