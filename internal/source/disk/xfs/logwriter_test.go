package xfs_test

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"testing"

	"hinomi/internal/source/disk/xfs/journal"
)

var crc32c = crc32.MakeTable(crc32.Castagnoli)

// super is what tests need of an image's superblock.
type super struct {
	uuid                                            [16]byte
	blockSize, agBlocks, logStart, logBlocks, agLog int64
}

func readSuper(t testing.TB, image string) super {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 512)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return superOf(b)
}

func superOf(b []byte) super {
	be := binary.BigEndian
	return super{
		uuid: [16]byte(b[32:48]), blockSize: int64(be.Uint32(b[4:])), agBlocks: int64(be.Uint32(b[84:])),
		logStart: int64(be.Uint64(b[48:])), logBlocks: int64(be.Uint32(b[96:])), agLog: int64(b[124]),
	}
}

// offset is where a file system block lies, in bytes.
func (s super) offset(block int64) int64 {
	return (block>>s.agLog*s.agBlocks + block&(1<<s.agLog-1)) * s.blockSize
}

func openJournal(t testing.TB, image string) *journal.Log {
	t.Helper()
	s := readSuper(t, image)
	log, err := journal.Open(openDevice(t, image), journal.Params{
		Offset: s.offset(s.logStart), Blocks: s.logBlocks * s.blockSize / 512, UUID: s.uuid, Checksums: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// writeAt changes bytes of an image.
func writeAt(t testing.TB, image string, b []byte, off int64) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

func readAt(t testing.TB, image string, n int, off int64) []byte {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	return b
}

// logOp is one operation of a record.
type logOp struct {
	tid   uint32
	flags byte
	data  []byte
}

// transaction makes the operations of one transaction.
func transaction(tid uint32, items ...[][]byte) []logOp {
	le := binary.LittleEndian
	header := make([]byte, 16)
	le.PutUint32(header, 0x5452414e)
	le.PutUint32(header[4:], 40)
	n := 0
	ops := []logOp{{tid: tid, flags: 1}, {tid: tid, data: header}}
	for _, item := range items {
		for _, region := range item {
			ops = append(ops, logOp{tid: tid, data: region})
			n++
		}
	}
	le.PutUint32(header[12:], uint32(n))
	return append(ops, logOp{tid: tid, flags: 2})
}

// logWriter writes records behind the head of an image's log, as a kernel would that stops right after.
type logWriter struct {
	t     testing.TB
	image string
	s     super
	at    int64
	cycle uint32
	tail  uint64
	prev  int64
}

// newLogWriter begins behind the unmount record of a clean log.
func newLogWriter(t testing.TB, image string) *logWriter {
	t.Helper()
	log := openJournal(t, image)
	if !log.Clean() {
		t.Fatal("the log is not clean")
	}
	_, head := log.Bounds()
	w := &logWriter{t: t, image: image, s: readSuper(t, image), at: head}
	for w.prev = head - 1; ; w.prev-- {
		b := readAt(t, image, 8, w.offset(w.prev))
		if binary.BigEndian.Uint32(b) == 0xfeedbabe {
			w.cycle = binary.BigEndian.Uint32(b[4:])
			break
		}
	}
	return w
}

func (w *logWriter) offset(block int64) int64 { return w.s.offset(w.s.logStart) + block*512 }

func (w *logWriter) lsn() uint64 { return uint64(w.cycle)<<32 | uint64(w.at) }

// record writes one record and returns its block.
func (w *logWriter) record(ops []logOp) int64 {
	w.t.Helper()
	be := binary.BigEndian
	var data []byte
	for _, op := range ops {
		h := make([]byte, 12)
		be.PutUint32(h, op.tid)
		be.PutUint32(h[4:], uint32(len(op.data)))
		h[8], h[9] = 0x69, op.flags
		data = append(append(data, h...), op.data...)
	}
	length := len(data)
	data = append(data, make([]byte, (512-length%512)%512)...)
	if length > 32<<10 {
		w.t.Fatal("the test's record is too long")
	}
	h := make([]byte, 512)
	be.PutUint32(h, 0xfeedbabe)
	be.PutUint32(h[4:], w.cycle)
	be.PutUint32(h[8:], 2)
	be.PutUint32(h[12:], uint32(length))
	be.PutUint64(h[16:], w.lsn())
	if w.tail == 0 {
		w.tail = w.lsn()
	}
	be.PutUint64(h[24:], w.tail)
	be.PutUint32(h[36:], uint32(w.prev))
	be.PutUint32(h[40:], uint32(len(ops)))
	for i := range len(data) / 512 {
		copy(h[44+4*i:48+4*i], data[512*i:])
		be.PutUint32(data[512*i:], w.cycle)
	}
	be.PutUint32(h[300:], 1)
	copy(h[304:], w.s.uuid[:])
	be.PutUint32(h[320:], 32<<10)
	sum := crc32.Update(0, crc32c, h[:328])
	binary.LittleEndian.PutUint32(h[32:], crc32.Update(sum, crc32c, data[:length]))
	writeAt(w.t, w.image, slices.Concat(h, data), w.offset(w.at))
	block := w.at
	w.prev = w.at
	w.at += int64(1 + len(data)/512)
	return block
}
