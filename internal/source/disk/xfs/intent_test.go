package xfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs"
)

// setIncompat sets incompatible features in the superblock, as a later mkfs.xfs would.
func setIncompat(t testing.TB, image string, bits uint32) {
	t.Helper()
	b := readAt(t, image, 512, 0)
	binary.BigEndian.PutUint32(b[216:], binary.BigEndian.Uint32(b[216:])|bits)
	binary.LittleEndian.PutUint32(b[224:], 0)
	binary.LittleEndian.PutUint32(b[224:], crc32.Checksum(b, crc32c))
	writeAt(t, image, b, 0)
}

// twoFiles makes an image with two files of 40 blocks each, in pieces.
func twoFiles(t *testing.T, mkfs ...string) (image string, ino, gen [2]uint64) {
	t.Helper()
	image = newImage(t, "400M", mkfs...)
	mounted(t, image, func(dir string) {
		for i, name := range []string{"a", "b"} {
			f, err := os.Create(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for n := range int64(40) {
				if i == 0 && n%5 == 4 {
					continue // holes in the first
				}
				if _, err := f.WriteAt(bytes.Repeat([]byte(fmt.Sprintf("%s%02d ", name, n)), 1024), n*4096); err != nil {
					t.Fatal(err)
				}
				if n%7 == 0 {
					_ = f.Sync()
				}
			}
			_ = f.Close()
			st, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			ino[i] = inodeNumber(st)
		}
	})
	for i := range ino {
		out := run(t, "xfs_db", "-r", "-c", fmt.Sprintf("inode %d", ino[i]), "-c", "p core.gen", image)
		_, num, _ := strings.Cut(strings.TrimSpace(out), " = ")
		n, err := strconv.ParseUint(num, 10, 32)
		if err != nil {
			t.Fatalf("generation %q: %v", out, err)
		}
		gen[i] = n
	}
	return image, ino, gen
}

// firstBlock returns where a file's first extent lies.
func firstBlock(t *testing.T, image string, ino uint64) uint64 {
	t.Helper()
	out := run(t, "xfs_db", "-r", "-c", fmt.Sprintf("inode %d", ino), "-c", "bmap", image)
	words := strings.Fields(out) // data offset 0 startblock 10 (0/10) count 1 flag 0
	if len(words) < 5 {
		t.Fatalf("bmap: %q", out)
	}
	n, err := strconv.ParseUint(words[4], 10, 64)
	if err != nil {
		t.Fatalf("bmap: %q: %v", out, err)
	}
	return n
}

// exchangeItem is an XMI (kernel, struct xfs_xmi_log_format).
func exchangeItem(id uint64, ino, gen [2]uint64, off1, off2, blocks, flags, size1, size2 uint64) [][]byte {
	le := binary.LittleEndian
	b := make([]byte, 88)
	le.PutUint16(b, 0x1248)
	le.PutUint16(b[2:], 1)
	for at, v := range map[int]uint64{8: id, 16: ino[0], 24: ino[1], 40: off1, 48: off2, 56: blocks, 64: flags, 72: size1, 80: size2} {
		le.PutUint64(b[at:], v)
	}
	le.PutUint32(b[32:], uint32(gen[0]))
	le.PutUint32(b[36:], uint32(gen[1]))
	return [][]byte{b}
}

// mapItem is a BUI of one extent (kernel, struct xfs_bui_log_format).
func mapItem(id, ino, start, off uint64, blocks, flags uint32) [][]byte {
	le := binary.LittleEndian
	b := make([]byte, 48)
	le.PutUint16(b, 0x1244)
	le.PutUint16(b[2:], 1)
	le.PutUint32(b[4:], 1)
	le.PutUint64(b[8:], id)
	le.PutUint64(b[16:], ino)
	le.PutUint64(b[24:], start)
	le.PutUint64(b[32:], off)
	le.PutUint32(b[40:], blocks)
	le.PutUint32(b[44:], flags)
	return [][]byte{b}
}

// doneItem is the item that ends an intent.
func doneItem(kind uint16, id uint64) [][]byte {
	b := make([]byte, 16)
	binary.LittleEndian.PutUint16(b, kind)
	binary.LittleEndian.PutUint16(b[2:], 1)
	binary.LittleEndian.PutUint64(b[8:], id)
	return [][]byte{b}
}

// TestUnfinishedIntents puts an operation that a crash broke off into the log and holds what is read to what the
// kernel makes of it.
func TestUnfinishedIntents(t *testing.T) {
	need(t, "xfs_db")
	const exchangeRange = 1 << 6
	for _, tt := range []struct {
		name     string
		features uint32
		items    func(t *testing.T, image string, ino, gen [2]uint64) [][][]byte
		changed  bool
	}{
		{"exchange_all", exchangeRange, func(_ *testing.T, _ string, ino, gen [2]uint64) [][][]byte {
			return [][][]byte{exchangeItem(77, ino, gen, 0, 0, 40, 0, 0, 0)}
		}, true},
		{"exchange_part_with_sizes", exchangeRange, func(_ *testing.T, _ string, ino, gen [2]uint64) [][][]byte {
			return [][][]byte{exchangeItem(77, ino, gen, 3, 13, 9, 2, 163840, 159744)}
		}, true},
		{"exchange_done", exchangeRange, func(_ *testing.T, _ string, ino, gen [2]uint64) [][][]byte {
			return [][][]byte{exchangeItem(77, ino, gen, 0, 0, 40, 0, 0, 0), doneItem(0x1249, 77)}
		}, false},
		{"exchange_where_written", exchangeRange, func(_ *testing.T, _ string, ino, gen [2]uint64) [][][]byte {
			return [][][]byte{exchangeItem(77, ino, gen, 0, 0, 40, 4, 0, 0)}
		}, true},
		{"unmap", 0, func(t *testing.T, image string, ino, _ [2]uint64) [][][]byte {
			return [][][]byte{mapItem(78, ino[0], firstBlock(t, image, ino[0])+1, 1, 2, 2)}
		}, true},
		{"map_into_hole", 0, func(t *testing.T, image string, ino, _ [2]uint64) [][][]byte {
			return [][][]byte{mapItem(79, ino[0], firstBlock(t, image, ino[1]), 4, 1, 1)}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image, ino, gen := twoFiles(t)
			before := contents(t, openImage(t, image))
			setIncompat(t, image, tt.features)
			w := newLogWriter(t, image)
			w.record(transaction(5, tt.items(t, image, ino, gen)...))
			fsys, _ := sameContents(t, image)
			after := contents(t, fsys)
			if changed := before["a"] != after["a"]; changed != tt.changed {
				t.Errorf("the operation changed the file: %v, want %v", changed, tt.changed)
			}
			if len(fsys.Info().Gaps) > 0 {
				t.Errorf("gaps %q", fsys.Info().Gaps)
			}
		})
	}
}

// sameContents compares what is read with what the kernel shows of a copy, times and sizes of folders apart: finishing
// an operation stamps the file.
func sameContents(t *testing.T, image string) (volume.FS, map[string]string) {
	t.Helper()
	kernels := filepath.Join(t.TempDir(), "kernel.img")
	run(t, "cp", "--sparse=always", image, kernels)
	fsys := openImage(t, image)
	got := contents(t, fsys)
	mountedWith(t, kernels, "loop,nouuid", func(dir string) {
		seen := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			want, err := os.ReadFile(path)
			if got[name] != string(want) {
				t.Errorf("%s differs: got %d bytes, want %d", name, len(got[name]), len(want))
			}
			seen++
			return err
		})
		if err != nil || seen == 0 {
			t.Errorf("%d files, %v", seen, err)
		}
	})
	t.Logf("notes %q, gaps %q", fsys.Info().Notes, fsys.Info().Gaps)
	return fsys, got
}

// TestLogThatCannotBeReplayed holds what is refused to what the kernel refuses.
func TestLogThatCannotBeReplayed(t *testing.T) {
	need(t, "xfs_db")
	unknown := [][]byte{make([]byte, 16)}
	binary.LittleEndian.PutUint16(unknown[0], 0x1299)
	binary.LittleEndian.PutUint16(unknown[0][2:], 1)
	noInode := make([]byte, 56)
	binary.LittleEndian.PutUint16(noInode, 0x123b)
	binary.LittleEndian.PutUint16(noInode[2:], 2)
	for _, tt := range []struct {
		name string
		ops  []logOp
		want error
	}{
		{"unknown_item", transaction(5, unknown), volume.ErrUnsupported},
		{"inode_without_core", transaction(5, [][]byte{noInode}), volume.ErrCorrupt},
		{"region_without_header", []logOp{{tid: 5, flags: 1}, {tid: 5, data: make([]byte, 20)}}, volume.ErrCorrupt},
		{"started_twice", []logOp{{tid: 5, flags: 1}, {tid: 5, flags: 1}}, volume.ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image, _, _ := twoFiles(t)
			newLogWriter(t, image).record(tt.ops)
			if _, err := xfs.Open(openDevice(t, image), xfs.Options{}); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			fsys, err := xfs.Open(openDevice(t, image), xfs.Options{IgnoreLog: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(contents(t, fsys)) != 2 || len(fsys.Info().Gaps) != 1 || !strings.Contains(fsys.Info().Gaps[0], "journal not replayed") {
				t.Errorf("without the log: gaps %q", fsys.Info().Gaps)
			}
		})
	}
}
