// Package disk reads disks without an agent and without mounting them: a raw
// image or the blocks of a snapshot become volumes, file systems (io/fs, read
// only) and one joined root. Every volume that is found is listed; one that
// cannot be read carries the reason.
package disk

import "hinomi/internal/source/disk/volume"

// The words that this package shares with the readers of file systems.
type (
	// Device is a run of bytes that is only read.
	Device = volume.Device
	// FS is one file system, read only.
	FS = volume.FS
	// File is what FS.Open returns for anything but a folder.
	File = volume.File
	// Info describes a file system.
	Info = volume.Info
	// Stat is what FileInfo.Sys holds.
	Stat = volume.Stat
)

// The errors that this package shares with the readers of file systems.
var (
	ErrUnsupported = volume.ErrUnsupported
	ErrCorrupt     = volume.ErrCorrupt
	ErrLimit       = volume.ErrLimit
	ErrLoop        = volume.ErrLoop
)
