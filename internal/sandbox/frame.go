package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// kind is the first byte of a frame. A frame is a kind, an id and a payload's length, both 32 bits little-endian, and the payload.
type kind byte

// Frames of the parent.
const (
	kindLimits kind = 1 + iota // JSON of Limits
	kindJob                    // number of devices, their sizes and descriptors, then the job
	kindData                   // the answer to the read of that id
	kindFault                  // its refusal: a text
)

// Frames of the child.
const (
	kindHello   kind = 65 + iota // JSON of hello
	kindRead                     // device, offset, length; the id is the child's
	kindHint                     // device and any number of ranges that it will read soon
	kindMessage                  // anything, for the caller
	kindPart                     // of the result
	kindEnd                      // the result is whole: its length
)

const (
	headBytes    = 9
	readBytes    = 20
	rangeBytes   = 16
	maxRead      = 1 << 20 // bytes of one read, and so of one answer
	maxPart      = 256 << 10
	maxMessage   = 64 << 10
	maxJob       = 16 << 20
	maxText      = 4 << 10
	maxHint      = 4 + 4096*rangeBytes
	maxDevices   = 1024
	inFlight     = 64 // reads of a child that wait for an answer
	protocolName = "hinomi-sandbox-1"
)

// most is how long the payload of a frame may be; a kind that is missing is none.
var most = map[kind]uint32{
	kindLimits: maxText, kindJob: maxJob, kindData: maxRead, kindFault: maxText,
	kindHello: maxText, kindRead: readBytes, kindHint: maxHint, kindMessage: maxMessage, kindPart: maxPart, kindEnd: 8,
}

var errFrame = errors.New("a frame that does not exist")

// head is a frame's beginning.
type head struct {
	kind   kind
	id     uint32
	length uint32
}

// readHead reads a frame's beginning, and refuses one that neither side sends. Only a stream that ends between frames is io.EOF.
func readHead(r io.Reader, buf *[headBytes]byte) (head, error) {
	if _, err := io.ReadFull(r, buf[:]); err != nil {
		return head{}, err
	}
	h := head{kind(buf[0]), binary.LittleEndian.Uint32(buf[1:]), binary.LittleEndian.Uint32(buf[5:])}
	limit, known := most[h.kind]
	if !known {
		return h, fmt.Errorf("%w: kind %d", errFrame, h.kind)
	}
	if h.length > limit {
		return h, fmt.Errorf("%w: %d bytes in kind %d, which has %d at most", errFrame, h.length, h.kind, limit)
	}
	return h, nil
}

func putHead(buf []byte, h head) {
	buf[0] = byte(h.kind)
	binary.LittleEndian.PutUint32(buf[1:], h.id)
	binary.LittleEndian.PutUint32(buf[5:], h.length)
}

// stream writes frames, each whole.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

// put writes a frame.
func (s *stream) put(k kind, id uint32, payload []byte) error {
	buf := make([]byte, headBytes+len(payload))
	copy(buf[headBytes:], payload)
	return s.putIn(k, id, buf)
}

// putIn writes a frame whose payload lies in buf already, behind room for its head.
func (s *stream) putIn(k kind, id uint32, buf []byte) error {
	putHead(buf, head{k, id, uint32(len(buf) - headBytes)}) //nolint:gosec // G115: no payload is longer than most says
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.w.Write(buf)
	return err
}

// order is the payload of kindJob.
type order struct {
	devices []place
	job     []byte
}

// place is a device of an order.
type place struct {
	size int64
	fd   uint32 // of the file that the child was handed; 0: it asks the parent
}

const placeBytes = 12

func (o order) bytes() []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(o.devices))) //nolint:gosec // G115: at most maxDevices
	for _, d := range o.devices {
		out = binary.LittleEndian.AppendUint64(out, uint64(d.size)) //nolint:gosec // G115: never negative
		out = binary.LittleEndian.AppendUint32(out, d.fd)
	}
	return append(out, o.job...)
}

func parseOrder(b []byte) (order, error) {
	if len(b) < 4 {
		return order{}, fmt.Errorf("%w: a job of %d bytes", errFrame, len(b))
	}
	n := int(binary.LittleEndian.Uint32(b))
	if b = b[4:]; n > maxDevices || len(b) < placeBytes*n {
		return order{}, fmt.Errorf("%w: a job with %d devices in %d bytes", errFrame, n, len(b))
	}
	o := order{devices: make([]place, n), job: b[placeBytes*n:]}
	for i := range o.devices {
		at := b[placeBytes*i:]
		d := place{int64(binary.LittleEndian.Uint64(at)), binary.LittleEndian.Uint32(at[8:])} //nolint:gosec // G115: looked at here
		if d.size < 0 || d.fd > firstFile+maxDevices {
			return order{}, fmt.Errorf("%w: a device of %d bytes, descriptor %d", errFrame, d.size, d.fd)
		}
		o.devices[i] = d
	}
	return o, nil
}

// ask is the payload of kindRead.
type ask struct {
	device, length uint32
	offset         int64
}

func (a ask) put(b []byte) {
	binary.LittleEndian.PutUint32(b, a.device)
	binary.LittleEndian.PutUint64(b[4:], uint64(a.offset)) //nolint:gosec // G115: never negative
	binary.LittleEndian.PutUint64(b[12:], uint64(a.length))
}

// parseAsk reads and bounds what a child wants; what it returns lies inside a device.
func parseAsk(b []byte, devices []Device) (ask, error) {
	if len(b) != readBytes {
		return ask{}, fmt.Errorf("%w: a read of %d bytes", errFrame, len(b))
	}
	device, offset, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:]), binary.LittleEndian.Uint64(b[12:])
	if int64(device) >= int64(len(devices)) {
		return ask{}, fmt.Errorf("read of device %d of %d", device, len(devices))
	}
	size := uint64(devices[device].Size) //nolint:gosec // G115: Run refuses a negative one
	if length == 0 || length > maxRead || offset > size || length > size-offset {
		return ask{}, fmt.Errorf("read of %d bytes at %d of %d", length, offset, size)
	}
	return ask{device, uint32(length), int64(offset)}, nil //nolint:gosec // G115: bounded above
}

// hintBytes is the payload of kindHint.
func hintBytes(device uint32, ranges []Range) []byte {
	out := binary.LittleEndian.AppendUint32(nil, device)
	for _, r := range ranges {
		out = binary.LittleEndian.AppendUint64(out, uint64(r.Offset)) //nolint:gosec // G115: looked at by who calls
		out = binary.LittleEndian.AppendUint64(out, uint64(r.Length)) //nolint:gosec // G115: the same
	}
	return out
}

// parseHint reads a hint. What it returns lies inside the device.
func parseHint(b []byte, devices []Device) (device uint32, ranges []Range, err error) {
	if len(b) < 4 || (len(b)-4)%rangeBytes != 0 {
		return 0, nil, fmt.Errorf("%w: a hint of %d bytes", errFrame, len(b))
	}
	device = binary.LittleEndian.Uint32(b)
	if int64(device) >= int64(len(devices)) {
		return 0, nil, fmt.Errorf("hint about device %d of %d", device, len(devices))
	}
	size := uint64(devices[device].Size) //nolint:gosec // G115: Run refuses a negative one
	for b = b[4:]; len(b) > 0; b = b[rangeBytes:] {
		offset, length := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if offset > size || length > size-offset {
			return 0, nil, fmt.Errorf("hint about %d bytes at %d of %d", length, offset, size)
		}
		ranges = append(ranges, Range{int64(offset), int64(length)}) //nolint:gosec // G115: bounded above
	}
	return device, ranges, nil
}
