// Package plist reads Apple's property lists, as XML and as binary (CFBinaryPList.c of Apple's CoreFoundation, "bplist00").
package plist

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// ErrSyntax is wrapped by every refusal of a property list.
var ErrSyntax = errors.New("not a property list")

const (
	maxDepth = 64
	maxNodes = 1 << 17 // values of one list, counted each time that one is referred to
)

// Dict is a dictionary. Its values are Dict, []any, string, int64, float64, bool, []byte and time.Time.
type Dict map[string]any

// Text returns the string of a key, "" if there is none.
func (d Dict) Text(key string) string {
	s, ok := d[key].(string)
	if !ok {
		return ""
	}
	return strings.TrimSpace(s)
}

// Parse reads a property list of either form.
func Parse(data []byte) (any, error) {
	if bytes.HasPrefix(data, []byte("bplist00")) {
		return parseBinary(data)
	}
	return parseXML(data)
}

// ParseDict reads a property list that is a dictionary.
func ParseDict(data []byte) (Dict, error) {
	v, err := Parse(data)
	if err != nil {
		return nil, err
	}
	d, ok := v.(Dict)
	if !ok {
		return nil, fmt.Errorf("no dictionary but %T: %w", v, ErrSyntax)
	}
	return d, nil
}

// xmlReader reads the XML form.
type xmlReader struct {
	decoder *xml.Decoder
	left    int
}

func parseXML(data []byte) (any, error) {
	r := &xmlReader{decoder: xml.NewDecoder(bytes.NewReader(data)), left: maxNodes}
	for {
		t, err := r.decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "plist" {
			return r.value(start, 0)
		}
		v, ok, err := r.next(0)
		if err == nil && !ok {
			err = fmt.Errorf("it is empty: %w", ErrSyntax)
		}
		return v, err
	}
}

// next reads the next value; ok is false at the end of what holds it.
func (r *xmlReader) next(depth int) (v any, ok bool, err error) {
	for {
		t, err := r.decoder.Token()
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			v, err = r.value(t, depth)
			return v, true, err
		case xml.EndElement:
			return nil, false, nil
		}
	}
}

// key is a name in a dictionary.
type key string

func (r *xmlReader) value(start xml.StartElement, depth int) (any, error) {
	if r.left--; r.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("more than %d values or %d levels: %w", maxNodes, maxDepth, ErrSyntax)
	}
	switch start.Name.Local {
	case "dict":
		return r.dict(depth)
	case "array":
		list := []any{}
		for {
			v, ok, err := r.next(depth + 1)
			if err != nil || !ok {
				return list, err
			}
			list = append(list, v)
		}
	}
	var text string
	if err := r.decoder.DecodeElement(&text, &start); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	switch trimmed := strings.TrimSpace(text); start.Name.Local {
	case "key":
		return key(text), nil
	case "string":
		return text, nil
	case "true", "false":
		return start.Name.Local == "true", nil
	case "integer":
		n, err := strconv.ParseInt(trimmed, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("integer %.40q: %w", trimmed, ErrSyntax)
		}
		return n, nil
	case "real":
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil {
			return nil, fmt.Errorf("real %.40q: %w", trimmed, ErrSyntax)
		}
		return f, nil
	case "date":
		at, err := time.Parse(time.RFC3339, trimmed)
		if err != nil {
			return nil, fmt.Errorf("date %.40q: %w", trimmed, ErrSyntax)
		}
		return at, nil
	case "data":
		return []byte(trimmed), nil // its base64 is of no use here
	}
	return nil, fmt.Errorf("element %.40q: %w", start.Name.Local, ErrSyntax)
}

func (r *xmlReader) dict(depth int) (any, error) {
	d := Dict{}
	for {
		k, ok, err := r.next(depth + 1)
		if err != nil || !ok {
			return d, err
		}
		name, isKey := k.(key)
		if !isKey {
			return nil, fmt.Errorf("value without a key: %w", ErrSyntax)
		}
		v, ok, err := r.next(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, again := v.(key); !ok || again {
			return nil, fmt.Errorf("key %.40q without a value: %w", string(name), ErrSyntax)
		}
		d[string(name)] = v
	}
}

// binaryReader reads the binary form: objects, a table of their offsets, and a trailer of 32 bytes.
type binaryReader struct {
	data    []byte
	offsets []byte
	width   uint64 // bytes of an offset
	ref     int    // bytes of a reference
	count   uint64
	left    int
}

func parseBinary(data []byte) (any, error) {
	if len(data) < 8+32 {
		return nil, fmt.Errorf("%d bytes: %w", len(data), ErrSyntax)
	}
	trailer := data[len(data)-32:]
	be := binary.BigEndian
	r := &binaryReader{data: data[:len(data)-32], width: uint64(trailer[6]), ref: int(trailer[7]), count: be.Uint64(trailer[8:]), left: maxNodes}
	top, table := be.Uint64(trailer[16:]), be.Uint64(trailer[24:])
	size := uint64(len(r.data))
	if r.width < 1 || r.width > 8 || r.ref < 1 || r.ref > 8 || table > size || r.count > (size-table)/r.width {
		return nil, fmt.Errorf("trailer of a binary property list: %w", ErrSyntax)
	}
	r.offsets = r.data[table:]
	return r.object(top, 0)
}

func number(raw []byte) uint64 {
	n := uint64(0)
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *binaryReader) object(ref uint64, depth int) (any, error) {
	if r.left--; r.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("more than %d values or %d levels: %w", maxNodes, maxDepth, ErrSyntax)
	}
	if ref >= r.count {
		return nil, fmt.Errorf("object %d of %d: %w", ref, r.count, ErrSyntax)
	}
	at := number(r.offsets[ref*r.width : (ref+1)*r.width])
	if at >= uint64(len(r.data)) {
		return nil, fmt.Errorf("object %d at byte %d: %w", ref, at, ErrSyntax)
	}
	marker, rest := r.data[at], r.data[at+1:]
	kind, low := marker>>4, int(marker&15)
	fixed := func(n int) ([]byte, error) {
		if n > len(rest) {
			return nil, fmt.Errorf("object %d: %w", ref, io.ErrUnexpectedEOF)
		}
		return rest[:n], nil
	}
	switch kind {
	case 0:
		return marker == 9, nil // null, false, true, fill
	case 1, 2, 3, 8:
		size := 1 << min(low, 5)
		if kind == 8 {
			size = low + 1
		}
		raw, err := fixed(size)
		if err != nil {
			return nil, err
		}
		return scalar(kind, raw)
	}
	n := uint64(low)
	if low == 15 {
		if len(rest) < 1 || rest[0]>>4 != 1 || rest[0]&15 > 3 || len(rest) < 1+1<<(rest[0]&15) {
			return nil, fmt.Errorf("object %d: length: %w", ref, ErrSyntax)
		}
		size := 1 << (rest[0] & 15)
		n, rest = number(rest[1:1+size]), rest[1+size:]
	}
	if n > uint64(len(rest)) {
		return nil, fmt.Errorf("object %d of %d elements: %w", ref, n, ErrSyntax)
	}
	return r.sized(kind, int(n), rest, depth)
}

func scalar(kind byte, raw []byte) (any, error) {
	switch {
	case kind == 2 && len(raw) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), nil
	case kind == 2 && len(raw) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
	case kind == 3 && len(raw) == 8: // seconds since 2001
		secs := math.Float64frombits(binary.BigEndian.Uint64(raw))
		if math.IsNaN(secs) || math.Abs(secs) > 1e11 {
			return nil, fmt.Errorf("date %g: %w", secs, ErrSyntax)
		}
		return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(math.Round(math.Mod(secs, 1e9))) * time.Second), nil
	case kind == 1 || kind == 8:
		return int64(number(raw)), nil //nolint:gosec // G115: 64 bits are two's complement
	}
	return nil, fmt.Errorf("number of type %d and %d bytes: %w", kind, len(raw), ErrSyntax)
}

// sized reads what has n elements.
func (r *binaryReader) sized(kind byte, n int, rest []byte, depth int) (any, error) {
	refs := func(i int) uint64 { return number(rest[i*r.ref : (i+1)*r.ref]) }
	need := map[byte]int{4: n, 5: n, 6: 2 * n, 10: n * r.ref, 12: n * r.ref, 13: 2 * n * r.ref}
	size, known := need[kind]
	if !known || size > len(rest) {
		return nil, fmt.Errorf("type %d with %d elements: %w", kind, n, ErrSyntax)
	}
	switch kind {
	case 4:
		return rest[:n:n], nil
	case 5:
		return string(rest[:n]), nil
	case 6:
		units := make([]uint16, n)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(rest[2*i:])
		}
		return string(utf16.Decode(units)), nil
	case 13:
		d := Dict{}
		for i := range n {
			k, err := r.object(refs(i), depth+1)
			if err != nil {
				return nil, err
			}
			name, ok := k.(string)
			if !ok {
				return nil, fmt.Errorf("a key is no string but %T: %w", k, ErrSyntax)
			}
			if d[name], err = r.object(refs(n+i), depth+1); err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	list := []any{}
	for i := range n {
		v, err := r.object(refs(i), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
