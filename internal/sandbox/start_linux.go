package sandbox

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
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

// widen lets a pipe hold a whole answer, so that the parent need not wait for the child in the middle of one. A system that does not let it be
// so wide only makes reading dearer.
func widen(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, maxRead) })
}

// readOnly reports whether a file is open for nothing but reading (fcntl(2): F_GETFL).
func readOnly(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	flags := unix.O_RDWR
	err = raw.Control(func(fd uintptr) {
		if got, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err == nil {
			flags = got
		}
	})
	return err == nil && flags&(unix.O_ACCMODE|unix.O_PATH) == unix.O_RDONLY
}

// readFile fills p from a descriptor, or says why not.
func readFile(fd int, p []byte, off int64) (done int, err error) {
	for done < len(p) {
		n, err := unix.Pread(fd, p[done:], off+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, err
		case n == 0:
			return done, io.ErrUnexpectedEOF
		default:
			done += n
		}
	}
	return done, nil
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
