package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"hinomi/internal/sandbox"
)

// frames records what a real child says to its parent and the other way round.
func frames(f *testing.F) (child, parent []byte) {
	f.Helper()
	toChild, fromParent := io.Pipe()
	toParent, fromChild := io.Pipe()
	var said, told bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		err := sandbox.Unconfined(context.Background(), toChild, io.MultiWriter(fromChild, &said), works["copy"])
		ended <- errors.Join(err, fromChild.Close())
	}()
	device := sandbox.Device{Source: bytes.NewReader([]byte("a disk")), Size: 6}
	if _, _, err := sandbox.Talk(toParent, io.MultiWriter(fromParent, &told), sandbox.Limits{}, []byte("job"), []sandbox.Device{device}); err != nil {
		f.Fatal(err)
	}
	if err := <-ended; err != nil {
		f.Fatal(err)
	}
	return said.Bytes(), told.Bytes()
}

// FuzzParent gives the parent what a hostile child may say: an end or an error, within bounds.
func FuzzParent(f *testing.F) {
	said, _ := frames(f)
	f.Add(said)
	f.Add([]byte{66, 1, 0, 0, 0, 20, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		device := sandbox.Device{Source: bytes.NewReader(make([]byte, 4096)), Size: 4096}
		limits := sandbox.Limits{ResultBytes: 1 << 20, ReadBytes: 1 << 20, Messages: 1000}
		out, report, err := sandbox.Talk(bytes.NewReader(b), io.Discard, limits, nil, []sandbox.Device{device})
		if err == nil && len(report.Layers) == 0 && !bytes.HasPrefix(b, []byte{65}) {
			t.Errorf("a result of %d bytes without first words", len(out))
		}
		if len(out) > 1<<20 || report.Bytes > 1<<20+4096 {
			t.Errorf("got %d bytes, %d read", len(out), report.Bytes)
		}
	})
}

// FuzzChild gives the child broken answers of a parent: it ends, and never hangs.
func FuzzChild(f *testing.F) {
	_, told := frames(f)
	f.Add(told)
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = sandbox.Unconfined(t.Context(), bytes.NewReader(b), io.Discard, func(_ context.Context, s *sandbox.Session) ([]byte, error) {
			for _, d := range s.Devices() {
				if _, err := d.ReadAt(make([]byte, 100), 0); err != nil {
					return nil, err
				}
			}
			return s.Job(), nil
		})
	})
}
