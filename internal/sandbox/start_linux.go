package sandbox

import (
	"os"
	"syscall"
)

// way is one way of starting a child, with what it adds to the walls.
type way struct {
	layers []string
	attr   *syscall.SysProcAttr
}

// nobody is the user that a child is in its own user namespace (the kernel's overflow ID).
const nobody = 65534

// ways lists the ways of starting a child, the best first. Containers and some distributions refuse namespaces to those who are not root.
func ways() []way {
	base := syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	apart := base
	apart.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	apart.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
	apart.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
	return []way{{[]string{"user namespace", "network namespace"}, &apart}, {nil, &base}}
}

// selfPath names the file of this process even if it was replaced or removed.
func selfPath() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err != nil {
		return os.Executable()
	}
	return self, nil
}

// The names of signals that signalOf gives and death knows.
var (
	refusedCall = syscall.SIGSYS.String()
	signalKill  = syscall.SIGKILL.String()
)

// signalOf names the signal that ended a process; "" if none did.
func signalOf(s *os.ProcessState) string {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return w.Signal().String()
	}
	return ""
}

// peak returns the most memory that a process had resident, in bytes (getrusage(2): ru_maxrss in KiB).
func peak(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return int64(u.Maxrss) << 10 //nolint:unconvert // 32 bits on some processors
	}
	return 0
}
