//go:build unix

package mount

import "syscall"

// kernelIdentity takes device and inode from what os.File.Stat tells.
func kernelIdentity(sys any) (Identity, bool) {
	s, ok := sys.(*syscall.Stat_t)
	if !ok {
		return Identity{}, false
	}
	return Identity{dev: uint64(s.Dev), ino: s.Ino}, true // other unixes have narrower types
}
