//go:build unix

package cli

import "golang.org/x/sys/unix"

// beNice lets everything else on the host go first. A host that refuses it is none the worse.
func beNice() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
}
