package program

import (
	"bytes"
	"compress/zlib"
	"debug/macho"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

const (
	// cratesSection is where cargo-auditable lists what a program was built from (cargo-auditable, PARSING.md).
	cratesSection = ".dep-v0"
	// maxCrates bounds the list, packed and unpacked, in bytes: PARSING.md speaks of some kilobytes; a thousand crates are 100 KB unpacked.
	maxCrates = 16 << 20
	// maxPESections bounds the section table of a Windows program (PE format, "COFF File Header": the loader takes 96).
	maxPESections = 96
)

// readRust reads the list of crates: JSON, packed with zlib. Crates of the project itself ("local") are in no registry.
func readRust(s *section, f *host.File, out kind.Sink) error {
	if s.at < 0 || s.size <= 0 || s.at > f.Size-s.size || s.size > maxCrates {
		return fmt.Errorf("read the list of crates: %d bytes at %d of %d", s.size, s.at, f.Size)
	}
	z, err := zlib.NewReader(io.NewSectionReader(f, s.at, s.size))
	if err != nil {
		return fmt.Errorf("unpack the list of crates: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxCrates+1))
	if err != nil {
		return fmt.Errorf("unpack the list of crates: %w", err)
	}
	if len(text) > maxCrates {
		return fmt.Errorf("unpack the list of crates: %w of %d bytes", host.ErrTooLong, maxCrates)
	}
	var list struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Source  string `json:"source"`
			Kind    string `json:"kind"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read the list of crates: %w", err)
	}
	for _, p := range list.Packages {
		switch {
		case p.Name == "" || p.Version == "":
			out.Gap(f.Name, fmt.Sprintf("a crate without a name or a version: %.80q %.80q", p.Name, p.Version))
		case p.Source != "local":
			out.Add(inventory.Package{
				Ecosystem: inventory.Cargo, Name: p.Name, Version: p.Version, Location: host.Path(f.Name), FoundBy: rustID,
				Dev: p.Kind == "build", PURL: inventory.Cargo.PURL(p.Name, p.Version),
			})
		}
	}
	return nil
}

// peSection finds the list in a Windows program (PE format, "Section Table").
func peSection(f *host.File) (*section, error) {
	var at [4]byte
	if _, err := f.ReadAt(at[:], 0x3c); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	start := int64(binary.LittleEndian.Uint32(at[:]))
	var head [24]byte
	if n, err := f.ReadAt(head[:], start); n < len(head) || string(head[:4]) != "PE\x00\x00" {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, nil // a program of DOS
	}
	count, optional := int64(binary.LittleEndian.Uint16(head[6:])), int64(binary.LittleEndian.Uint16(head[20:]))
	table := make([]byte, 40*min(count, maxPESections))
	n, err := f.ReadAt(table, start+24+optional)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for table = table[:n/40*40]; len(table) > 0; table = table[40:] {
		if string(bytes.TrimRight(table[:8], "\x00")) == cratesSection {
			size := min(binary.LittleEndian.Uint32(table[8:]), binary.LittleEndian.Uint32(table[16:]))
			return &section{int64(binary.LittleEndian.Uint32(table[20:])), int64(size)}, nil
		}
	}
	return nil, nil
}

// machoSection finds the list in a program of macOS; nil if there is none, or if the program cannot be read, which the search for Go says.
func machoSection(f *host.File) *section {
	m, err := macho.NewFile(f)
	if err != nil {
		return nil
	}
	s := m.Section(cratesSection)
	if s == nil {
		return nil
	}
	return &section{int64(s.Offset), int64(s.Size)} //nolint:gosec // what became negative is refused by the reader
}
