package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// What only this processor's list of calls has.
var (
	plainHere   = []uint32{unix.SYS_EPOLL_WAIT}
	hostileHere = []uint32{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_ARCH_PRCTL}
)
