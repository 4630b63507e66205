package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// probeBytes is how much of a volume's start is looked at: btrfs and reiserfs
// put their superblocks at 64 KiB.
const probeBytes = 68 << 10

// The names of what a volume can hold and that is not read here. They are
// those of blkid(8).
const (
	typeSwap   = "swap"
	typeLVM    = "LVM2_member"
	typeRAID   = "linux_raid_member"
	typeLUKS   = "crypto_LUKS"
	typeBtrfs  = "btrfs"
	typeFAT    = "vfat"
	typeBIOS   = "bios-boot"
	typeEROFS  = "erofs"
	typeSquash = "squashfs"
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
	{"BitLocker", 3, "-FVE-FS-"},
	{"DM_verity_hash", 0, "verity\x00\x00"},
	{typeRAID, 0, "\xfc\x4e\x2b\xa9"},
	{typeRAID, 4096, "\xfc\x4e\x2b\xa9"},
	{typeLVM, 0x018, "LVM2 001"},
	{typeLVM, 0x218, "LVM2 001"},
	{typeLVM, 0x418, "LVM2 001"},
	{typeLVM, 0x618, "LVM2 001"},
	{typeSwap, 4086, "SWAPSPACE2"},
	{typeSwap, 4086, "SWAP-SPACE"},
	{typeSwap, 8182, "SWAPSPACE2"},
	{typeSwap, 16374, "SWAPSPACE2"},
	{typeSwap, 65526, "SWAPSPACE2"},
	{typeBtrfs, 0x10040, "_BHRfS_M"},
	{typeSquash, 0, "hsqs"},
	{typeEROFS, 1024, "\xe2\xe1\xf5\xe0"},
	{"f2fs", 1024, "\x10\x20\xf5\xf2"},
	{"jfs", 32768, "JFS1"},
	{"reiserfs", 65536 + 52, "ReIsEr"},
	{"apfs", 32, "NXSB"},
	{"hfsplus", 1024, "H+\x00\x04"},
	{"hfsplus", 1024, "HX\x00\x05"},
	{"iso9660", 32769, "CD001"},
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

// recognise names what the volume holds, or returns "".
func recognise(dev Device, head []byte) (string, error) {
	for _, s := range signatures {
		if end := s.offset + len(s.magic); end <= len(head) && string(head[s.offset:end]) == s.magic {
			return s.name, nil
		}
	}
	raid, err := endsInRAID(dev)
	if raid {
		return typeRAID, err
	}
	return "", err
}

// endsInRAID looks for the metadata that md puts at the end of a member: of
// version 1.0 and of version 0.90 (md(4), Linux).
func endsInRAID(dev Device) (bool, error) {
	size := dev.Size()
	for _, at := range []int64{(size/512 - 16) &^ 7 * 512, size&^65535 - 65536} {
		if at <= 0 {
			continue
		}
		var magic [4]byte
		n, err := dev.ReadAt(magic[:], at)
		if n < len(magic) {
			if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				continue // the device is shorter than its table says
			}
			return false, fmt.Errorf("read the end of the volume: %w", err)
		}
		if binary.LittleEndian.Uint32(magic[:]) == 0xa92b4efc {
			return true, nil
		}
	}
	return false, nil
}

// names reads label and UUID of what is recognised and not read, as blkid(8)
// writes them, so that a line of fstab can be matched with it.
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
		return "", text(168, 40)
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
