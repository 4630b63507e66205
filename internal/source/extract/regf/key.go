package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

const (
	maxSubkeys = 1 << 20 // of one key
	maxValues  = 1 << 16 // of one key
	maxNameLen = 512     // bytes: 255 units of UTF-16
	maxList    = 4 + 8*0xffff
	keyHead    = 76 // bytes of a key before its name

	keyLatin   = 0x20 // the name is Latin-1
	valueLatin = 1
)

// Key is one key of a hive.
type Key struct {
	hive    *Hive
	name    string
	written uint64
	subkeys uint32 // how many
	list    uint32 // cell of their list
	values  uint32
	valueAt uint32
}

// Name is the key's name, without its parents.
func (k Key) Name() string { return k.name }

// Written is when the key or one of its values last changed.
func (k Key) Written() time.Time {
	const second, from1601To1970 = 10_000_000, 11_644_473_600
	if k.written == 0 || k.written > 1<<63-1 {
		return time.Time{}
	}
	return time.Unix(int64(k.written/second)-from1601To1970, int64(k.written%second)*100).UTC()
}

// Root is the hive's root key.
func (h *Hive) Root() (Key, error) { return h.key(h.base.root) }

// Key finds a key by its path from the root, with backslashes, in any case. The error wraps fs.ErrNotExist if there is none.
func (h *Hive) Key(path string) (Key, error) {
	k, err := h.Root()
	if err != nil {
		return Key{}, fmt.Errorf("root key: %w", err)
	}
	for name := range strings.SplitSeq(path, `\`) {
		if k, err = k.Subkey(name); err != nil {
			return Key{}, fmt.Errorf("key %s: %w", path, err)
		}
	}
	return k, nil
}

// key reads a key node.
func (h *Hive) key(offset uint32) (Key, error) {
	raw, err := h.cell(offset, keyHead, keyHead+maxNameLen)
	if err != nil {
		return Key{}, err
	}
	le := binary.LittleEndian
	if string(raw[:2]) != "nk" {
		return Key{}, fmt.Errorf("cell at %d is no key but %q: %w", offset, raw[:2], ErrCorrupt)
	}
	n := int(le.Uint16(raw[72:]))
	if keyHead+n > len(raw) || n > maxNameLen {
		return Key{}, fmt.Errorf("key at %d: name of %d bytes: %w", offset, n, ErrCorrupt)
	}
	return Key{
		hive: h, name: text(raw[keyHead:keyHead+n], le.Uint16(raw[2:])&keyLatin != 0), written: le.Uint64(raw[4:]),
		subkeys: le.Uint32(raw[20:]), list: le.Uint32(raw[28:]), values: le.Uint32(raw[36:]), valueAt: le.Uint32(raw[40:]),
	}, nil
}

// Subkey finds a subkey by its name, in any case. The error is fs.ErrNotExist if there is none, unless a part of the list could not be read.
func (k Key) Subkey(name string) (Key, error) {
	hash, hashed := nameHash(name)
	var found *Key
	var faults []error
	err := k.each(func(offset, stored uint32, kind string) bool {
		if kind == "lh" && hashed && stored != hash {
			return true
		}
		sub, err := k.hive.key(offset)
		switch {
		case err != nil:
			if len(faults) < 8 {
				faults = append(faults, err)
			}
		case fold(sub.name) == fold(name):
			found = &sub
			return false
		}
		return true
	})
	switch {
	case found != nil:
		return *found, nil
	case err != nil || len(faults) > 0:
		return Key{}, errors.Join(append(faults, err)...)
	}
	return Key{}, fs.ErrNotExist
}

// Subkeys lists the subkeys, together with an error about those that could not be read.
func (k Key) Subkeys() ([]Key, error) {
	var keys []Key
	var faults []error
	err := k.each(func(offset, _ uint32, _ string) bool {
		sub, err := k.hive.key(offset)
		if err == nil {
			keys = append(keys, sub)
		} else if len(faults) < 8 {
			faults = append(faults, err)
		}
		return true
	})
	return keys, errors.Join(append(faults, err)...)
}

// each calls fn with the cell of every subkey, until it returns false.
func (k Key) each(fn func(offset, hash uint32, kind string) bool) error {
	if k.subkeys == 0 || k.list == noCell {
		return nil
	}
	left := min(int(k.subkeys), maxSubkeys)
	seen, more, err := k.hive.eachOf(k.list, left, true, fn)
	switch {
	case err != nil || !more:
		return err
	case k.subkeys > maxSubkeys:
		return fmt.Errorf("key %.80q has %d subkeys: %w", k.name, k.subkeys, ErrLimit)
	case seen < left:
		return fmt.Errorf("key %.80q lists %d of its %d subkeys: %w", k.name, seen, k.subkeys, ErrCorrupt)
	}
	return nil
}

// eachOf reads a list of subkeys: lf, lh and li hold keys, ri holds such lists. more is false if fn ended it.
func (h *Hive) eachOf(offset uint32, left int, outer bool, fn func(offset, hash uint32, kind string) bool) (seen int, more bool, err error) {
	raw, err := h.cell(offset, 4, maxList)
	if err != nil {
		return 0, true, err
	}
	le := binary.LittleEndian
	kind, count := string(raw[:2]), int(le.Uint16(raw[2:]))
	width := 4
	switch {
	case kind == "lf" || kind == "lh":
		width = 8
	case kind == "li", kind == "ri" && outer:
	default:
		return 0, true, fmt.Errorf("cell at %d is no list of keys but %q: %w", offset, raw[:2], ErrCorrupt)
	}
	if 4+width*count > len(raw) {
		return 0, true, fmt.Errorf("list at %d of %d keys in %d bytes: %w", offset, count, len(raw), ErrCorrupt)
	}
	for i := range count {
		if seen >= left {
			break
		}
		e := raw[4+width*i:]
		if kind == "ri" {
			n, more, err := h.eachOf(le.Uint32(e), left-seen, false, fn)
			if seen += n; err != nil || !more {
				return seen, more, err
			}
			continue
		}
		hash := uint32(0)
		if width == 8 {
			hash = le.Uint32(e[4:])
		}
		seen++
		if !fn(le.Uint32(e), hash, kind) {
			return seen, false, nil
		}
	}
	return seen, true, nil
}

// nameHash is what lists of type lh hold for a name. It is false where upper case is not that of ASCII.
func nameHash(name string) (uint32, bool) {
	h := uint32(0)
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 {
			return 0, false
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		h = h*37 + uint32(c)
	}
	return h, true
}

// fold makes equal what is one name to the registry.
func fold(s string) string { return strings.Map(unicode.ToUpper, s) }

// text decodes a name: Latin-1, or UTF-16.
func text(raw []byte, latin bool) string {
	if latin {
		out := make([]rune, len(raw))
		for i, c := range raw {
			out[i] = rune(c)
		}
		return string(out)
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}
