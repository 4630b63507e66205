package sandbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// hello is the child's first frame.
type hello struct {
	Protocol string   `json:"protocol"`
	Layers   []string `json:"layers"`
	Missing  []string `json:"missing,omitempty"`
}

// Work is what a child does. What it returns is its result; an error ends it without one.
type Work func(ctx context.Context, s *Session) ([]byte, error)

// Child is the whole life of a child: it learns its limits from its parent, walls itself in for good, and only then works. in and out are the
// pipes to the parent. The process should end when Child returns.
func Child(ctx context.Context, in io.Reader, out io.Writer, work Work) error {
	return child(ctx, in, out, work, confine)
}

func child(ctx context.Context, in io.Reader, out io.Writer, work Work, confine func(rules) (on, missing []string, err error)) error {
	s := &Session{out: &stream{w: out}, pending: map[uint32]*request{}, slots: make(chan struct{}, inFlight)}
	b, err := s.first(in, kindLimits)
	if err != nil {
		return err
	}
	var l rules
	if err := json.Unmarshal(b, &l); err != nil {
		return fmt.Errorf("read the limits: %w", err)
	}
	h := hello{Protocol: protocolName}
	if h.Layers, h.Missing, err = confine(l); err != nil {
		return fmt.Errorf("wall the process in: %w", err)
	}
	if b, err = json.Marshal(h); err != nil {
		return err
	}
	if err := s.out.put(kindHello, 0, b); err != nil {
		return err
	}
	if b, err = s.first(in, kindJob); err != nil {
		return err
	}
	o, err := parseOrder(b)
	if err != nil {
		return err
	}
	s.job = o.job
	for i, d := range o.devices {
		s.devices = append(s.devices, &Remote{s, uint32(i), d.size, int(d.fd)})
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() { stop(s.receive(in)) }() // it ends with the parent or with this process
	result, err := work(ctx, s)
	if err != nil {
		return err
	}
	return s.end(result)
}

// first reads one frame that must be of a kind.
func (s *Session) first(in io.Reader, want kind) ([]byte, error) {
	var buf [headBytes]byte
	h, err := readHead(in, &buf)
	if err != nil {
		return nil, fmt.Errorf("read from the parent: %w", err)
	}
	if h.kind != want {
		return nil, fmt.Errorf("%w: kind %d from the parent, want %d", errFrame, h.kind, want)
	}
	b := make([]byte, h.length)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, fmt.Errorf("read from the parent: %w", err)
	}
	return b, nil
}

// Session is the child's side of a run. Its methods are safe for concurrent use.
type Session struct {
	job     []byte
	devices []*Remote
	out     *stream
	slots   chan struct{}

	mu      sync.Mutex
	pending map[uint32]*request
	last    uint32
	broken  error // no answer comes any more
}

// request is a read that waits; the answer is put into buf.
type request struct {
	buf  []byte
	done chan error
}

// Job is what the parent wants done.
func (s *Session) Job() []byte { return s.job }

// Devices are what can be read.
func (s *Session) Devices() []*Remote { return s.devices }

// Send gives the parent's caller a message of at most 64 KiB.
func (s *Session) Send(message []byte) error {
	if len(message) > maxMessage {
		return fmt.Errorf("message of %d bytes, at most %d", len(message), maxMessage)
	}
	return s.out.put(kindMessage, 0, message)
}

// end sends the result.
func (s *Session) end(result []byte) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(result)))
	for len(result) > 0 {
		n := min(len(result), maxPart)
		if err := s.out.put(kindPart, 0, result[:n]); err != nil {
			return err
		}
		result = result[n:]
	}
	return s.out.put(kindEnd, 0, length)
}

// receive hands answers to those who wait, until the parent has gone or talks nonsense; then nobody waits any more.
func (s *Session) receive(in io.Reader) error {
	var buf [headBytes]byte
	for {
		h, err := readHead(in, &buf)
		if err == nil {
			err = s.answer(in, h)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("the parent has gone")
		}
		s.mu.Lock()
		s.broken = err
		for id, r := range s.pending {
			delete(s.pending, id)
			r.done <- err
		}
		s.mu.Unlock()
		return err
	}
}

// answer reads an answer straight to where it is waited for.
func (s *Session) answer(in io.Reader, h head) error {
	s.mu.Lock()
	r := s.pending[h.id]
	delete(s.pending, h.id)
	s.mu.Unlock()
	if r == nil {
		return fmt.Errorf("%w: an answer to no question", errFrame)
	}
	var end, told error
	switch {
	case h.kind == kindData && int(h.length) == len(r.buf):
		_, end = io.ReadFull(in, r.buf)
		told = end
	case h.kind == kindFault:
		text := make([]byte, h.length)
		_, end = io.ReadFull(in, text)
		told = &DeviceError{h.id, string(text)}
	default:
		end = fmt.Errorf("%w: kind %d with %d bytes as an answer", errFrame, h.kind, h.length)
		told = end
	}
	r.done <- told // never waits: the channel has room for one
	return end
}

// read asks the parent for bytes.
func (s *Session) read(device uint32, p []byte, off int64) error {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	r := &request{p, make(chan error, 1)}
	s.mu.Lock()
	if s.broken != nil {
		defer s.mu.Unlock()
		return s.broken
	}
	s.last++
	for s.pending[s.last] != nil { // the next number that is free
		s.last++
	}
	id := s.last
	s.pending[id] = r
	s.mu.Unlock()
	var frame [headBytes + readBytes]byte
	ask{device, uint32(len(p)), off}.put(frame[headBytes:]) //nolint:gosec // G115: at most maxRead
	if err := s.out.putIn(kindRead, id, frame[:]); err != nil {
		s.mu.Lock()
		delete(s.pending, id)
		s.mu.Unlock()
		return err
	}
	return <-r.done
}

// Remote is a device that the parent reads for the child, or has handed to it. It is safe for concurrent use.
type Remote struct {
	session *Session
	index   uint32
	size    int64
	fd      int // of a file that was handed over, else 0
}

// Size is the device's length in bytes.
func (d *Remote) Size() int64 { return d.size }

// ReadAt implements io.ReaderAt. It returns io.EOF past the end, and a *DeviceError if the parent could not read.
func (d *Remote) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at offset %d", off)
	}
	var end error
	switch left := d.size - off; {
	case left <= 0:
		return 0, io.EOF
	case left < int64(len(p)):
		p, end = p[:left], io.EOF
	}
	if d.fd != 0 {
		if n, err := readFile(d.fd, p, off); err != nil {
			return n, fmt.Errorf("read %d bytes at %d: %w", len(p), off, err)
		}
		return len(p), end
	}
	done := 0
	for done < len(p) {
		n := min(len(p)-done, maxRead)
		if err := d.session.read(d.index, p[done:done+n], off+int64(done)); err != nil {
			return done, err
		}
		done += n
	}
	return done, end
}

// Hint tells the parent what will be read soon. What lies outside the device is left out.
func (d *Remote) Hint(ranges []Range) error {
	var inside []Range
	for _, r := range ranges {
		if r.Offset >= 0 && r.Length > 0 && r.Offset < d.size {
			inside = append(inside, Range{r.Offset, min(r.Length, d.size-r.Offset)})
		}
	}
	const most = (maxHint - 4) / rangeBytes
	for len(inside) > 0 {
		n := min(len(inside), most)
		if err := d.session.out.put(kindHint, 0, hintBytes(d.index, inside[:n])); err != nil {
			return err
		}
		inside = inside[n:]
	}
	return nil
}
