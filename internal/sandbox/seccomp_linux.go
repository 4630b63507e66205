//go:build linux && (amd64 || arm64)

package sandbox

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccomp lets every thread make only the system calls that Go's runtime and pipes need (seccomp(2)). What only an intruder wants ends the
// process; all else is answered with EPERM, since honest code may ask for a file, such as that of a time zone, and live without it.
func seccomp() (string, error) {
	prog := filter(uint32(os.Getpid())) //nolint:gosec // G115: positive
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	stuck, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog))) //nolint:gosec // G103: the kernel's interface
	switch {
	case errno == unix.ENOSYS || errno == unix.EINVAL:
		return "", fmt.Errorf("%w: this kernel has no filters of system calls: %w", errLacks, errno)
	case errno != 0:
		return "", fmt.Errorf("set the filter: %w", errno)
	case stuck != 0:
		return "", fmt.Errorf("set the filter: thread %d has another one", stuck)
	}
	return "seccomp", nil
}

// The places of struct seccomp_data (seccomp(2)); the low half of an argument, on little-endian processors.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

const (
	retKill  = unix.SECCOMP_RET_KILL_PROCESS
	retAllow = unix.SECCOMP_RET_ALLOW
	retEPERM = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
)

// threadFlags are what Go, and C libraries for Go programs that use C, start threads with. No process and no namespace comes of them.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
	unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID | unix.CLONE_DETACHED

// filter is the program: the call's number against the list, the most frequent first.
func filter(pid uint32) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	ret := func(v uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v} }
	p := []unix.SockFilter{
		load(dataArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(retKill),
		load(dataNumber), jump(unix.BPF_JGE, 0x40000000, 0, 1), ret(retKill), // the x32 interface of amd64; no other has such numbers
	}
	// on looks at a call: where is which argument counts and what is done with it.
	on := func(number uint32, then ...unix.SockFilter) {
		p = append(p, jump(unix.BPF_JEQ, number, 0, uint8(len(then)))) //nolint:gosec // G115: a few
		p = append(p, then...)
	}
	argument := func(n uint32) unix.SockFilter { return load(dataArgs + 8*n) }
	for _, number := range plain {
		on(number, ret(retAllow))
	}
	for _, number := range []uint32{unix.SYS_MMAP, unix.SYS_MPROTECT} { // no new code
		on(number, argument(2), jump(unix.BPF_JSET, unix.PROT_EXEC, 0, 1), ret(retKill), ret(retAllow))
	}
	on(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, ^uint32(threadFlags), 2, 0), jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), ret(retAllow), ret(retKill))
	on(unix.SYS_CLONE3, ret(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))) // its flags cannot be seen here; C libraries then use clone
	on(unix.SYS_TGKILL, argument(0), jump(unix.BPF_JEQ, pid, 0, 1), ret(retAllow), ret(retKill))
	on(unix.SYS_PRCTL, argument(0), jump(unix.BPF_JEQ, unix.PR_SET_VMA, 0, 1), ret(retAllow), ret(retEPERM)) // names of memory, by Go's runtime
	for _, number := range hostile {
		on(number, ret(retKill))
	}
	return append(p, ret(retEPERM))
}

// plain are the calls that are allowed whatever their arguments, the most frequent first. No descriptor is open but the pipes and files for reading.
var plain = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_FUTEX, unix.SYS_MADVISE, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETPID,
	unix.SYS_SCHED_YIELD, unix.SYS_MUNMAP, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2,
	unix.SYS_CLOSE, unix.SYS_BRK, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY, unix.SYS_GETTID, unix.SYS_GETRANDOM,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_PREAD64,                                             // of a file that was handed over
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER, // threads of C libraries
}, plainHere...)

// hostile are calls that no reader of disks makes: other programs and processes, the network, other privileges, the kernel's own levers.
var hostile = append([]uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVMSG,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT,
	unix.SYS_FSOPEN, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER,
	unix.SYS_IO_URING_REGISTER, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE,
	unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_CAPSET,
	unix.SYS_PKEY_MPROTECT, unix.SYS_MEMFD_CREATE, unix.SYS_OPEN_BY_HANDLE_AT,
}, hostileHere...)
