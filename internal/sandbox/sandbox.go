// Package sandbox runs code that reads hostile bytes in a child process that can do nothing but compute and ask: no files, no network, no
// environment, no other programs, and bounds on memory and time. The parent does the reading of devices and hands the bytes over a pipe; how
// the child ends is an error of that one run and never the parent's end. What the child says is as hostile as what it reads.
//
// What this system cannot give is left out and named in Report.Missing.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Command starts the child: a program that calls Child at once.
type Command struct {
	Path string
	Args []string // with the program's own name first
}

// Self is the program that runs, with other arguments after its name. On Linux it is the very file that was started, even if another version
// has been put in its place since.
func Self(args ...string) (Command, error) {
	path, err := selfPath()
	if err != nil {
		return Command{}, fmt.Errorf("find the program itself: %w", err)
	}
	return Command{Path: path, Args: append([]string{os.Args[0]}, args...)}, nil
}

// Limits bound one run. A zero field takes the default that it names.
type Limits struct {
	MemoryBytes int64         // of the child's data, hard; 1 GiB. The garbage collector works harder from three quarters on
	CPU         time.Duration // of the child on all processors, whole seconds; 15 minutes
	Wall        time.Duration // from start to result; 4 hours
	Silence     time.Duration // without a word from the child while nobody owes it an answer; 5 minutes
	Hello       time.Duration // until the child stands inside its walls; 30 seconds
	ReadBytes   int64         // that the child may ask for in all; 16 times the devices' sizes, and 1 GiB
	Messages    int64         // from the child, of any kind; 50 million
	ResultBytes int64         // 256 MiB
}

func (l Limits) withDefaults(devices []Device) Limits {
	l.MemoryBytes = orElse(l.MemoryBytes, 1<<30)
	l.CPU = orElse(l.CPU, 15*time.Minute)
	l.Wall = orElse(l.Wall, 4*time.Hour)
	l.Silence = orElse(l.Silence, 5*time.Minute)
	l.Hello = orElse(l.Hello, 30*time.Second)
	l.Messages = orElse(l.Messages, 50_000_000)
	l.ResultBytes = orElse(l.ResultBytes, 256<<20)
	if l.ReadBytes <= 0 {
		l.ReadBytes = 1 << 30
		for _, d := range devices {
			if l.ReadBytes += 16 * min(max(d.Size, 0), 1<<50); l.ReadBytes < 0 || l.ReadBytes > 1<<60 {
				l.ReadBytes = 1 << 60
			}
		}
	}
	return l
}

func orElse[T int64 | time.Duration](v, other T) T {
	if v > 0 {
		return v
	}
	return other
}

// Range is a run of bytes of a device.
type Range struct{ Offset, Length int64 }

// Device is what the child may read, and all that it may read. Source must be safe for concurrent use and hold Size bytes.
type Device struct {
	Source io.ReaderAt
	Size   int64
	// File is a local file with the same bytes, or nil. One that is open for reading only is handed to the child as it is, where the system
	// can keep the child from doing more with it; then Source is not asked and reading costs what it costs without a child.
	File     *os.File
	Parallel int           // answers in the making at once; 0 or 1: one after the other, which is cheapest where reading does not wait
	Prefetch func([]Range) // told what the child will want soon, nil if that helps nothing; must not block
}

// Report says how a run was walled in and what it cost.
type Report struct {
	Layers  []string // that were on
	Missing []string // that were not, each with its reason
	Reads   int64    // requests of the child; a file that it was handed it reads without
	Bytes   int64    // handed to it
	CPU     time.Duration
	Peak    int64   // bytes resident at most, of the child; 0 if this system does not tell
	faults  []fault // of devices
}

// fault is an error of a device, by the number under which the child was told of it.
type fault struct {
	number uint32
	err    error
}

// maxFaults bounds the errors that are kept by their number; a child that goes on after so many meets the same ones again.
const maxFaults = 64

// Fault returns the error behind a DeviceError of the child, by its number; nil if there is none.
func (r *Report) Fault(number uint32) error {
	for _, f := range r.faults {
		if f.number == number {
			return f.err
		}
	}
	return nil
}

// How a child can end other than with a result. Each comes as an *Error.
var (
	ErrKilled   = errors.New("the process that reads died")
	ErrTimeout  = errors.New("the process that reads took too long")
	ErrProtocol = errors.New("the process that reads spoke nonsense")
)

// Error is the end of a child without a result.
type Error struct {
	Kind   error  // ErrKilled, ErrTimeout or ErrProtocol
	Why    string // on one line, printable
	Stderr string // what it wrote to standard error, printable, its first and its last part
}

// Error implements error.
func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Why }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// DeviceError is how the child sees that a device could not be read.
type DeviceError struct {
	Number uint32 // for Report.Fault
	Text   string
}

// Error implements error.
func (e *DeviceError) Error() string { return e.Text }
