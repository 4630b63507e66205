package cli

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The idle class of I/O (ioprio_set(2); include/uapi/linux/ioprio.h: IOPRIO_CLASS_IDLE, IOPRIO_CLASS_SHIFT, IOPRIO_WHO_PROCESS).
const (
	ioClassIdle  = 3 << 13
	ioWhoProcess = 1
)

// beNice lets everything else on the host go first, processor and disk. On Linux both belong to a thread, and Go has several by now: each is asked
// for by itself, until no new one has come. A host that refuses it is none the worse.
func beNice() {
	done := map[int]bool{}
	for more := true; more; {
		more = false
		list, err := os.ReadDir("/proc/self/task")
		if err != nil {
			list = nil // without /proc it is this thread and those that it starts
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
		}
		for _, e := range list {
			id, err := strconv.Atoi(e.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], more = true, true
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, 19)
			_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioWhoProcess, uintptr(id), ioClassIdle)
		}
	}
}

// boundMemory has the kernel refuse memory beyond a bound in bytes: what Go's own limit, which is soft, does not hold. It is for the data of the
// process as the kernel counts it (getrlimit(2), RLIMIT_DATA), more than what is in use.
func boundMemory(bytes uint64) {
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &now) == nil && bytes < now.Cur {
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: now.Max})
	}
}
