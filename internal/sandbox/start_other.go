//go:build !linux

package sandbox

import (
	"errors"
	"os"
	"syscall"
)

// way is one way of starting a child, with what it adds to the walls.
type way struct {
	layers []string
	attr   *syscall.SysProcAttr
}

// ways lists the ways of starting a child: this system has only the plain one.
func ways() []way { return []way{{nil, &syscall.SysProcAttr{}}} }

// widen does nothing: pipes are as wide as this system makes them.
func widen(*os.File) {}

// readOnly is false: no filter here keeps a child from doing more with a file.
func readOnly(*os.File) bool { return false }

// readFile is never needed, since no file is handed over.
func readFile(int, []byte, int64) (int, error) { return 0, errors.New("no file was handed over") }

func selfPath() (string, error) { return os.Executable() }

// The names of signals that signalOf gives and death knows.
const (
	refusedCall = "no signal of this system"
	signalKill  = "killed"
)

// signalOf names the signal that ended a process; "" if none did.
func signalOf(s *os.ProcessState) string {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return w.Signal().String()
	}
	return ""
}

// peak is not told alike by all systems.
func peak(*os.ProcessState) int64 { return 0 }
