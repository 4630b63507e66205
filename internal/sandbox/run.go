package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Run starts a child, gives it a job and the devices, and returns its result. onMessage gets what it sends meanwhile, from one goroutine; nil:
// nobody listens. An end without a result is an *Error, or wraps the context's error. When Run returns the child is gone.
func Run(ctx context.Context, c Command, limits Limits, job []byte, devices []Device, onMessage func([]byte)) ([]byte, *Report, error) {
	if err := fits(job, devices); err != nil {
		return nil, &Report{}, err
	}
	limits = limits.withDefaults(devices)
	handed := handOver(devices)
	p, err := launch(c, limits, handed, devices)
	if err != nil {
		return nil, &Report{}, fmt.Errorf("start the process that reads: %w", err)
	}
	k := newTalk(p.out, p.in, limits, devices, onMessage)
	k.handed = handed
	k.report.Layers, k.report.Missing = p.layers, p.missing
	watched := make(chan struct{})
	over := make(chan struct{})
	var verdict error // of the watch, which killed the child; nil if it did not
	go func() {
		defer close(watched)
		verdict = k.watch(ctx, over)
		if verdict != nil {
			p.kill()
			closeAll(p.out) // whoever else may hold the pipe
		}
	}()
	result, err := k.run(job)
	close(over)
	<-watched
	p.kill() // it has nothing more to say
	state, text := p.wait()
	k.wait() // answers that were in the making end at the closed pipe
	k.report.CPU, k.report.Peak = state.UserTime()+state.SystemTime(), peak(state)
	switch {
	case verdict != nil:
		err = withText(verdict, text)
	case errors.Is(err, errGone):
		err = withText(death(state, limits, text), text)
	case err != nil:
		err = &Error{ErrProtocol, printable(err.Error(), maxText), text}
	}
	if err != nil {
		return nil, &k.report, err
	}
	return result, &k.report, nil
}

// fits refuses what no child can be given.
func fits(job []byte, devices []Device) error {
	if len(devices) > maxDevices || len(job) > maxJob-4-8*maxDevices {
		return fmt.Errorf("job of %d bytes with %d devices: too large", len(job), len(devices))
	}
	for _, d := range devices {
		if d.Size < 0 || d.Source == nil {
			return fmt.Errorf("device of %d bytes", d.Size)
		}
	}
	return nil
}

// handOver returns the devices whose files may be given to the child as they are.
func handOver(devices []Device) (handed []int) {
	for i, d := range devices {
		if d.File != nil && readOnly(d.File) {
			handed = append(handed, i)
		}
	}
	return handed
}

// withText adds what the child wrote to an error of ours.
func withText(err error, text string) error {
	var e *Error
	if errors.As(err, &e) {
		e.Stderr = text
	}
	return err
}

// process is a child that was started.
type process struct {
	cmd             *exec.Cmd
	in              *os.File // what the child reads
	out             *os.File // what the child writes
	errs            *tail
	files           []*os.File // that the child is handed
	layers, missing []string
	ended           chan struct{}
}

// launch starts the program with an empty environment, in its own session, with three pipes and nothing else; where the system permits, in
// namespaces of its own.
func launch(c Command, limits Limits, handed []int, devices []Device) (*process, error) {
	p := &process{ended: make(chan struct{}), layers: []string{"environment", "session"}}
	for _, i := range handed {
		p.files = append(p.files, devices[i].File)
	}
	started := make(chan error, 1)
	go func() {
		// The kernel kills the child when the thread that started it ends: this thread stays until the child has gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.start(c, limits)
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the state says it
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) start(c Command, limits Limits) error {
	var err error
	for _, way := range ways() {
		if err = p.startIn(c, limits, way); err == nil {
			p.layers = append(p.layers, way.layers...)
			return nil
		}
		if len(way.layers) > 0 {
			p.missing = append(p.missing, strings.Join(way.layers, ", ")+": "+err.Error())
		}
	}
	return err
}

func (p *process) startIn(c Command, limits Limits, w way) (err error) {
	var open []*os.File
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		if r, w, err = os.Pipe(); err == nil {
			open = append(open, r, w)
		}
		return r, w
	}
	childIn, in := pipe()
	out, childOut := pipe()
	errs, childErrs := pipe()
	defer func() {
		if err != nil {
			closeAll(open...)
		}
	}()
	if err != nil {
		return err
	}
	widen(in)
	cmd := exec.Command(c.Path) //nolint:gosec,noctx // G204: the program itself; the watch kills it, not the context
	cmd.Args, cmd.Dir, cmd.SysProcAttr = c.Args, "/", w.attr
	cmd.Env = []string{
		"GOMEMLIMIT=" + strconv.FormatInt(softMemory(limits), 10), "GOMAXPROCS=" + strconv.Itoa(min(runtime.GOMAXPROCS(0), 8)),
		"GODEBUG=containermaxprocs=0", // else Go keeps files of the control group open
		"GOTRACEBACK=single", "TZ=UTC",
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = childIn, childOut, childErrs, p.files
	if err = cmd.Start(); err != nil {
		return err
	}
	closeAll(childIn, childOut, childErrs)
	p.cmd, p.in, p.out, p.errs = cmd, in, out, newTail(errs)
	return nil
}

// softMemory is from where on the child's garbage collector works harder.
func softMemory(l Limits) int64 { return l.MemoryBytes / 4 * 3 }

// closeAll closes pipes; what an end of a pipe says when it is closed matters to nobody.
func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have gone already

// wait returns when the child has gone, with how it ended and what it wrote.
func (p *process) wait() (*os.ProcessState, string) {
	<-p.ended
	closeAll(p.in, p.out)
	late := time.AfterFunc(time.Second, func() { closeAll(p.errs.from) }) // whoever else may hold the pipe
	defer late.Stop()
	return p.cmd.ProcessState, p.errs.text()
}

// watch waits until a run is over, or must not go on: then it says why.
func (k *talk) watch(ctx context.Context, over <-chan struct{}) error {
	wall, greet := time.NewTimer(k.limits.Wall), time.NewTimer(k.limits.Hello)
	defer wall.Stop()
	defer greet.Stop()
	look := time.NewTicker(max(k.limits.Silence/4, time.Millisecond))
	defer look.Stop()
	heard, same := int64(-1), 0
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("the process that reads was stopped: %w", ctx.Err())
		case <-wall.C:
			return &Error{Kind: ErrTimeout, Why: fmt.Sprintf("no result within %s", k.limits.Wall)}
		case <-greet.C:
			if !k.greeted.Load() {
				return &Error{Kind: ErrTimeout, Why: fmt.Sprintf("it did not stand inside its walls within %s", k.limits.Hello)}
			}
		case <-look.C:
			now := k.heard.Load()
			if now != heard || k.reading.Load() > 0 {
				heard, same = now, 0
				continue
			}
			if same++; same >= 4 {
				return &Error{Kind: ErrTimeout, Why: fmt.Sprintf("not a word for %s", k.limits.Silence)}
			}
		}
	}
}

// tail keeps the first and the last part of what a child writes to standard error.
type tail struct {
	from        *os.File
	done        chan struct{}
	first, last []byte
	cut         bool
}

const tailBytes = 4 << 10

func newTail(f *os.File) *tail {
	t := &tail{from: f, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		defer closeAll(f)
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			t.add(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return t
}

func (t *tail) add(b []byte) {
	n := min(len(b), tailBytes-len(t.first))
	t.first = append(t.first, b[:n]...)
	t.last = append(t.last, b[n:]...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last, t.cut = append(t.last[:0], t.last[over:]...), true
	}
}

// text waits for the pipe's end, which comes when the child has gone.
func (t *tail) text() string {
	<-t.done
	middle := ""
	if t.cut {
		middle = " … "
	}
	return printable(string(t.first)+middle+string(t.last), 4*tailBytes)
}

// printable makes a text one that can stand on a line of a log: control characters and what is no UTF-8 are escaped.
func printable(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) && r != '\uFFFD' {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// death says why a child ended without a result.
func death(state *os.ProcessState, limits Limits, text string) error {
	e := &Error{Kind: ErrKilled}
	used := state.UserTime() + state.SystemTime()
	signal := signalOf(state)
	switch {
	case signal == "" && (strings.Contains(text, "runtime: out of memory") || strings.Contains(text, "runtime: cannot allocate memory")):
		e.Why = fmt.Sprintf("it needed more than its %d MiB of memory", limits.MemoryBytes>>20)
	case signal == "" && (strings.Contains(text, "panic: ") || strings.Contains(text, "fatal error: ")):
		e.Why = crashLine(text)
	case signal == "":
		e.Why = fmt.Sprintf("it ended with %s: %s", state, text)
	case signal == refusedCall:
		e.Why = "it made a system call that is refused to it"
	case used+time.Second >= limits.CPU:
		e.Why = fmt.Sprintf("it used up its %s of processor time", limits.CPU)
	case signal == signalKill:
		e.Why = "it was killed from outside, most likely by the kernel because the machine ran out of memory"
	default:
		e.Why = "it ended with signal " + signal
	}
	return e
}

// crashLine is the line of a Go program's last words that says what happened.
func crashLine(text string) string {
	for _, mark := range []string{"panic: ", "fatal error: "} {
		if i := strings.Index(text, mark); i >= 0 {
			line, _, _ := strings.Cut(text[i:], `\n`)
			return printable(line, 512)
		}
	}
	return text
}

// greeting reads the child's first frame.
func greeting(b []byte) (hello, error) {
	var h hello
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return h, fmt.Errorf("its first words: %w", err)
	}
	if h.Protocol != protocolName {
		return h, fmt.Errorf("it speaks %q, not %q", printable(h.Protocol, 64), protocolName)
	}
	return h, nil
}
