package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestParentKilled kills a parent with SIGKILL: its child goes with it, though it only sleeps and never looks at its pipes.
func TestParentKilled(t *testing.T) {
	for _, mode := range []string{"loop", "no-hello"} {
		t.Run(mode, func(t *testing.T) {
			parent := exec.CommandContext(t.Context(), os.Args[0], "__sandbox-parent", mode)
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			var child int
			until(t, "a child", func() bool { child = childOf(parent.Process.Pid); return child != 0 })
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait() // it was killed
			until(t, "the child's end", func() bool { return !runs(child) })
		})
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if holds() {
			return
		}
		<-tick.C
	}
	t.Fatalf("%s: not in 20 seconds", what)
}

// stat returns the state and the parent of a process (proc(5), /proc/pid/stat); "" if it is gone.
func stat(pid int) (state string, parent int) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	parent, _ = strconv.Atoi(f[1])
	return f[0], parent
}

// runs reports whether a process is there and no zombie that nobody has waited for.
func runs(pid int) bool {
	state, _ := stat(pid)
	return state != "" && state != "Z" && state != "X"
}

func childOf(pid int) int {
	list, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range list {
		n, _ := strconv.Atoi(filepath.Base(p))
		if _, parent := stat(n); parent == pid {
			return n
		}
	}
	return 0
}
