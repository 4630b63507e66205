package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"hinomi/internal/source/disk/volume"
)

const (
	bootSize     = 512
	oemName      = "NTFS    "
	maxCluster   = 2 << 20  // bytes: the largest cluster since Windows Server 2019
	maxRecord    = 64 << 10 // bytes of a record of the MFT; 1 and 4 KiB are in use
	maxIndexSize = 2 << 20  // bytes of a block of a folder's index
)

// boot is what the boot sector says of the volume's geometry.
type boot struct {
	sectorSize  int
	clusterSize int64
	clusters    int64 // of the volume
	mft, mirror int64 // first clusters of $MFT and $MFTMirr
	recordSize  int
	serial      uint64
	size        int64 // bytes
	fromBackup  bool
}

// Probe says whether head is the start of an NTFS volume.
func Probe(head []byte) bool {
	return len(head) >= bootSize && string(head[3:11]) == oemName
}

// readBoot reads the boot sector, or its copy in the volume's last sector.
func readBoot(dev volume.Device) (boot, error) {
	raw := make([]byte, bootSize)
	if err := readFull(dev, raw, 0); err != nil {
		return boot{}, fmt.Errorf("boot sector: %w", err)
	}
	b, err := parseBoot(raw)
	if err == nil {
		return b, nil
	}
	for _, at := range []int64{dev.Size() - 512, dev.Size() - 4096} {
		if at <= 0 || readFull(dev, raw, at) != nil {
			continue
		}
		if b, backupErr := parseBoot(raw); backupErr == nil {
			b.fromBackup = true
			return b, nil
		}
	}
	return boot{}, err
}

func parseBoot(raw []byte) (boot, error) {
	le := binary.LittleEndian
	if !Probe(raw) {
		return boot{}, fmt.Errorf("boot sector without the name NTFS: %w", volume.ErrCorrupt)
	}
	b := boot{sectorSize: int(le.Uint16(raw[11:])), serial: le.Uint64(raw[72:])}
	if b.sectorSize < 256 || b.sectorSize > 4096 || bits.OnesCount(uint(b.sectorSize)) != 1 {
		return boot{}, fmt.Errorf("boot sector: sectors of %d bytes: %w", b.sectorSize, volume.ErrCorrupt)
	}
	perCluster := int64(raw[13])
	if perCluster > 0x80 { // a power of two, negated (since Windows 10, for clusters over 64 KiB)
		perCluster = 1 << min(256-perCluster, 32)
	}
	b.clusterSize = perCluster * int64(b.sectorSize)
	if perCluster == 0 || bits.OnesCount64(uint64(perCluster)) != 1 || b.clusterSize > maxCluster {
		return boot{}, fmt.Errorf("boot sector: clusters of %d sectors: %w", perCluster, volume.ErrCorrupt)
	}
	sectors := le.Uint64(raw[40:])
	if sectors == 0 || sectors > 1<<62/uint64(b.sectorSize) {
		return boot{}, fmt.Errorf("boot sector: volume of %d sectors: %w", sectors, volume.ErrCorrupt)
	}
	b.size = int64(sectors) * int64(b.sectorSize)
	b.clusters = (b.size + b.clusterSize - 1) / b.clusterSize
	mft, mirror := le.Uint64(raw[48:]), le.Uint64(raw[56:])
	if mft >= uint64(b.clusters) {
		return boot{}, fmt.Errorf("boot sector: MFT in cluster %d of %d: %w", mft, b.clusters, volume.ErrCorrupt)
	}
	b.mft = int64(mft)
	if mirror < uint64(b.clusters) {
		b.mirror = int64(mirror)
	}
	record := sizeOf(int8(raw[64]), b.clusterSize)
	if record < 512 || record > maxRecord || bits.OnesCount64(uint64(record)) != 1 {
		return boot{}, fmt.Errorf("boot sector: MFT records of %d bytes: %w", record, volume.ErrCorrupt)
	}
	b.recordSize = int(record)
	return b, nil
}

// sizeOf decodes a size that is counted in clusters, or is a negated power of two in bytes.
func sizeOf(n int8, cluster int64) int64 {
	if n >= 0 {
		return int64(n) * cluster
	}
	return 1 << min(-int(n), 40)
}

// serialNumber writes the volume's number as blkid(8) does.
func (b *boot) serialNumber() string { return strings.ToUpper(fmt.Sprintf("%016x", b.serial)) }

// readFull reads len(p) bytes, or fails.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}
