// Package md reads the software RAID of Linux: the superblocks of members, in
// every version, and arrays of them as devices. Structures are those of
// include/uapi/linux/raid/md_p.h.
package md

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"hinomi/internal/source/disk/volume"
)

const (
	magic       = 0xa92b4efc
	sector      = 512
	oldSize     = 4096 // of a superblock of version 0.90, bytes
	oldReserved = 65536
	maxRoles    = 1920 // members of version 1, which fit in one page with its header
	newHeader   = 256  // of a superblock of version 1, bytes
)

// The features of version 1 that are looked at.
const (
	featureRecovery = 1 << 1 // recovery_offset is valid: the member is being rebuilt
	featureReshape  = 1 << 2
	featureKnown    = 1<<13 - 1
)

// The roles of a member, and its places in the array.
const (
	roleSpare   = 0xffff
	roleFaulty  = 0xfffe
	roleJournal = 0xfffd
)

// Member is a device that carries a superblock.
type Member struct {
	Version string // "0.90", "1.0", "1.1" or "1.2"
	UUID    string // of the array, 32 hex digits
	Name    string // of the array, as "host:0"; version 0.90 has none
	Minor   int    // of the array's device; -1 if not kept
	Events  uint64 // how often the array changed; the newest counts

	dev             volume.Device
	level           int32
	layout          uint32
	chunk           int64 // bytes
	disks           int   // places in the array
	size            int64 // bytes used on each member, 0 if each has its own
	offset, length  int64 // of its data, bytes
	number          int   // by which roles counts it
	role            int
	roles           []int // of all members, as this one knows them
	recovering      bool
	reshaping       bool
	unknownFeatures uint32
}

// Probe says whether the start of a device holds the superblock of a member, of
// version 1.1 or 1.2.
func Probe(head []byte) bool {
	for _, at := range []int{0, 4096} {
		if len(head) >= at+4 && binary.LittleEndian.Uint32(head[at:]) == magic {
			return true
		}
	}
	return false
}

// EndOffsets returns the places near the end of a device of size bytes where
// the superblock of version 1.0 and that of 0.90 stand, and -1 for one that
// does not fit.
func EndOffsets(size int64) (new, old int64) {
	new = (size/sector - 16) &^ 7 * sector
	old = size&^(oldReserved-1) - oldReserved
	if new <= 0 {
		new = -1
	}
	if old <= 0 {
		old = -1
	}
	return new, old
}

// ErrNone is returned by ReadStart and ReadEnd if there is no superblock.
var ErrNone = errors.New("no superblock of md")

// ReadStart reads a superblock of version 1.1 or 1.2.
func ReadStart(dev volume.Device) (*Member, error) {
	for _, v := range []struct {
		version string
		at      int64
	}{{"1.1", 0}, {"1.2", 4096}} {
		m, err := readNew(dev, v.version, v.at)
		if !errors.Is(err, ErrNone) {
			return m, err
		}
	}
	return nil, ErrNone
}

// ReadEnd reads a superblock of version 1.0 or 0.90, which stand near the end
// of the device; on the members of a mirror its start is that of the content.
func ReadEnd(dev volume.Device) (*Member, error) {
	atNew, atOld := EndOffsets(dev.Size())
	if atNew > 0 {
		m, err := readNew(dev, "1.0", atNew)
		if !errors.Is(err, ErrNone) {
			return m, err
		}
	}
	if atOld > 0 {
		return readOld(dev, atOld)
	}
	return nil, ErrNone
}

// readNew reads a superblock of version 1 at a place (struct mdp_superblock_1).
func readNew(dev volume.Device, version string, at int64) (*Member, error) {
	raw := make([]byte, newHeader+2*maxRoles)
	n, err := dev.ReadAt(raw, at)
	if n < newHeader {
		return nil, noneOr(err)
	}
	raw = raw[:n]
	le := binary.LittleEndian
	if le.Uint32(raw) != magic || le.Uint32(raw[4:]) != 1 {
		return nil, ErrNone
	}
	if super := le.Uint64(raw[144:]); super != uint64(at/sector) {
		return nil, ErrNone // a copy of another device's, or one of another version
	}
	count := int(le.Uint32(raw[220:]))
	if count > maxRoles || newHeader+2*count > len(raw) {
		return nil, fmt.Errorf("md superblock %s: %d roles: %w", version, count, volume.ErrCorrupt)
	}
	raw = raw[:newHeader+2*count]
	want := le.Uint32(raw[216:])
	le.PutUint32(raw[216:], 0)
	if sumNew(raw) != want {
		return nil, fmt.Errorf("md superblock %s: checksum: %w", version, volume.ErrCorrupt)
	}
	m := &Member{
		Version: version, UUID: fmt.Sprintf("%x", raw[16:32]), Name: cstring(raw[32:64]), Minor: -1, Events: le.Uint64(raw[200:]),
		dev: dev, level: int32(le.Uint32(raw[72:])), layout: le.Uint32(raw[76:]), chunk: int64(le.Uint32(raw[88:])) * sector,
		disks: int(le.Uint32(raw[92:])), number: int(le.Uint32(raw[160:])),
	}
	features := le.Uint32(raw[8:])
	m.unknownFeatures = features &^ featureKnown
	m.reshaping = features&featureReshape != 0
	m.recovering = features&featureRecovery != 0 && le.Uint64(raw[152:]) != math.MaxUint64
	size, offset, length := le.Uint64(raw[80:]), le.Uint64(raw[128:]), le.Uint64(raw[136:])
	if size > 1<<52 || offset > 1<<52 || length > 1<<52 || m.disks < 0 || m.disks > maxRoles {
		return nil, fmt.Errorf("md superblock %s: %d sectors at %d, %d members: %w", version, length, offset, m.disks, volume.ErrCorrupt)
	}
	m.size, m.offset, m.length = int64(size)*sector, int64(offset)*sector, int64(length)*sector
	for i := range count {
		m.roles = append(m.roles, int(le.Uint16(raw[newHeader+2*i:])))
	}
	m.role = roleSpare
	if m.number < count {
		m.role = m.roles[m.number]
	}
	return m, nil
}

// sumNew is the checksum of version 1 (Linux, md.c, calc_sb_1_csum).
func sumNew(raw []byte) uint32 {
	sum := uint64(0)
	for ; len(raw) >= 4; raw = raw[4:] {
		sum += uint64(binary.LittleEndian.Uint32(raw))
	}
	if len(raw) >= 2 {
		sum += uint64(binary.LittleEndian.Uint16(raw))
	}
	return uint32(sum) + uint32(sum>>32)
}

// readOld reads a superblock of version 0.90 (struct mdp_super_s), which is in
// the byte order of the machine that made it: here, little-endian.
func readOld(dev volume.Device, at int64) (*Member, error) {
	raw := make([]byte, oldSize)
	n, err := dev.ReadAt(raw, at)
	if n < len(raw) {
		return nil, noneOr(err)
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	if word(0) != magic {
		return nil, ErrNone
	}
	if word(1) != 0 || word(2) != 90 && word(2) != 91 {
		return nil, fmt.Errorf("md superblock of version %d.%d: %w", word(1), word(2), volume.ErrUnsupported)
	}
	sum := uint64(0)
	for i := range oldSize / 4 {
		if i != 38 {
			sum += uint64(word(i))
		}
	}
	if fold(uint32(sum)+uint32(sum>>32)) != fold(word(38)) {
		return nil, fmt.Errorf("md superblock 0.90: checksum: %w", volume.ErrCorrupt)
	}
	m := &Member{
		Version: "0.90", UUID: fmt.Sprintf("%08x%08x%08x%08x", word(5), word(13), word(14), word(15)), Minor: int(word(11)),
		Events: uint64(word(40))<<32 | uint64(word(39)), dev: dev, level: int32(word(7)), layout: word(64),
		chunk: int64(word(65)), disks: int(word(10)), number: int(word(992)), length: at, reshaping: word(2) == 91,
	}
	if m.disks > 27 || m.number >= 27 {
		return nil, fmt.Errorf("md superblock 0.90: member %d of %d: %w", m.number, m.disks, volume.ErrCorrupt)
	}
	m.size = int64(word(8)) * 1024
	for i := range 27 {
		m.roles = append(m.roles, oldRole(word(128+32*i+3), word(128+32*i+4)))
	}
	m.role = m.roles[m.number]
	return m, nil
}

// oldRole turns a descriptor's place and state into a role: bit 0 faulty, bit 1
// active, bit 2 in sync, bit 3 removed.
func oldRole(place, state uint32) int {
	switch {
	case state&(1<<0|1<<3) != 0:
		return roleFaulty
	case state&(1<<1|1<<2) == 1<<1|1<<2 && place < 27:
		return int(place)
	}
	return roleSpare
}

// fold is csum_fold: older kernels summed in 16 bits.
func fold(sum uint32) uint16 {
	sum = sum>>16 + sum&0xffff
	return uint16(sum + sum>>16)
}

// noneOr returns the error of a read, or ErrNone where the device is shorter.
func noneOr(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrNone
	}
	return fmt.Errorf("read the superblock of md: %w", err)
}

func cstring(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.ToValidUTF8(string(b), "?")
}
