//go:build unix

package extract

import "syscall"

// kernelIdentity takes device and inode from what os.File.Stat tells.
func kernelIdentity(sys any) (identity, bool) {
	s, ok := sys.(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{dev: uint64(s.Dev), ino: s.Ino}, true // other unixes have narrower types
}
