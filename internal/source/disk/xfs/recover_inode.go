package xfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Flags of a logged inode (kernel, xfs_log_format.h, XFS_ILOG_*).
const (
	logDataLocal   = 0x001 << 1
	logDataExtents = 0x001 << 2
	logDataRoot    = 0x001 << 3
	logDevice      = 0x010
	logDataOwner   = 0x200
	logData        = logDataLocal | logDataExtents | logDataRoot

	inodeFormatSize    = 56
	inodeFormatSize32  = 52 // as 32-bit kernels write it, without padding
	logCoreV2          = 96
	maxFlush           = 0xffff // the flush counter wraps there
	offFlush           = 30
	offNextUnlinked    = 96
	icreateSize        = 28
	maxICreate         = 64 // inodes of one chunk
	inodeVersionLatest = 3
)

// inodeFormat is the format structure of a logged inode.
type inodeFormat struct {
	fields uint32
	ino    uint64
	device uint32
	buffer bufferKey
	offset int64 // bytes in the buffer
}

func parseInodeFormat(b []byte) (inodeFormat, error) {
	le := binary.LittleEndian
	at := 16
	switch {
	case len(b) >= inodeFormatSize:
	case len(b) == inodeFormatSize32:
		at = 12
	default:
		return inodeFormat{}, fmt.Errorf("inode item of %d bytes: %w", len(b), volume.ErrCorrupt)
	}
	f := inodeFormat{
		fields: le.Uint32(b[4:]), ino: le.Uint64(b[at:]), device: le.Uint32(b[at+8:]),
		buffer: bufferKey{block: int64(le.Uint64(b[at+24:]))},
		offset: int64(int32(le.Uint32(b[at+36:]))),
	}
	count := le.Uint32(b[at+32:])
	if count > 0xffff {
		return inodeFormat{}, fmt.Errorf("inode item for %d in a buffer of %d sectors: %w", f.ino, count, volume.ErrCorrupt)
	}
	f.buffer.count = uint16(count)
	return f, nil
}

// applyInode replays an inode unless its buffer is given back later, or the disk has a later state of it.
func (rec *recovery) applyInode(c *change) error {
	f, err := parseInodeFormat(c.regions[0])
	if err != nil {
		return err
	}
	if rec.cancelled[f.buffer] > 0 {
		return nil
	}
	r := rec.r
	off, err := r.sb.inodeOffset(f.ino)
	if err != nil {
		return err
	}
	if f.buffer.block < 0 || f.buffer.block > off/sectorSize || f.buffer.block*sectorSize+f.offset != off {
		return fmt.Errorf("inode item for %d at sector %d: %w", f.ino, f.buffer.block, volume.ErrCorrupt)
	}
	if f.fields&logDataOwner != 0 {
		r.reparented[f.ino] = true
	}
	start := off / sectorSize * sectorSize // two of the oldest inodes share a sector
	b := make([]byte, max(r.sb.inodeSize, sectorSize))
	if _, err := r.dev.ReadAt(b, start); err != nil {
		return fmt.Errorf("inode %d: %w", f.ino, err)
	}
	disk := b[off-start:][:r.sb.inodeSize]
	if binary.BigEndian.Uint16(disk) != inodeMagic {
		return fmt.Errorf("inode %d: no inode where the log changes it: %w", f.ino, volume.ErrCorrupt)
	}
	if len(c.regions) < 2 {
		return fmt.Errorf("inode item for %d without the inode: %w", f.ino, volume.ErrCorrupt)
	}
	core := c.regions[1]
	want := logCoreV2
	if r.sb.version == 5 {
		want = coreSizeV3
	}
	if len(core) < want || binary.LittleEndian.Uint16(core) != inodeMagic {
		return fmt.Errorf("inode item for %d: core of %d bytes: %w", f.ino, len(core), volume.ErrCorrupt)
	}
	if v := core[4]; v == 0 || v > inodeVersionLatest || (v == inodeVersionLatest) != (r.sb.version == 5) {
		return fmt.Errorf("inode item for %d: inode version %d: %w", f.ino, v, volume.ErrCorrupt)
	}
	if newerOnDisk(disk, core, c.lsn, r.sb.version) {
		return nil
	}
	mergeCore(disk, core[:want], c.lsn)
	if err := r.mergeFork(disk, f, c.regions[2:]); err != nil {
		return fmt.Errorf("inode item for %d: %w", f.ino, err)
	}
	rec.inodes++
	return r.dev.write(start, b)
}

// newerOnDisk says whether the disk holds a later state than the log's: by sequence number, or before version 5 by the
// count of flushes.
func newerOnDisk(disk, core []byte, lsn uint64, version int) bool {
	if version == 5 {
		on := binary.BigEndian.Uint64(disk[112:])
		return disk[4] >= inodeVersionLatest && on != 0 && on != ^uint64(0) && on > lsn
	}
	logged, on := binary.LittleEndian.Uint16(core[offFlush:]), binary.BigEndian.Uint16(disk[offFlush:])
	return logged < on && (on != maxFlush || logged >= maxFlush/2) // the counter may have wrapped
}

// coreFields are the widths of an inode core's fields in their order. The log holds them in the host's byte order, the
// disk big-endian. Four places depend on the inode and are done by mergeCore: 24, 30 and the times.
var coreFields = []struct{ at, width int }{
	{0, 2},
	{2, 2},
	{4, 1},
	{5, 1},
	{6, 2},
	{8, 4},
	{12, 4},
	{16, 4},
	{20, 2},
	{22, 2},
	{56, 8},
	{64, 8},
	{72, 4},
	{76, 4},
	{80, 2},
	{82, 1},
	{83, 1},
	{84, 4},
	{88, 2},
	{90, 2},
	{92, 4},
}

// coreFieldsV3 are those that version 3 adds.
var coreFieldsV3 = []struct{ at, width int }{{104, 8}, {120, 8}, {128, 4}, {152, 8}}

// mergeCore writes a logged core over one on the disk. The list of unlinked inodes is not logged with the inode.
func mergeCore(disk, core []byte, lsn uint64) {
	swap := func(at, width int) {
		for i := range width {
			disk[at+i] = core[at+width-1-i]
		}
	}
	for _, f := range coreFields {
		swap(f.at, f.width)
	}
	flags2 := uint64(0)
	if core[4] >= inodeVersionLatest {
		for _, f := range coreFieldsV3 {
			swap(f.at, f.width)
		}
		flags2 = binary.LittleEndian.Uint64(core[120:])
		binary.BigEndian.PutUint64(disk[112:], lsn)
		clear(disk[132:144])
		copy(disk[160:176], core[160:176])
	}
	clear(disk[24:32])
	switch {
	case flags2&flag2NRExt64 != 0:
		swap(24, 8)
	case core[4] < inodeVersionLatest:
		swap(offFlush, 2)
	}
	times := []int{32, 40, 48}
	if core[4] >= inodeVersionLatest {
		times = append(times, 144)
	}
	for _, at := range times {
		if flags2&flag2Bigtime != 0 {
			swap(at, 8)
		} else {
			swap(at, 4)
			swap(at+4, 4)
		}
	}
}

// mergeFork writes the logged data fork. Nothing here reads the attribute fork.
func (r *reader) mergeFork(disk []byte, f inodeFormat, regions [][]byte) error {
	core := coreSizeV2
	if disk[4] >= inodeVersionLatest {
		core = coreSizeV3
	}
	end := len(disk)
	if fork := int(disk[82]) * 8; fork != 0 {
		if core+fork > end {
			return fmt.Errorf("attribute fork at %d: %w", fork, volume.ErrCorrupt)
		}
		end = core + fork
	}
	fork := disk[core:end]
	if f.fields&logDevice != 0 {
		binary.BigEndian.PutUint32(fork, f.device)
	}
	if f.fields&logData == 0 {
		return nil
	}
	if len(regions) == 0 {
		return fmt.Errorf("the data fork is missing: %w", volume.ErrCorrupt)
	}
	data := regions[0]
	if f.fields&logData == logDataRoot {
		return r.mergeRoot(fork, data)
	}
	if len(data) > len(fork) {
		return fmt.Errorf("data fork of %d bytes where %d fit: %w", len(data), len(fork), volume.ErrCorrupt)
	}
	copy(fork, data)
	return nil
}

// mergeRoot writes the root of a block map. The log has it as it stands in memory: with the header of a block, and the
// pointers behind as many keys as fit into what was logged.
func (r *reader) mergeRoot(fork, data []byte) error {
	header := treeHeaderV4
	if r.sb.version == 5 {
		header = treeHeaderV5
	}
	if len(data) < header+16 || len(fork) < rootHeader+16 {
		return fmt.Errorf("block map root of %d bytes: %w", len(data), volume.ErrCorrupt)
	}
	n := int(binary.BigEndian.Uint16(data[6:]))
	from, to := (len(data)-header)/16, (len(fork)-rootHeader)/16
	if n > from || n > to {
		return fmt.Errorf("block map root of %d pointers where %d fit: %w", n, min(from, to), volume.ErrCorrupt)
	}
	copy(fork[:rootHeader], data[4:8]) // level and count
	copy(fork[rootHeader:], data[header:header+8*n])
	copy(fork[rootHeader+8*to:], data[header+8*from:header+8*from+8*n])
	return nil
}

// applyICreate replays the creation of a chunk of inodes, all free, unless the chunk is given back later. What follows
// in the log brings those that are used to life.
func (rec *recovery) applyICreate(c *change) error {
	r, b := rec.r, c.regions[0]
	if len(b) < icreateSize {
		return fmt.Errorf("inode creation item of %d bytes: %w", len(b), volume.ErrCorrupt)
	}
	be := binary.BigEndian
	ag, at, count, size, length := uint64(be.Uint32(b[4:])), uint64(be.Uint32(b[8:])), uint64(be.Uint32(b[12:])), be.Uint32(b[16:]), uint64(be.Uint32(b[20:]))
	block := ag<<r.sb.agBlockLog | at
	perBlock := uint64(1) << r.sb.inodesPerLog
	if at >= 1<<r.sb.agBlockLog || !r.sb.inside(block, length) || int64(size) != r.sb.inodeSize ||
		count == 0 || count != length*perBlock || count > max(maxICreate, perBlock) || r.sb.version != 5 {
		return fmt.Errorf("inode creation item for %d inodes of %d bytes at block %#x: %w", count, size, block, volume.ErrCorrupt)
	}
	off := r.sb.offset(block)
	if rec.anyCancelled(off/sectorSize, int64(length)<<r.sb.blockLog/sectorSize) {
		return nil
	}
	chunk := make([]byte, int64(length)<<r.sb.blockLog)
	for i := range count {
		in := chunk[int64(i)*r.sb.inodeSize:]
		be.PutUint16(in, inodeMagic)
		in[4] = inodeVersionLatest
		copy(in[92:96], b[24:28]) // generation
		be.PutUint32(in[offNextUnlinked:], 0xffffffff)
		be.PutUint64(in[152:], block<<r.sb.inodesPerLog+i)
		copy(in[160:176], r.sb.metaUUID[:])
	}
	rec.buffers++
	return r.dev.write(off, chunk)
}

// anyCancelled says whether a buffer within a range of sectors is given back later, whatever its size: a chunk of
// inodes is written in clusters.
func (rec *recovery) anyCancelled(block, n int64) bool {
	for size := int64(1); size <= n; size *= 2 {
		for at := block; at+size <= block+n; at += size {
			if rec.cancelled[bufferKey{block: at, count: uint16(size)}] > 0 {
				return true
			}
		}
	}
	return false
}
