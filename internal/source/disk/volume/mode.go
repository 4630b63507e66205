package volume

import (
	"fmt"
	"io/fs"
)

// Mode makes an fs.FileMode of the mode of a Unix inode, as inode(7) describes st_mode. A type that is none wraps ErrCorrupt.
func Mode(mode uint32) (fs.FileMode, error) {
	out := fs.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			out |= flag
		}
	}
	switch mode & 0o170000 {
	case 0o100000:
	case 0o040000:
		out |= fs.ModeDir
	case 0o120000:
		out |= fs.ModeSymlink
	case 0o020000:
		out |= fs.ModeDevice | fs.ModeCharDevice
	case 0o060000:
		out |= fs.ModeDevice
	case 0o010000:
		out |= fs.ModeNamedPipe
	case 0o140000:
		out |= fs.ModeSocket
	default:
		return 0, fmt.Errorf("mode %#o: %w", mode, ErrCorrupt)
	}
	return out, nil
}
