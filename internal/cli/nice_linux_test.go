package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hinomi/internal/cli"
)

const niceChild = "HINOMI_TEST_NICE_CHILD"

// TestBeNice lowers the priority of a process of its own: of every thread that it has, and of those that come after, for processor and disk.
func TestBeNice(t *testing.T) {
	if os.Getenv(niceChild) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBeNice$", "-test.v")
		cmd.Env = append(os.Environ(), niceChild+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PASS: TestBeNice") {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Log(string(out))
		return
	}
	var hold, up []chan struct{}
	threads := func(n int) {
		for range n {
			h, u := make(chan struct{}), make(chan struct{})
			hold, up = append(hold, h), append(up, u)
			go func() {
				runtime.LockOSThread()
				close(u)
				<-h
			}()
		}
		for _, u := range up {
			<-u
		}
	}
	threads(4)
	cli.BeNice()
	threads(4)
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(tasks) < 8 {
		t.Fatalf("%d threads, %v", len(tasks), err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		nice, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		if err != nil || nice != 1 { // getpriority(2): the kernel answers 20 minus the value
			t.Errorf("thread %d has nice %d, want 19 (%v)", id, 20-nice, err)
		}
		class, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, 1, uintptr(id), 0)
		if errno != 0 || class>>13 != 3 {
			t.Errorf("thread %d has I/O class %d, want 3, idle (%v)", id, class>>13, errno)
		}
	}
	for _, h := range hold {
		close(h)
	}
	t.Logf("%d threads", len(tasks))
}

// TestBoundMemory has the kernel refuse what is beyond the bound.
func TestBoundMemory(t *testing.T) {
	if os.Getenv(niceChild) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBoundMemory$")
		cmd.Env = append(os.Environ(), niceChild+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "out of memory") && !strings.Contains(string(out), "cannot allocate memory") { // two places of Go's runtime
			t.Fatalf("a process took 1 GiB with a bound of 512 MiB: %v\n%.2000s", err, out)
		}
		return
	}
	cli.BoundMemory(512 << 20)
	var all [][]byte // in pieces, as a heap grows: the kernel looks at each new mapping
	for range 256 {
		b := make([]byte, 4<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	t.Log(len(all))
}
