//go:build unix && !linux

package cli

import "golang.org/x/sys/unix"

// beNice lets everything else on the host go first. A host that refuses it is none the worse.
func beNice() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
}

// boundMemory does nothing here: Go's own limit holds.
func boundMemory(uint64) {}
