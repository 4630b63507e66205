package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// span is a range of bytes of a file.
type span struct{ off, size uint64 }

// hollowFile copies from the ELF program in only what says how it was built:
// the ELF header, the program and section headers, the section names and the
// section .go.buildinfo. All other bytes (code, data, symbols) become a hole,
// which reads as zeros, so that the copy has the length of the original.
// It returns an error if the build information of the copy is not that of the
// original.
func hollowFile(in, out string) error {
	raw, err := readFile(in)
	if err != nil {
		return err
	}
	want, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read build information: %w", err)
	}
	keep, err := builtSpans(raw)
	if err != nil {
		return fmt.Errorf("read ELF of %s: %w", in, err)
	}
	cut := make([]byte, len(raw))
	for _, s := range keep {
		if s.off > uint64(len(raw)) || s.size > uint64(len(raw))-s.off {
			return fmt.Errorf("%s: a part lies outside the file", in)
		}
		copy(cut[s.off:s.off+s.size], raw[s.off:s.off+s.size])
	}
	got, err := buildinfo.Read(bytes.NewReader(cut))
	if err != nil {
		return fmt.Errorf("read build information of the copy: %w", err)
	}
	if got.String() != want.String() {
		return fmt.Errorf("a copy of %s has other build information", in)
	}
	return writeSparse(out, cut)
}

// builtSpans returns the spans to keep. Offsets and sizes are those of the
// 64-bit ELF header (System V ABI, chapter 4).
func builtSpans(raw []byte) ([]span, error) {
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if f.Class != elf.ELFCLASS64 {
		return nil, fmt.Errorf("class %v: only 64-bit programs", f.Class)
	}
	var head elf.Header64
	if err := binary.Read(bytes.NewReader(raw), f.ByteOrder, &head); err != nil {
		return nil, err
	}
	keep := []span{
		{0, uint64(head.Ehsize)},
		{head.Phoff, uint64(head.Phentsize) * uint64(head.Phnum)},
		{head.Shoff, uint64(head.Shentsize) * uint64(head.Shnum)},
	}
	found := false
	for _, s := range f.Sections {
		if s.Name == ".go.buildinfo" || s.Name == ".shstrtab" {
			keep = append(keep, span{s.Offset, s.FileSize})
		}
		found = found || s.Name == ".go.buildinfo"
	}
	if !found {
		return nil, errors.New("no section .go.buildinfo")
	}
	return keep, nil
}

// writeSparse writes the file with holes for its blocks of zeros.
func writeSparse(name string, data []byte) error {
	const block = 4096
	if err := writeFile(name, nil); err != nil {
		return err
	}
	if err := os.Truncate(name, int64(len(data))); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // the tool writes where its user says
	if err != nil {
		return err
	}
	zeros := make([]byte, block)
	for off := 0; off < len(data) && err == nil; off += block {
		part := data[off:min(off+block, len(data))]
		if !bytes.Equal(part, zeros[:len(part)]) {
			_, err = f.WriteAt(part, int64(off))
		}
	}
	return errors.Join(err, f.Close())
}
