package xfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs"
)

// inodeAt is where an inode of the seeds lies: blocks of 4 KiB, inodes of 512 bytes, one allocation group.
func inodeAt(ino uint64) int64 { return int64(ino) * 512 }

// dataFork is what an inode has for its data, before the attributes.
func dataFork(b []byte, in int64) []byte {
	if fork := int64(b[in+82]) * 8; fork != 0 {
		return b[in+176 : in+176+fork]
	}
	return b[in+176 : in+512]
}

// seedInode returns the number of a file's inode.
func seedInode(t *testing.T, image []byte, name string) uint64 {
	t.Helper()
	st, err := openBytes(t, image).Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*volume.Stat).Ino
}

// changed returns the clean seed with changes, its checksums right.
func changed(t *testing.T, change func(t *testing.T, b []byte)) []byte {
	t.Helper()
	b := seed(t, "clean")
	change(t, b)
	repair(0, b[:4096])
	from, to := metadata(b)
	for off := from; off < to; off += 4096 {
		repair(off, b[off:off+4096])
	}
	return b
}

// replaceAll changes every occurrence of a text in the part where the seeds' metadata lies.
func replaceAll(b []byte, old, with string) {
	from, to := metadata(b)
	copy(b[from:], bytes.ReplaceAll(b[from:to], []byte(old), []byte(with)))
}

func TestRefusedNames(t *testing.T) {
	for _, tt := range []struct{ name, old, with string }{
		{"slash", "entry-77", "entry/77"},
		{"nul", "entry-77", "entry\x0077"},
		{"twice", "entry-77", "entry-78"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := openBytes(t, changed(t, func(_ *testing.T, b []byte) { replaceAll(b, tt.old, tt.with) }))
			entries, err := fsys.ReadDir("dir200")
			if !errors.Is(err, volume.ErrCorrupt) || len(entries) != 199 {
				t.Errorf("got %d entries, %v; want the 199 others and an error", len(entries), err)
			}
		})
	}
}

func TestFeaturesRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   int
		bit  uint32
		want string
	}{
		{"unknown", 216, 1 << 20, "incompatible feature bit 20"},
		{"needsrepair", 216, 1 << 4, "needsrepair"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := changed(t, func(_ *testing.T, b []byte) {
				binary.BigEndian.PutUint32(b[tt.at:], binary.BigEndian.Uint32(b[tt.at:])|tt.bit)
			})
			_, err := xfs.Open(inMemory(b), xfs.Options{})
			if !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSuperblockContradictions(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   int
		to   []byte
	}{
		{"magic", 0, []byte("XFSC")},
		{"block_size_zero", 4, []byte{0, 0, 0, 0}},
		{"block_size_odd", 4, []byte{0, 0, 0x13, 0}},
		{"block_size_huge", 4, []byte{0x80, 0, 0, 0}},
		{"block_log", 120, []byte{40}},
		{"blocks_huge", 8, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"groups_zero", 88, []byte{0, 0, 0, 0}},
		{"groups_huge", 88, []byte{0xff, 0xff, 0xff, 0xff}},
		{"group_blocks_zero", 84, []byte{0, 0, 0, 0}},
		{"inode_size", 104, []byte{0, 1}},
		{"inodes_in_block", 123, []byte{200}},
		{"directory_block", 192, []byte{60}},
		{"sector_size", 102, []byte{0xff, 0xff}},
		{"log_outside", 48, []byte{0, 0, 0, 0, 0xff, 0, 0, 0}},
		{"in_progress", 126, []byte{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := changed(t, func(_ *testing.T, b []byte) { copy(b[tt.at:], tt.to) })
			if _, err := xfs.Open(inMemory(b), xfs.Options{}); !errors.Is(err, volume.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, volume.ErrCorrupt)
			}
		})
	}
}

// TestFlippedBits changes one byte of each structure without making its checksum right.
func TestFlippedBits(t *testing.T) {
	for _, tt := range []struct {
		name, magic, file, want string
		at                      int
	}{
		{"superblock", "XFSB", ".", "superblock", 150},
		{"directory_block", "XDD3", "dir200", "directory inode", 2000},
		{"block_map", "BMA3", "fragmented", "block map", 200},
		{"symbolic_link", "XSLM", "link500", "symbolic link", 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := seed(t, "clean")
			_, to := metadata(b)
			for off := int64(0); off < to; off += 4096 {
				if string(b[off:off+4]) == tt.magic {
					b[off+int64(tt.at)] ^= 1
				}
			}
			fsys, err := xfs.Open(inMemory(b), xfs.Options{})
			if err == nil {
				err = readOne(fsys, tt.file)
			}
			if !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), "checksum mismatch") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a checksum mismatch of the %s", err, tt.want)
			}
		})
	}
	t.Run("inode", func(t *testing.T) {
		b := seed(t, "clean")
		b[inodeAt(seedInode(t, b, "file3"))+60] ^= 1
		if err := readOne(openBytes(t, b), "file3"); !errors.Is(err, volume.ErrCorrupt) || !strings.Contains(err.Error(), "checksum mismatch") {
			t.Errorf("got %v, want a checksum mismatch", err)
		}
	})
}

// readOne reads one file, link or folder.
func readOne(fsys volume.FS, name string) error {
	st, err := fsys.Lstat(name)
	switch {
	case err != nil:
	case st.IsDir():
		_, err = fsys.ReadDir(name)
	case st.Mode()&fs.ModeSymlink != 0:
		_, err = fsys.ReadLink(name)
	default:
		_, err = fs.ReadFile(fsys, name)
	}
	return err
}

func TestHostileInodes(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		change     func(t *testing.T, b []byte, in int64)
		want       error
	}{
		{"extents_absurd", "file3", func(_ *testing.T, b []byte, in int64) {
			copy(b[in+76:], []byte{0x7f, 0xff, 0xff, 0xff})
		}, volume.ErrCorrupt},
		{"extent_outside", "file3", func(_ *testing.T, b []byte, in int64) {
			b[in+176+8] = 0x7f
		}, volume.ErrCorrupt},
		{"map_visits_leaf_twice", "fragmented", func(t *testing.T, b []byte, in int64) {
			root := dataFork(b, in)
			n := int(binary.BigEndian.Uint16(root[2:]))
			pointers := root[4+8*((len(root)-4)/16):]
			if n < 2 {
				t.Fatalf("%d pointers", n)
			}
			copy(pointers[8:16], pointers[:8])
		}, volume.ErrCorrupt},
		{"map_root_points_to_itself", "fragmented", func(_ *testing.T, b []byte, in int64) {
			root := dataFork(b, in)
			binary.BigEndian.PutUint64(root[4+8*((len(root)-4)/16):], uint64(in/4096))
		}, volume.ErrCorrupt},
		{"map_too_high", "fragmented", func(_ *testing.T, b []byte, in int64) { b[in+177] = 200 }, volume.ErrCorrupt},
		{"realtime", "file3", func(_ *testing.T, b []byte, in int64) { b[in+91] |= 1 }, volume.ErrUnsupported},
		{"free", "file3", func(_ *testing.T, b []byte, in int64) { b[in+2], b[in+3] = 0, 0 }, volume.ErrCorrupt},
		{"other_number", "file3", func(_ *testing.T, b []byte, in int64) { b[in+159]++ }, volume.ErrCorrupt},
		{"no_type", "file3", func(_ *testing.T, b []byte, in int64) { b[in+2] = 0xf0 }, volume.ErrCorrupt},
		{"negative_size", "file3", func(_ *testing.T, b []byte, in int64) { b[in+56] = 0xff }, volume.ErrCorrupt},
		{"link_too_long", "link500", func(_ *testing.T, b []byte, in int64) { b[in+61] = 9 }, volume.ErrCorrupt},
		{"attribute_fork_outside", "file3", func(_ *testing.T, b []byte, in int64) { b[in+82] = 255 }, volume.ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := openBytes(t, changed(t, func(t *testing.T, b []byte) { tt.change(t, b, inodeAt(seedInode(t, b, tt.file))) }))
			if err := readOne(fsys, tt.file); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err := readOne(fsys, "status"); err != nil {
				t.Errorf("another file: %v", err)
			}
		})
	}
}

// TestFolderThatHoldsItself makes the one entry of a folder lead to the root: a walk must end, and say why.
func TestFolderThatHoldsItself(t *testing.T) {
	b := changed(t, func(t *testing.T, b []byte) {
		in := inodeAt(seedInode(t, b, "dir1"))
		root := seedInode(t, b, ".")
		entry := b[in+176+6:] // behind the header of the short form: length, offset, name, type, inode
		n := int(entry[0])
		entry[3+n] = 2
		binary.BigEndian.PutUint32(entry[4+n:], uint32(root))
	})
	seen, refused := 0, 0
	_ = fs.WalkDir(openBytes(t, b), ".", func(_ string, _ fs.DirEntry, err error) error {
		if seen++; err != nil {
			refused++
		}
		return nil
	})
	if seen > 2000 || refused == 0 {
		t.Errorf("%d steps, %d errors", seen, refused)
	}
}

func TestShortDevice(t *testing.T) {
	b := seed(t, "clean")
	if _, err := xfs.Open(inMemory(b[:100]), xfs.Options{}); err == nil {
		t.Error("100 bytes were opened")
	}
	if _, err := xfs.Open(inMemory(b[:1<<20]), xfs.Options{}); err == nil {
		t.Error("a device without its log was opened")
	}
	fsys, err := xfs.Open(inMemory(b[:1<<20]), xfs.Options{IgnoreLog: true})
	if err != nil {
		t.Fatal(err)
	}
	if gaps := strings.Join(fsys.Info().Gaps, "; "); !strings.Contains(gaps, "the device has") || !strings.Contains(gaps, "journal not replayed") {
		t.Errorf("gaps %q", gaps)
	}
}

func TestLogElsewhere(t *testing.T) {
	b := changed(t, func(_ *testing.T, b []byte) { clear(b[48:56]) })
	if _, err := xfs.Open(inMemory(b), xfs.Options{}); !errors.Is(err, volume.ErrUnsupported) {
		t.Errorf("got %v, want %v", err, volume.ErrUnsupported)
	}
}

func TestLimits(t *testing.T) {
	image := seed(t, "crashed")
	if _, err := xfs.Open(inMemory(image), xfs.Options{MaxJournalBytes: 1000}); !errors.Is(err, volume.ErrLimit) {
		t.Errorf("journal: got %v, want %v", err, volume.ErrLimit)
	}
	fsys, err := xfs.Open(inMemory(image), xfs.Options{MaxEntries: 100, MaxExtents: 50})
	if err != nil {
		t.Fatal(err)
	}
	if err := readOne(fsys, "fragmented"); !errors.Is(err, volume.ErrLimit) {
		t.Errorf("extents: got %v, want %v", err, volume.ErrLimit)
	}
	if entries, err := fsys.ReadDir("dir200"); !errors.Is(err, volume.ErrLimit) || len(entries) != 100 {
		t.Errorf("entries: got %d, %v, want 100 and %v", len(entries), err, volume.ErrLimit)
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"xfs", seed(t, "clean"), true},
		{"zeros", make([]byte, 1<<20), false},
		{"empty", nil, false},
	} {
		if got, err := xfs.Probe(inMemory(tt.b)); got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// TestUnknownLogFeature refuses a dirty log whose rules are not known, and only a dirty one.
func TestUnknownLogFeature(t *testing.T) {
	for name, want := range map[string]error{"clean": nil, "crashed": volume.ErrUnsupported} {
		b := slices.Clone(seed(t, name))
		b[220] |= 0x40
		repair(0, b[:4096])
		if _, err := xfs.Open(inMemory(b), xfs.Options{}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}
