package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// The types of values that are read here (winnt.h).
const (
	TypeString   = 1
	TypeExpand   = 2
	TypeBinary   = 3
	TypeUint32   = 4
	TypeUint32BE = 5
	TypeStrings  = 7
	TypeUint64   = 11
)

const (
	segment  = 16344    // bytes of data in one segment of big data
	maxValue = 64 << 20 // bytes of one value

	valueHead = 20 // bytes of a value before its name
)

// Value is one value of a key. Its data is read when it is asked for.
type Value struct {
	hive *Hive
	name string
	kind uint32
	size uint32
	data uint32
}

// Name is the value's name, "" for the key's default.
func (v Value) Name() string { return v.name }

// Type is the type that the value says it has.
func (v Value) Type() uint32 { return v.kind }

// Values lists the values of a key, together with an error about those that could not be read.
func (k Key) Values() ([]Value, error) {
	if k.values == 0 {
		return nil, nil
	}
	if k.values > maxValues {
		return nil, fmt.Errorf("key %.80q has %d values: %w", k.name, k.values, ErrLimit)
	}
	raw, err := k.hive.cell(k.valueAt, 4*int(k.values), 4*int(k.values))
	if err != nil {
		return nil, fmt.Errorf("values of %.80q: %w", k.name, err)
	}
	var values []Value
	var faults []error
	for i := range k.values {
		v, err := k.hive.value(binary.LittleEndian.Uint32(raw[4*i:]))
		if err == nil {
			values = append(values, v)
		} else if len(faults) < 8 {
			faults = append(faults, err)
		}
	}
	return values, errors.Join(faults...)
}

// Value finds a value by its name, in any case. The error is fs.ErrNotExist if there is none, unless one of them could not be read.
func (k Key) Value(name string) (Value, error) {
	values, err := k.Values()
	for _, v := range values {
		if fold(v.name) == fold(name) {
			return v, nil
		}
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return Value{}, err
}

func (h *Hive) value(offset uint32) (Value, error) {
	raw, err := h.cell(offset, valueHead, valueHead+1<<16)
	if err != nil {
		return Value{}, err
	}
	le := binary.LittleEndian
	n := int(le.Uint16(raw[2:]))
	if string(raw[:2]) != "vk" || valueHead+n > len(raw) {
		return Value{}, fmt.Errorf("cell at %d is no value: %w", offset, ErrCorrupt)
	}
	return Value{
		hive: h, name: text(raw[valueHead:valueHead+n], le.Uint16(raw[16:])&valueLatin != 0),
		size: le.Uint32(raw[4:]), data: le.Uint32(raw[8:]), kind: le.Uint32(raw[12:]),
	}, nil
}

// Bytes reads the value's data.
func (v Value) Bytes() ([]byte, error) {
	size := int(v.size &^ (1 << 31))
	switch {
	case v.size&(1<<31) != 0: // in the place of the offset
		if size > 4 {
			return nil, fmt.Errorf("value %.80q: %d bytes in 4: %w", v.name, size, ErrCorrupt)
		}
		return binary.LittleEndian.AppendUint32(nil, v.data)[:size], nil
	case size == 0:
		return nil, nil
	case size > maxValue:
		return nil, fmt.Errorf("value %.80q of %d bytes: %w", v.name, size, ErrLimit)
	case size > segment && v.hive.base.minor > 3:
		return v.big(size)
	}
	raw, err := v.hive.cell(v.data, size, size)
	if err != nil {
		return nil, fmt.Errorf("value %.80q: %w", v.name, err)
	}
	return raw[:size], nil
}

// big joins data that is cut into segments.
func (v Value) big(size int) ([]byte, error) {
	le := binary.LittleEndian
	head, err := v.hive.cell(v.data, 8, 8)
	if err != nil {
		return nil, fmt.Errorf("value %.80q: %w", v.name, err)
	}
	count := int(le.Uint16(head[2:]))
	if string(head[:2]) != "db" || count != (size+segment-1)/segment {
		return nil, fmt.Errorf("value %.80q: %d segments for %d bytes: %w", v.name, count, size, ErrCorrupt)
	}
	list, err := v.hive.cell(le.Uint32(head[4:]), 4*count, 4*count)
	if err != nil {
		return nil, fmt.Errorf("value %.80q: %w", v.name, err)
	}
	var out []byte
	for i := range count {
		n := min(segment, size-len(out))
		part, err := v.hive.cell(le.Uint32(list[4*i:]), n, n)
		if err != nil {
			return nil, fmt.Errorf("value %.80q, segment %d: %w", v.name, i, err)
		}
		out = append(out, part[:n]...)
	}
	return out, nil
}

// Text reads a string, up to its first NUL.
func (v Value) Text() (string, error) {
	if v.kind != TypeString && v.kind != TypeExpand && v.kind != TypeStrings {
		return "", fmt.Errorf("value %.80q has type %d, want a string: %w", v.name, v.kind, ErrCorrupt)
	}
	raw, err := v.Bytes()
	if err != nil {
		return "", err
	}
	s, _, _ := strings.Cut(text(raw, false), "\x00")
	return s, nil
}

// Uint32 reads a number.
func (v Value) Uint32() (uint32, error) {
	raw, err := v.Bytes()
	switch {
	case err != nil:
		return 0, err
	case v.kind == TypeUint32 && len(raw) == 4:
		return binary.LittleEndian.Uint32(raw), nil
	case v.kind == TypeUint32BE && len(raw) == 4:
		return binary.BigEndian.Uint32(raw), nil
	}
	return 0, fmt.Errorf("value %.80q has type %d and %d bytes, want a number: %w", v.name, v.kind, len(raw), ErrCorrupt)
}

// Text reads a string of the key; "" and fs.ErrNotExist if there is none.
func (k Key) Text(name string) (string, error) {
	v, err := k.Value(name)
	if err != nil {
		return "", err
	}
	return v.Text()
}

// Uint32 reads a number of the key.
func (k Key) Uint32(name string) (uint32, error) {
	v, err := k.Value(name)
	if err != nil {
		return 0, err
	}
	return v.Uint32()
}
