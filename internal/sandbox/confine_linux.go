package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine walls this process in for good. Nothing from outside may have been read before. A layer that this kernel cannot give is missing with
// its reason; one that it can give and that fails all the same is an error.
func confine(l rules) (on, missing []string, err error) {
	runtime.LockOSThread() // no_new_privs is a thread's own until the filter spreads it
	defer runtime.UnlockOSThread()
	tame(l)
	if err := closeInherited(firstFile + l.Files); err != nil {
		return nil, nil, err
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) // before the parent, if memory runs out; a wish only
	if err := setLimits(l); err != nil {
		return nil, nil, err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("set not dumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("set no_new_privs: %w", err)
	}
	on = []string{"limits", "no_new_privs"}
	for _, layer := range []struct {
		name string
		set  func() (string, error)
	}{{"landlock", landlock}, {"seccomp", seccomp}} {
		what, err := layer.set()
		switch {
		case err == nil:
			on = append(on, what)
		case errors.Is(err, errLacks):
			missing = append(missing, layer.name+": "+err.Error())
		default:
			return nil, nil, fmt.Errorf("%s: %w", layer.name, err)
		}
	}
	return on, missing, nil
}

// errLacks marks a layer that this kernel or program cannot have.
var errLacks = errors.New("not to be had here")

// closeInherited closes what a careless parent of the parent left open, from a descriptor on. All that this process opened itself is closed on exec, and so is told apart.
func closeInherited(from int) error {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil //nolint:nilerr // no /proc: the pipes are all that the parent gives, and the filter lets nothing be opened
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < from {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue // the folder itself is closed by now
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("close inherited descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// arena is the size of the pieces in which Go takes address space that counts as data (runtime: heapArenaBytes on 64-bit systems).
const arena = 64 << 20

// setLimits sets the kernel's bounds. RLIMIT_AS is not among them: Go reserves far more than it uses. RLIMIT_NPROC counts all processes of the
// user, this child's threads among them, so that a fitting number cannot be told; the filter refuses new processes.
func setLimits(l rules) error {
	for _, r := range []struct {
		name  string
		which int
		value uint64
	}{
		{"RLIMIT_DATA", unix.RLIMIT_DATA, uint64(l.MemoryBytes) + arena}, //nolint:gosec // G115: Run made it positive
		{"RLIMIT_CPU", unix.RLIMIT_CPU, uint64(max(l.CPU.Seconds(), 1))},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 32 + uint64(l.Files)}, //nolint:gosec // G115: at most maxDevices
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0},
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 0},
		{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE, 0},
	} {
		// Not above what the process has: raising is not allowed, and not wanted.
		var now unix.Rlimit
		if err := unix.Getrlimit(r.which, &now); err != nil {
			return fmt.Errorf("read %s: %w", r.name, err)
		}
		v := min(r.value, now.Max)
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: v, Max: v}); err != nil {
			return fmt.Errorf("set %s: %w", r.name, err)
		}
	}
	return nil
}

// landlock forbids every thread all files, TCP and signals to others, as far as this kernel's Landlock knows them (kernel documentation,
// userspace-api/landlock, "Landlock ABI versions"). Its value for a program that uses C is none: such threads cannot all be reached.
func landlock() (string, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return "", fmt.Errorf("%w: this kernel has no Landlock: %w", errLacks, errno)
	}
	abi := int(v)
	attr := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	for _, more := range []struct {
		since int
		bits  uint64
	}{{2, unix.LANDLOCK_ACCESS_FS_REFER}, {3, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}} {
		if abi >= more.since {
			attr.Handled_access_fs |= more.bits
		}
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = unsafe.Offsetof(attr.Scoped)
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Offsetof(attr.Quiet_access_fs)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0) //nolint:gosec // G103: the kernel's interface
	if errno != 0 {
		return "", fmt.Errorf("make a ruleset: %w", errno)
	}
	defer unix.Close(int(fd)) //nolint:errcheck // the ruleset has done its work
	// Each thread is asked for its own, since only newer kernels do all at once.
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return "", fmt.Errorf("%w: not every thread of this program can be reached: %w", errLacks, errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return "", fmt.Errorf("restrict: %w", errno)
	}
	return fmt.Sprintf("landlock %d", abi), nil
}
