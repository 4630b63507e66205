package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// errGone is that the child's words ended in the middle of the run.
var errGone = errors.New("it went away")

// talk is the parent's side of one run. What comes from the child is bounded before it is believed.
type talk struct {
	from      io.Reader
	to        *stream
	limits    Limits
	devices   []Device
	handed    []int // the devices whose files the child was handed, in the order of their descriptors
	onMessage func([]byte)
	report    Report
	greeted   atomic.Bool
	heard     atomic.Int64 // frames, and answers that went out
	reading   atomic.Int32 // devices at work for the child
	mu        sync.Mutex   // of report.faults
	workers   sync.WaitGroup
	slots     []chan struct{} // of each device
	buffers   sync.Pool       // of *[]byte, for answers
	job       []byte
	result    []byte
	messages  int64
	failed    atomic.Bool // the child takes no answers any more
}

func newTalk(from io.Reader, to io.Writer, limits Limits, devices []Device, onMessage func([]byte)) *talk {
	k := &talk{from: from, to: &stream{w: to}, limits: limits, devices: devices, onMessage: onMessage}
	k.buffers.New = func() any { b := make([]byte, 0, headBytes+64<<10); return &b }
	for _, d := range devices {
		k.slots = append(k.slots, make(chan struct{}, max(min(d.Parallel, inFlight), 1)))
	}
	return k
}

// run talks until the child has given its whole result.
func (k *talk) run(job []byte) ([]byte, error) {
	k.job = job
	text, err := limitsJSON(rules{k.limits, len(k.handed)})
	if err != nil {
		return nil, err
	}
	if err := k.to.put(kindLimits, 0, text); err != nil {
		return nil, errGone // it died before it listened; how says its state
	}
	var buf [headBytes]byte
	payload := make([]byte, 0, maxText)
	for {
		h, err := readHead(k.from, &buf)
		if err != nil {
			return nil, goneOr(err)
		}
		if cap(payload) < int(h.length) {
			payload = make([]byte, 0, h.length)
		}
		payload = payload[:h.length]
		if _, err := io.ReadFull(k.from, payload); err != nil {
			return nil, goneOr(err)
		}
		k.heard.Add(1)
		if k.messages++; k.messages > k.limits.Messages {
			return nil, fmt.Errorf("more than %d messages", k.limits.Messages)
		}
		end, err := k.take(h, payload)
		if err != nil || end {
			return k.result, err
		}
	}
}

// goneOr tells a stream that ended from one that holds nonsense.
func goneOr(err error) error {
	if errors.Is(err, errFrame) {
		return err
	}
	return errGone
}

// wait returns when no answer is in the making.
func (k *talk) wait() {
	k.failed.Store(true)
	k.workers.Wait()
}

// take deals with one frame, and reports whether it was the last.
func (k *talk) take(h head, payload []byte) (end bool, err error) {
	if h.kind == kindHello {
		return false, k.greet(payload)
	}
	if !k.greeted.Load() {
		return false, fmt.Errorf("frame of kind %d before its first words", h.kind)
	}
	switch h.kind {
	case kindRead:
		return false, k.serve(h.id, payload)
	case kindHint:
		device, ranges, err := parseHint(payload, k.devices)
		if err == nil && k.devices[device].Prefetch != nil {
			k.devices[device].Prefetch(ranges)
		}
		return false, err
	case kindMessage:
		if k.onMessage != nil {
			k.onMessage(payload)
		}
		return false, nil
	case kindPart:
		if int64(len(k.result)+len(payload)) > k.limits.ResultBytes {
			return false, fmt.Errorf("a result of more than %d MiB", k.limits.ResultBytes>>20)
		}
		k.result = append(k.result, payload...)
		return false, nil
	case kindEnd:
		if len(payload) != 8 || binary.LittleEndian.Uint64(payload) != uint64(len(k.result)) {
			return false, fmt.Errorf("a result of %d bytes that should have another length", len(k.result))
		}
		return true, nil
	default:
		return false, fmt.Errorf("%w: kind %d from the child", errFrame, h.kind)
	}
}

// greet takes the child's first words, and gives it the job.
func (k *talk) greet(payload []byte) error {
	if k.greeted.Load() {
		return errors.New("its first words again")
	}
	h, err := greeting(payload)
	if err != nil {
		return err
	}
	for _, l := range h.Layers {
		k.report.Layers = append(k.report.Layers, printable(l, 64))
	}
	for _, m := range h.Missing {
		k.report.Missing = append(k.report.Missing, printable(m, 512))
	}
	k.greeted.Store(true)
	o := order{job: k.job}
	for i, d := range k.devices {
		p := place{size: d.Size}
		if at := slices.Index(k.handed, i); at >= 0 {
			p.fd = uint32(firstFile + at) //nolint:gosec // G115: at most maxDevices
		}
		o.devices = append(o.devices, p)
	}
	if err := k.to.put(kindJob, 0, o.bytes()); err != nil {
		return errGone
	}
	return nil
}

// serve answers a read: at once, or by a goroutine where the device takes several at a time. A device with no place free makes the child wait.
func (k *talk) serve(id uint32, payload []byte) error {
	a, err := parseAsk(payload, k.devices)
	if err != nil {
		return err
	}
	k.report.Reads++
	if k.report.Bytes += int64(a.length); k.report.Bytes > k.limits.ReadBytes {
		return fmt.Errorf("more than %d bytes read", k.limits.ReadBytes)
	}
	slots := k.slots[a.device]
	if cap(slots) == 1 {
		k.answer(id, a)
		return nil
	}
	slots <- struct{}{}
	k.workers.Go(func() {
		defer func() { <-slots }()
		k.answer(id, a)
	})
	return nil
}

// answer reads a device for the child. A pipe that takes nothing is noticed where its other side is read.
func (k *talk) answer(id uint32, a ask) {
	if k.failed.Load() {
		return
	}
	held := k.buffers.Get().(*[]byte)
	defer k.buffers.Put(held)
	if need := headBytes + int(a.length); cap(*held) < need {
		*held = make([]byte, 0, need)
	}
	buf := (*held)[:headBytes+int(a.length)]
	k.reading.Add(1)
	n, err := k.devices[a.device].Source.ReadAt(buf[headBytes:], a.offset)
	k.reading.Add(-1)
	if n == int(a.length) {
		_ = k.to.putIn(kindData, id, buf)
		k.heard.Add(1)
		return
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("read at %d: %w", a.offset, io.ErrUnexpectedEOF)
	}
	k.mu.Lock()
	if len(k.report.faults) < maxFaults {
		k.report.faults = append(k.report.faults, fault{id, err})
	}
	k.mu.Unlock()
	text := []byte(err.Error())
	_ = k.to.put(kindFault, id, text[:min(len(text), maxText)])
	k.heard.Add(1)
}
