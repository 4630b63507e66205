package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// What only this processor's list of calls has.
var plainHere, hostileHere []uint32
