// Package advisorydb is the index of advisories: one immutable file, memory-mapped, that readers open without loading it.
//
// # Why this form
//
// Advisories change every few hours and are looked up millions of times in between, by exact name. So the file is written once, by a
// [Builder] whose memory is bounded (records are sorted on disk and merged), checked, and swapped in by rename; readers that have the
// old file open keep it. Keys are kept sorted by a 64-bit hash with a table of buckets before them: a lookup touches the bucket, one
// entry and the value, whatever the number of keys. Values are length-prefixed binary with a CRC-32C each, so that opening reads the
// header alone and corruption is still seen by whoever meets it. Long text, which matching never reads, lies apart in compressed blocks.
//
// Measured here: 109,100 rows of ten feeds are imported in 3 s with 100 MB of memory into 26 MB; opening and matching 1,672 packages takes
// 10 ms (BenchmarkMatch). An FST or a B-tree would do as well; neither was compared in this package.
//
// # Layout, version 3 (integers little-endian, varints as encoding/binary)
//
//	header    256 bytes: magic, version, length of the file, section table, SHA-256 of all that follows, CRC-32C of the header
//	blobs     documents and compressed text blocks, in order of arrival
//	values    one record per key: key, payload, CRC-32C
//	docs      8 bytes per document: its offset
//	blocks    8 bytes per text block: its offset
//	entries   16 bytes per key, sorted: hash of the key, offset of the value
//	buckets   4 bytes per bucket: the first entry whose hash begins so
//	prints    8 bytes per key, in the order of the entries: hash of what the key says, with its documents' contents and without their numbers
//	meta      JSON: feeds, counts, time; CRC-32C
package advisorydb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	magic      = "hinomiAD"
	version    = 3
	headerSize = 256
	numSect    = 8
)

// The sections, in the order of the section table.
const (
	sectBlobs = iota
	sectValues
	sectDocs
	sectBlocks
	sectEntries
	sectBuckets
	sectPrints
	sectMeta
)

// Errors that a caller acts on: by importing the feeds again.
var (
	// ErrFormat says that a file is not an advisory database, or was written by another version of hinomi.
	ErrFormat = errors.New("not an advisory database that this version of hinomi reads")
	// ErrCorrupt says that a file is an advisory database whose bytes are damaged or cut short.
	ErrCorrupt = errors.New("advisory database is damaged")
)

// castagnoli is the CRC-32C table, which processors compute in hardware.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// crcOf returns the CRC-32C of b.
func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// section is one part of the file.
type section struct{ off, len uint64 }

// header is the first 256 bytes.
type header struct {
	size   uint64 // of the whole file
	bits   uint32 // buckets are told by this many leading bits of the hash
	sects  [numSect]section
	sha256 [32]byte // of everything after the header
}

// marshal returns the header's 256 bytes.
func (h *header) marshal() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, h.bits)
	b = binary.LittleEndian.AppendUint64(b, h.size)
	for _, s := range h.sects {
		b = binary.LittleEndian.AppendUint64(b, s.off)
		b = binary.LittleEndian.AppendUint64(b, s.len)
	}
	b = append(b, h.sha256[:]...)
	b = b[:headerSize-4]
	return binary.LittleEndian.AppendUint32(b, crcOf(b))
}

// unmarshal reads a header and checks it against the file's real size.
func (h *header) unmarshal(b []byte, size int64) error {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return ErrFormat
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return fmt.Errorf("%w: version %d, want %d: import the feeds again", ErrFormat, v, version)
	}
	if crcOf(b[:headerSize-4]) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return fmt.Errorf("%w: checksum of the header", ErrCorrupt)
	}
	h.bits = binary.LittleEndian.Uint32(b[12:])
	h.size = binary.LittleEndian.Uint64(b[16:])
	if size < 0 || h.size != uint64(size) {
		return fmt.Errorf("%w: %d bytes, want %d", ErrCorrupt, size, h.size)
	}
	p := b[24:]
	for i := range h.sects {
		s := section{binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])}
		if s.off < headerSize || s.off > h.size || s.len > h.size-s.off {
			return fmt.Errorf("%w: section %d lies outside the file", ErrCorrupt, i)
		}
		h.sects[i] = s
		p = p[16:]
	}
	copy(h.sha256[:], p)
	if h.bits < 1 || h.bits > 28 || h.sects[sectBuckets].len != 4*(uint64(1)<<h.bits+1) ||
		h.sects[sectEntries].len%16 != 0 || h.sects[sectPrints].len*2 != h.sects[sectEntries].len || h.sects[sectDocs].len%8 != 0 || h.sects[sectBlocks].len%8 != 0 {
		return fmt.Errorf("%w: sizes of the tables", ErrCorrupt)
	}
	return nil
}

// The first byte of a key says what it is a key of.
const (
	keyPackage    = 'p' // ecosystem 0 release 0 package → rows
	keyCVE        = 'c' // CVE id → what is known of it
	keyLifecycle  = 'l' // product → lifecycles
	keyID         = 'i' // advisory or CVE id → documents
	keyRepository = 'r' // ecosystem 0 repository → its products
)

// packageKey appends the key of one package of one release.
func packageKey(b []byte, ecosystem, release, name string) []byte {
	b = append(b, keyPackage)
	b = append(b, ecosystem...)
	b = append(b, 0)
	b = append(b, release...)
	b = append(b, 0)
	return append(b, name...)
}

// idKey returns a key of one kind and one name.
func idKey(kind byte, id string) []byte { return append([]byte{kind}, id...) }
