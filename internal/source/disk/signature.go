package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
)

// probeBytes is how much of a volume's start is looked at: btrfs and reiserfs
// put their superblocks at 64 KiB.
const probeBytes = 68 << 10

// The names of what a volume can hold. They are those of blkid(8).
const (
	typeSwap    = "swap"
	typeSuspend = "swsuspend" // swap that holds the memory of a hibernated machine
	typeLVM     = "LVM2_member"
	typeRAID    = "linux_raid_member"
	typeLUKS    = "crypto_LUKS"
	typeBtrfs   = "btrfs"
	typeFAT     = "vfat"
	typeBIOS    = "bios-boot"
	typeEROFS   = "erofs"
	typeSquash  = "squashfs"
)

// signature is a magic string at a place. The first that fits counts, so what
// wraps another thing (encryption, RAID, LVM) comes first.
type signature struct {
	name   string
	offset int
	magic  string
}

var signatures = []signature{
	{typeLUKS, 0, "LUKS\xba\xbe"},
	{typeLUKS, 0x4000, "SKUL\xba\xbe"}, // the second header of LUKS2, where the first is lost
	{"BitLocker", 3, "-FVE-FS-"},
	{"DM_verity_hash", 0, "verity\x00\x00"},
	{"DM_integrity", 0, "integrt\x00"},
	{"vdo", 0, "dmvdo001"},
	{"stratis", 0x204, "!Stra0tis\x86\xff\x02^\x41rh"},
	{"bcache", 4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	{"bcachefs", 4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"},
	{typeLVM, 0x018, "LVM2 001"},
	{typeLVM, 0x218, "LVM2 001"},
	{typeLVM, 0x418, "LVM2 001"},
	{typeLVM, 0x618, "LVM2 001"},
	{"LVM1_member", 0, "HM\x01\x00"},
	{"zfs_member", 16384 + 24, "version\x00"}, // the first pair of the list of names and values that a label begins with
	{typeSwap, 4086, "SWAPSPACE2"},
	{typeSwap, 4086, "SWAP-SPACE"},
	{typeSwap, 8182, "SWAPSPACE2"},
	{typeSwap, 16374, "SWAPSPACE2"},
	{typeSwap, 65526, "SWAPSPACE2"},
	{typeSuspend, 4086, "S1SUSPEND\x00"},
	{typeSuspend, 4086, "S2SUSPEND\x00"},
	{typeSuspend, 4086, "ULSUSPEND\x00"},
	{typeSuspend, 4086, "LINHIB0001"},
	{"f2fs", 1024, "\x10\x20\xf5\xf2"},
	{"jfs", 32768, "JFS1"},
	{"reiserfs", 65536 + 52, "ReIsEr"},
	{"reiserfs", 8192 + 52, "ReIsEr"},
	{"reiser4", 65536, "ReIsEr4"},
	{"apfs", 32, "NXSB"},
	{"hfs", 1024, "BD\x00"},
	{"hfsplus", 1024, "H+\x00\x04"},
	{"hfsplus", 1024, "HX\x00\x05"},
	{"ufs2", 65536 + 1372, "\x19\x01\x54\x19"},
	{"ocfs2", 2 * 4096, "OCFSV2"},
	{"ocfs2", 2 * 1024, "OCFSV2"},
	{"gfs2", 65536, "\x01\x16\x19\x70"},
	{"iso9660", 32769, "CD001"},
	{"refs", 3, "ReFS\x00\x00\x00\x00"},
	{"exfat", 3, "EXFAT   "},
	{typeFAT, 82, "FAT32   "},
	{typeFAT, 54, "FAT12   "},
	{typeFAT, 54, "FAT16   "},
	{typeFAT, 54, "FAT     "},
}

// readHead reads the start of a volume, as far as it goes.
func readHead(dev Device) ([]byte, error) {
	head := make([]byte, min(probeBytes, max(dev.Size(), 0)))
	n, err := dev.ReadAt(head, 0)
	if n == len(head) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the start of the volume: %w", err)
	}
	return head[:n], nil
}

// recognise names what the volume holds and is not read by a reader, or returns "".
func recognise(head []byte) string {
	for _, s := range signatures {
		if end := s.offset + len(s.magic); end <= len(head) && string(head[s.offset:end]) == s.magic {
			return s.name
		}
	}
	if isNILFS(head) {
		return "nilfs2"
	}
	return ""
}

// isNILFS looks for the superblock of NILFS2, whose magic is only two bytes, so
// that its checksum counts (Linux, include/uapi/linux/nilfs2_ondisk.h).
func isNILFS(head []byte) bool {
	const at = 1024
	if len(head) < 2*at {
		return false
	}
	le := binary.LittleEndian
	sb := bytes.Clone(head[at : 2*at])
	size := int(le.Uint16(sb[8:]))
	if le.Uint16(sb[6:]) != 0x3434 || size < 20 || size > len(sb) {
		return false
	}
	seed, want := le.Uint32(sb[12:]), le.Uint32(sb[16:])
	clear(sb[16:20])
	return ^crc32.Update(^seed, crc32.IEEETable, sb[:size]) == want
}

// luks describes the header of LUKS: its version, its cipher and its UUID (LUKS
// On-Disk Format Specification 1.2.3, 2.1; LUKS2 On-Disk Format Specification 1.1.1, 2.1 and 3).
func luks(head []byte) string {
	field := func(at, n int) string {
		if at+n > len(head) {
			return ""
		}
		b, _, _ := bytes.Cut(head[at:at+n], []byte{0})
		return strings.ToValidUTF8(string(b), "?")
	}
	version := 0
	if len(head) >= 8 {
		version = int(binary.BigEndian.Uint16(head[6:]))
	}
	cipher := ""
	switch version {
	case 1:
		cipher = field(8, 32) + "-" + field(40, 32)
	case 2:
		cipher = luks2Cipher(head)
	}
	return fmt.Sprintf("encrypted with LUKS version %d, cipher %q, UUID %s", version, cipher, field(168, 40))
}

// luks2Cipher finds the cipher in the JSON that follows the header of LUKS2.
func luks2Cipher(head []byte) string {
	const start = 4096
	size := binary.BigEndian.Uint64(head[8:])
	if size <= start || size > uint64(len(head)) {
		return ""
	}
	text, _, _ := bytes.Cut(head[start:size], []byte{0})
	var header struct {
		Segments map[string]struct {
			Encryption string `json:"encryption"`
		} `json:"segments"`
	}
	if json.Unmarshal(text, &header) != nil {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(header.Segments)) {
		if s := header.Segments[key]; s.Encryption != "" {
			return s.Encryption
		}
	}
	return ""
}

// names reads label and UUID of what is recognised and cannot be read, as
// blkid(8) writes them, so that a line of fstab can be matched with it.
func names(kind string, head []byte) (label, uuid string) {
	field := func(at, n int) []byte {
		if at+n > len(head) {
			return make([]byte, n)
		}
		return head[at : at+n]
	}
	text := func(at, n int) string {
		s, _, _ := bytes.Cut(field(at, n), []byte{0})
		return strings.TrimRight(string(s), " ")
	}
	le := binary.LittleEndian
	switch kind {
	case typeSwap:
		return text(1052, 16), hyphened(field(1036, 16))
	case typeBtrfs:
		return text(0x1012b, 256), hyphened(field(0x10020, 16))
	case typeLUKS:
		label := ""
		if len(head) > 72 && head[7] == 2 {
			label = text(24, 48)
		}
		return label, text(168, 40)
	case typeEROFS:
		return text(1024+64, 16), hyphened(field(1024+48, 16))
	case typeFAT:
		at := 39
		if text(82, 5) == "FAT32" {
			at = 67
		}
		id := le.Uint32(field(at, 4))
		label := text(at+4, 11)
		if label == "NO NAME" {
			label = ""
		}
		return label, fmt.Sprintf("%04X-%04X", id>>16, id&0xffff)
	}
	return "", ""
}

// hyphened writes 16 bytes as a UUID, or "" for none.
func hyphened(b []byte) string {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return ""
	}
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
