package sandbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hinomi/internal/sandbox"
)

// misuse copies the devices, and before that tries to do more with the first one's descriptor than to read.
func misuse(ctx context.Context, s *sandbox.Session) ([]byte, error) {
	const handed = 3
	if n, err := syscall.Pwrite(handed, []byte("spoiled"), 0); err == nil {
		return nil, fmt.Errorf("%d bytes written", n)
	}
	for name, call := range map[string]func() error{
		"truncate": func() error { return syscall.Ftruncate(handed, 0) },
		"mode":     func() error { return syscall.Fchmod(handed, 0o777) },
		"reopen":   func() error { _, err := os.OpenFile("/proc/self/fd/3", os.O_RDWR, 0); return err },
		"ioctl": func() error {
			if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, handed, 0x5401, 0); errno != 0 {
				return errno
			}
			return nil
		},
	} {
		if err := call(); !errors.Is(err, syscall.EPERM) {
			return nil, fmt.Errorf("%s: got %w, want it refused", name, err)
		}
	}
	return copyDevices(ctx, s)
}

// TestFile hands a file that can only be read to the child, which can do nothing else with it; one that could be written is read for it.
func TestFile(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags, asked int
		mode         string
	}{"read_only": {os.O_RDONLY, 0, "misuse"}, "writable": {os.O_RDWR, 1, "copy"}} {
		t.Run(name, func(t *testing.T) {
			f, err := os.OpenFile(path, c.flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close() //nolint:errcheck // only read
			d := sandbox.Device{Source: bytes.NewReader(want), Size: int64(len(want)), File: f}
			other := sandbox.Device{Source: bytes.NewReader([]byte("other")), Size: 5} // by the pipe, beside it
			out, report, err := run(t, c.mode, sandbox.Limits{}, "", d, other)
			if err != nil {
				t.Fatal(err)
			}
			if sha256.Sum256(out) != sha256.Sum256(append(bytes.Clone(want), "other"...)) {
				t.Error("the bytes differ")
			}
			if asked := report.Bytes > int64(len(want)); asked != (c.asked == 1) || report.Reads == 0 {
				t.Errorf("the parent was asked for %d bytes", report.Bytes)
			}
		})
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	_, _, err = run(t, "copy", sandbox.Limits{}, "", sandbox.Device{Source: bytes.NewReader(want), Size: int64(len(want)) + 100, File: f})
	if !errors.Is(err, sandbox.ErrKilled) {
		t.Errorf("a file shorter than it is said to be: got %v", err)
	}
}
