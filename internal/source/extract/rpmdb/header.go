package rpmdb

import (
	"bytes"
	"fmt"
	"strings"
)

// The tags that are read (rpm, include/rpm/rpmtag.h).
const (
	tagName         = 1000
	tagVersion      = 1001
	tagRelease      = 1002
	tagEpoch        = 1003
	tagVendor       = 1011
	tagArch         = 1022
	tagOldFileNames = 1027
	tagSourceRPM    = 1044
	tagDirIndexes   = 1116
	tagBaseNames    = 1117
	tagDirNames     = 1118
	tagModularity   = 5096
)

// The types of a tag's data (rpm, include/rpm/rpmtag.h).
const (
	typeInt32      = 4
	typeString     = 6
	typeStrings    = 8
	typeI18NString = 9
)

// maxTags is how many index entries a header may have: rpm's hdrchkTags (lib/header.c) refuses 65,536 and more.
const maxTags = 0xffff

// Header is one installed package as rpm keeps it. It refers to the blob it was parsed from.
type Header struct {
	Name, Version, Release string
	Epoch                  string // "" if the package has none
	Arch                   string // "" for the pseudo packages of public keys
	Vendor                 string
	SourceRPM              string // file name of the source package
	Modularity             string // name:stream:version:context

	baseNames, dirNames, dirIndexes, oldNames entry
	data                                      []byte
}

type entry struct{ tag, kind, offset, count uint32 }

// ParseHeader reads a header blob: two counts, the index, the data store; numbers are big endian (rpm, docs/manual/hregions.md).
func ParseHeader(blob []byte) (*Header, error) {
	if len(blob) < 8 {
		return nil, fmt.Errorf("%w: header of %d bytes", ErrCorrupt, len(blob))
	}
	tags, size := uint64(be.Uint32(blob)), uint64(be.Uint32(blob[4:]))
	if tags == 0 || tags > maxTags || 8+16*tags+size > uint64(len(blob)) {
		return nil, fmt.Errorf("%w: header of %d bytes says %d tags and %d bytes of data", ErrCorrupt, len(blob), tags, size)
	}
	index, data := blob[8:8+16*tags], blob[8+16*tags:8+16*tags+size]
	h := &Header{data: data}
	for ; len(index) > 0; index = index[16:] {
		e := entry{tag: be.Uint32(index), kind: be.Uint32(index[4:]), offset: be.Uint32(index[8:]), count: be.Uint32(index[12:])}
		if err := h.take(e); err != nil {
			return nil, err
		}
	}
	if h.Name == "" || h.Version == "" {
		return nil, fmt.Errorf("%w: header without a name or a version (%q, %q)", ErrCorrupt, h.Name, h.Version)
	}
	return h, nil
}

func (h *Header) take(e entry) error {
	var err error
	switch e.tag {
	case tagName:
		h.Name, err = h.text(e)
	case tagVersion:
		h.Version, err = h.text(e)
	case tagRelease:
		h.Release, err = h.text(e)
	case tagVendor:
		h.Vendor, err = h.text(e)
	case tagArch:
		h.Arch, err = h.text(e)
	case tagSourceRPM:
		h.SourceRPM, err = h.text(e)
	case tagModularity:
		h.Modularity, err = h.text(e)
	case tagEpoch:
		if e.kind != typeInt32 || e.count < 1 || uint64(e.offset)+4 > uint64(len(h.data)) {
			return fmt.Errorf("%w: epoch of type %d at %d", ErrCorrupt, e.kind, e.offset)
		}
		h.Epoch = fmt.Sprint(be.Uint32(h.data[e.offset:]))
	case tagBaseNames:
		h.baseNames = e
	case tagDirNames:
		h.dirNames = e
	case tagDirIndexes:
		h.dirIndexes = e
	case tagOldFileNames:
		h.oldNames = e
	}
	return err
}

func (h *Header) text(e entry) (string, error) {
	if e.kind != typeString && e.kind != typeI18NString && e.kind != typeStrings || uint64(e.offset) >= uint64(len(h.data)) {
		return "", fmt.Errorf("%w: tag %d of type %d at %d of %d", ErrCorrupt, e.tag, e.kind, e.offset, len(h.data))
	}
	s, _, ok := bytes.Cut(h.data[e.offset:], []byte{0})
	if !ok {
		return "", fmt.Errorf("%w: tag %d has no end", ErrCorrupt, e.tag)
	}
	return string(s), nil
}

// strings lists an array of strings; the values refer to the blob.
func (h *Header) strings(e entry) ([][]byte, error) {
	if e.count == 0 {
		return nil, nil
	}
	if e.kind != typeStrings || uint64(e.offset) >= uint64(len(h.data)) || uint64(e.count) > uint64(len(h.data)) {
		return nil, fmt.Errorf("%w: tag %d of type %d with %d strings at %d", ErrCorrupt, e.tag, e.kind, e.count, e.offset)
	}
	out := make([][]byte, 0, e.count)
	rest := h.data[e.offset:]
	for range e.count {
		s, tail, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, fmt.Errorf("%w: tag %d ends after %d of %d strings", ErrCorrupt, e.tag, len(out), e.count)
		}
		out, rest = append(out, s), tail
	}
	return out, nil
}

// Files calls fn with the folder (ending in a slash, or empty where rpm kept whole names) and the name of each file of the package.
// The slices are only valid during the call.
func (h *Header) Files(fn func(dir, base []byte)) error {
	old, err := h.strings(h.oldNames)
	if err != nil {
		return err
	}
	for _, name := range old {
		fn(nil, name)
	}
	bases, err := h.strings(h.baseNames)
	if err != nil || len(bases) == 0 {
		return err
	}
	dirs, err := h.strings(h.dirNames)
	if err != nil {
		return err
	}
	e := h.dirIndexes
	if e.kind != typeInt32 || int(e.count) != len(bases) || uint64(e.offset)+4*uint64(e.count) > uint64(len(h.data)) {
		return fmt.Errorf("%w: %d files, %d folder indexes at %d", ErrCorrupt, len(bases), e.count, e.offset)
	}
	for i, base := range bases {
		dir := be.Uint32(h.data[int(e.offset)+4*i:])
		if uint64(dir) >= uint64(len(dirs)) {
			return fmt.Errorf("%w: folder %d of %d", ErrCorrupt, dir, len(dirs))
		}
		fn(dirs[dir], base)
	}
	return nil
}

// EVR returns epoch:version-release, without an epoch of zero.
func (h *Header) EVR() string {
	evr := h.Version
	if h.Release != "" {
		evr += "-" + h.Release
	}
	if h.Epoch != "" && h.Epoch != "0" {
		evr = h.Epoch + ":" + evr
	}
	return evr
}

// Source splits the source package's file name, name-version-release.src.rpm, into name and version-release. It is false for other forms.
func (h *Header) Source() (name, version string, ok bool) {
	s, found := strings.CutSuffix(h.SourceRPM, ".src.rpm")
	if !found {
		if s, found = strings.CutSuffix(h.SourceRPM, ".nosrc.rpm"); !found {
			return "", "", false
		}
	}
	r := strings.LastIndexByte(s, '-')
	if r <= 0 {
		return "", "", false
	}
	v := strings.LastIndexByte(s[:r], '-')
	if v <= 0 {
		return "", "", false
	}
	return s[:v], s[v+1:], true
}
