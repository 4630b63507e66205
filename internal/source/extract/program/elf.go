package program

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"hinomi/internal/source/extract/host"
)

// elf is the section table of a program (System V ABI, chapter 4).
type elf struct {
	order              binary.ByteOrder
	wide               bool // 64 bits
	table, size, count int64
}

// place returns where a section lies and how long it is.
func (e elf) place(header []byte) section {
	if e.wide {
		return section{int64(e.order.Uint64(header[24:])), int64(e.order.Uint64(header[32:]))} //nolint:gosec // what became negative is refused
	}
	return section{int64(e.order.Uint32(header[16:])), int64(e.order.Uint32(header[20:]))}
}

// lookELF reads the names of the sections: Go's linker makes .go.buildinfo, and -s -w does not take it away; cargo-auditable makes .dep-v0.
func lookELF(f *host.File, head []byte) (traits, error) {
	e := elf{order: binary.LittleEndian, wide: head[4] == 2}
	if head[5] == 2 {
		e.order = binary.BigEndian
	}
	var names int64
	if e.wide {
		e.table, e.size = int64(e.order.Uint64(head[40:])), int64(e.order.Uint16(head[58:])) //nolint:gosec // what became negative is refused below
		e.count, names = int64(e.order.Uint16(head[60:])), int64(e.order.Uint16(head[62:]))
	} else {
		e.table, e.size = int64(e.order.Uint32(head[32:])), int64(e.order.Uint16(head[46:]))
		e.count, names = int64(e.order.Uint16(head[48:])), int64(e.order.Uint16(head[50:]))
	}
	if e.table == 0 || e.count == 0 {
		mayBeGo, err := packedOrStripped(f)
		return traits{mayBeGo: mayBeGo}, err
	}
	if e.size > 64 || e.size < 40 || e.wide && e.size < 64 || e.table < 0 || e.table > f.Size-e.size*e.count || names >= e.count {
		return traits{}, fmt.Errorf("a program that is cut short or damaged: %d sections at %d of %d bytes", e.count, e.table, f.Size)
	}
	header := make([]byte, 64)
	if _, err := f.ReadAt(header[:e.size], e.table+names*e.size); err != nil && !errors.Is(err, io.EOF) {
		return traits{}, fmt.Errorf("read the sections: %w", err)
	}
	s := e.place(header)
	if s.at < 0 || s.size < 0 || s.at > f.Size || s.size > min(f.Size-s.at, 1<<20) {
		return traits{}, fmt.Errorf("a program that is cut short or damaged: %d bytes of section names at %d of %d bytes", s.size, s.at, f.Size)
	}
	text := make([]byte, s.size)
	if _, err := f.ReadAt(text, s.at); err != nil && !errors.Is(err, io.EOF) {
		return traits{}, fmt.Errorf("read the section names: %w", err)
	}
	out := traits{mayBeGo: bytes.Contains(text, []byte(".go.buildinfo"))}
	at := bytes.Index(text, []byte("\x00"+cratesSection+"\x00"))
	if at < 0 {
		return out, nil
	}
	crates, err := e.named(f, uint32(at)+1) //nolint:gosec // at most 1 MiB
	out.crates = crates
	return out, err
}

// named returns the section whose name stands at an offset of the names; nil if there is none.
func (e elf) named(f *host.File, name uint32) (*section, error) {
	table := make([]byte, e.size*e.count)
	if _, err := f.ReadAt(table, e.table); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the sections: %w", err)
	}
	for ; int64(len(table)) >= e.size; table = table[e.size:] {
		if e.order.Uint32(table) == name {
			s := e.place(table)
			return &s, nil
		}
	}
	return nil, nil
}

// packedOrStripped judges a program without sections: debug/buildinfo searches its data, unless UPX has packed it.
func packedOrStripped(f *host.File) (bool, error) {
	head := make([]byte, 4096)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if bytes.Contains(head[:n], []byte("UPX!")) {
		return false, errors.New("the program is packed with UPX: what it is made of cannot be seen")
	}
	return true, nil
}
