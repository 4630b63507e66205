package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/sandbox"
)

// asChild makes the test binary a child; the argument behind it says what that does.
const asChild = "__sandbox-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == asChild {
		if err := childMain(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "__sandbox-parent" {
		parentMain(os.Args[2])
		return
	}
	os.Exit(all(m))
}

// all runs the tests.
func all(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hinomi-sandbox-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	pure = sync.OnceValues(func() (string, error) {
		binary := filepath.Join(dir, "pure.test")
		cmd := exec.Command("go", "test", "-c", "-o", binary, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return binary, nil
	})
	return m.Run()
}

// pure builds these tests as the released program is built: without C, which keeps Landlock from all threads, and without the race detector,
// which takes more memory than a child has.
var pure func() (string, error)

func childMain(mode string) error {
	ctx := context.Background()
	switch mode {
	case "garbage":
		_, err := os.Stdout.WriteString("usage: this is another program\n")
		return err
	case "no-hello":
		time.Sleep(time.Hour)
	case "landlock-only":
		return sandbox.WithOnly(ctx, os.Stdin, os.Stdout, attempts, "landlock")
	case "quiet-death":
		fmt.Fprint(os.Stderr, "\x1b[31mlast words\n")
		os.Exit(7)
	}
	if mode == "misuse" {
		return sandbox.Child(ctx, os.Stdin, os.Stdout, misuse)
	}
	work, ok := works[mode]
	if !ok {
		return fmt.Errorf("no work %q", mode)
	}
	return sandbox.Child(ctx, os.Stdin, os.Stdout, work)
}

// works are what a child can be told to do.
var works = map[string]sandbox.Work{
	"echo":     func(_ context.Context, s *sandbox.Session) ([]byte, error) { return bytes.ToUpper(s.Job()), nil },
	"attempts": attempts,
	"copy":     copyDevices,
	"talk": func(_ context.Context, s *sandbox.Session) ([]byte, error) {
		for i := range 3 {
			if err := s.Send([]byte{byte('a' + i)}); err != nil {
				return nil, err
			}
		}
		return nil, s.Devices()[0].Hint([]sandbox.Range{{Offset: 10, Length: 20}, {Offset: 90, Length: 50}, {Offset: 1 << 40, Length: 1}})
	},
	"faulty": func(_ context.Context, s *sandbox.Session) ([]byte, error) {
		_, err := s.Devices()[0].ReadAt(make([]byte, 10), 0)
		var d *sandbox.DeviceError
		if !errors.As(err, &d) {
			return nil, fmt.Errorf("want a DeviceError: %w", err)
		}
		return json.Marshal(d)
	},
	"allocate": func(context.Context, *sandbox.Session) ([]byte, error) {
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			all = append(all, b)
			if len(all) > 1<<20 {
				return b, nil
			}
		}
	},
	"recurse": func(context.Context, *sandbox.Session) ([]byte, error) { return make([]byte, deep(1)), nil },
	"loop": func(context.Context, *sandbox.Session) ([]byte, error) {
		for { //nolint:staticcheck // SA5002: to spin is its work
		}
	},
	"sleep": func(context.Context, *sandbox.Session) ([]byte, error) { time.Sleep(time.Hour); return nil, nil },
	"panic": func(context.Context, *sandbox.Session) ([]byte, error) {
		var m map[string]int
		m["a\x1b[31m"] = 1 //nolint:staticcheck // SA5000: to panic is its work
		return nil, nil
	},
	"socket": func(context.Context, *sandbox.Session) ([]byte, error) {
		_, err := net.Dial("tcp", "127.0.0.1:1")
		return nil, err
	},
	"exec": func(context.Context, *sandbox.Session) ([]byte, error) {
		return nil, syscall.Exec("/bin/true", []string{"true"}, nil)
	},
	"fork": func(context.Context, *sandbox.Session) ([]byte, error) { return nil, exec.Command("/bin/true").Run() },
	"kill": func(context.Context, *sandbox.Session) ([]byte, error) { return nil, syscall.Kill(os.Getppid(), 0) },
	"big":  func(context.Context, *sandbox.Session) ([]byte, error) { return make([]byte, 3<<20), nil },
	"babble": func(_ context.Context, s *sandbox.Session) ([]byte, error) {
		for {
			if err := s.Send(nil); err != nil {
				return nil, err
			}
		}
	},
	"greedy": func(_ context.Context, s *sandbox.Session) ([]byte, error) {
		b := make([]byte, 4096)
		for {
			if _, err := s.Devices()[0].ReadAt(b, 0); err != nil {
				return nil, err
			}
		}
	},
	"nonsense": func(context.Context, *sandbox.Session) ([]byte, error) {
		_, err := os.Stdout.Write(bytes.Repeat([]byte{0xee}, 100))
		return nil, err
	},
	"outside": func(context.Context, *sandbox.Session) ([]byte, error) {
		frame := append([]byte{66, 1, 0, 0, 0, 20, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 20)...)
		_, err := os.Stdout.Write(frame)
		return nil, errors.Join(err, wait())
	},
	"liar": func(context.Context, *sandbox.Session) ([]byte, error) {
		_, err := os.Stdout.Write([]byte{70, 0, 0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0}) // the end of a result that never came
		return nil, errors.Join(err, wait())
	},
}

func wait() error { time.Sleep(time.Hour); return nil }

func deep(n int) int {
	var room [4096]byte
	room[n%len(room)] = 1
	return deep(n+1) + int(room[n%7]) //nolint:staticcheck // SA5007: to end at the stack's limit is its work
}

// attempts tries all that a child must not do and that does not end it, and tells what came of each.
func attempts(context.Context, *sandbox.Session) ([]byte, error) {
	out := map[string]string{}
	try := func(name string, f func() error) {
		if err := f(); err != nil {
			out[name] = err.Error()
		} else {
			out[name] = "done"
		}
	}
	try("read a file", func() error { _, err := os.ReadFile("/etc/passwd"); return err })
	try("read its own binary", func() error { _, err := os.Open("/proc/self/exe"); return err })
	try("list a folder", func() error { _, err := os.ReadDir("/"); return err })
	try("write a file", func() error { return os.WriteFile("/tmp/hinomi-sandbox-escape", []byte("x"), 0o600) })
	try("remove a file", func() error { return os.Remove("/tmp/hinomi-sandbox-victim") })
	try("read the parent's environment", func() error { _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid())); return err })
	try("use an inherited descriptor", func() error {
		for fd := 3; fd < 64; fd++ {
			if n, err := syscall.Pread(fd, make([]byte, 6), 0); err == nil && n == 6 {
				return nil
			}
		}
		return errors.New("none")
	})
	// Every thread, not only the first: many at a time, each waiting for the last.
	var all sync.WaitGroup
	var mu sync.Mutex
	started := make(chan struct{})
	for i := range 16 {
		all.Go(func() {
			<-started
			_, err := os.Open("/etc/hostname")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				out[fmt.Sprintf("thread %d", i)] = "done"
			}
		})
	}
	close(started)
	all.Wait()
	for _, e := range os.Environ() {
		out["environment "+e] = e
	}
	dir, err := os.Getwd()
	out["folder"] = fmt.Sprint(dir, err)
	return json.Marshal(out)
}

// copyDevices returns the devices' bytes, asked for by many at a time in pieces of odd sizes.
func copyDevices(_ context.Context, s *sandbox.Session) ([]byte, error) {
	var out []byte
	for _, d := range s.Devices() {
		b := make([]byte, d.Size())
		var all sync.WaitGroup
		faults := make(chan error, 1)
		const piece = 70_001
		for off := int64(0); off < d.Size(); off += piece {
			all.Go(func() {
				want := b[off:min(off+piece, d.Size())]
				if n, err := d.ReadAt(want, off); n != len(want) || err != nil {
					select {
					case faults <- fmt.Errorf("read at %d: %d, %w", off, n, err):
					default:
					}
				}
			})
		}
		all.Wait()
		select {
		case err := <-faults:
			return nil, err
		default:
		}
		if n, err := d.ReadAt(make([]byte, 10), d.Size()-3); n != 3 || !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("at the end: %d, %w", n, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

// parentMain runs a child that never ends, and says which.
func parentMain(mode string) {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := sandbox.Command{Path: path, Args: []string{path, asChild, mode}}
	_, _, err = sandbox.Run(context.Background(), c, sandbox.Limits{}, nil, nil, nil)
	fmt.Println(err)
}
