package ntfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"hinomi/internal/source/disk/ntfs"
	"hinomi/internal/source/disk/volume"
)

// image is the seed, to be changed in places.
type image struct {
	t   *testing.T
	raw []byte
}

func seedImage(t *testing.T) *image { return &image{t, unpacked(t, seedName)} }

// record finds the MFT record of a number: the seed's MFT is in one piece at its start.
func (i *image) record(number int) []byte {
	i.t.Helper()
	le := binary.LittleEndian
	at := int(le.Uint64(i.raw[48:]))*512 + number*1024
	rec := i.raw[at : at+1024]
	if string(rec[:4]) != "FILE" {
		i.t.Fatalf("record %d: %q", number, rec[:4])
	}
	return rec
}

// attribute finds an attribute of a record, behind which the record goes on.
func (i *image) attribute(rec []byte, kind uint32) []byte {
	i.t.Helper()
	le := binary.LittleEndian
	for at := int(le.Uint16(rec[20:])); at+8 < len(rec) && le.Uint32(rec[at:]) != 0xffffffff; at += int(le.Uint32(rec[at+4:])) {
		if le.Uint32(rec[at:]) == kind {
			return rec[at:]
		}
	}
	i.t.Fatalf("no attribute %#x", kind)
	return nil
}

// of finds the record of a path.
func (i *image) of(name string) []byte {
	i.t.Helper()
	info, err := i.open().Lstat(name)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.record(int(info.Sys().(*volume.Stat).Ino & (1<<48 - 1)))
}

func (i *image) open() volume.FS {
	i.t.Helper()
	fsys, err := ntfs.Open(memory{bytes.NewReader(i.raw)})
	if err != nil {
		i.t.Fatal(err)
	}
	return fsys
}

// TestState tells what a volume that was in use may lack.
func TestState(t *testing.T) {
	t.Run("dirty", func(t *testing.T) {
		i := seedImage(t)
		info := i.attribute(i.record(3), 0x70)
		info[binary.LittleEndian.Uint16(info[20:])+10] |= 1
		if gaps := i.open().Info().Gaps; len(gaps) != 1 || !strings.Contains(gaps[0], "marked dirty") {
			t.Errorf("got %q", gaps)
		}
	})
	for name, c := range map[string]struct {
		client, flags uint16
		gap           bool
	}{
		"open":            {0, 0, true},
		"closed":          {0xffff, 0, false},
		"flagged_as_done": {0, 2, false},
	} {
		t.Run("log_"+name, func(t *testing.T) {
			i := seedImage(t)
			i.logFile(c.client, c.flags)
			gaps := strings.Join(i.open().Info().Gaps, "; ")
			if got := strings.Contains(gaps, "$LogFile is not replayed"); got != c.gap || !c.gap && gaps != "" {
				t.Errorf("got %q, want a gap: %v", gaps, c.gap)
			}
		})
	}
	t.Run("log_of_noise", func(t *testing.T) {
		i := seedImage(t)
		i.logFile(0, 0)
		copy(i.raw[bytes.Index(i.raw, []byte("RSTR")):], "XXXX")
		if gaps := strings.Join(i.open().Info().Gaps, "; "); !strings.Contains(gaps, "whether it holds changes is unknown") {
			t.Errorf("got %q", gaps)
		}
	})
}

// content is what the first run of an attribute holds, or its value.
func (i *image) content(attribute []byte) []byte {
	i.t.Helper()
	le := binary.LittleEndian
	if attribute[8] == 0 {
		at := int(le.Uint16(attribute[20:]))
		return attribute[at : at+int(le.Uint32(attribute[16:]))]
	}
	pairs := attribute[le.Uint16(attribute[32:]):]
	lcn := 0
	for n := int(pairs[0] >> 4); n > 0; n-- {
		lcn = lcn<<8 | int(pairs[int(pairs[0]&15)+n])
	}
	if lcn == 0 {
		i.t.Fatalf("mapping pair %#x", pairs[0])
	}
	return i.raw[lcn*512:]
}

// logFile writes a restart page at the start of $LogFile.
func (i *image) logFile(client, flags uint16) {
	i.t.Helper()
	le := binary.LittleEndian
	page := i.content(i.attribute(i.record(2), 0x80))[:4096]
	clear(page)
	copy(page, "RSTR")
	le.PutUint16(page[4:], 30) // update sequence
	le.PutUint16(page[6:], 9)
	le.PutUint16(page[24:], 48) // restart area
	le.PutUint64(page[48:], 1234)
	le.PutUint16(page[48+12:], client)
	le.PutUint16(page[48+14:], flags)
	for n := 1; n <= 8; n++ { // the sequence is 0, as are the bytes that it stands in for
		le.PutUint16(page[n*512-2:], 0)
	}
}

// TestDamage damages one thing each, which must be an error of its own, while the rest can be read.
func TestDamage(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		name   string
		damage func(i *image)
		read   string // what then fails; "" for Open
		want   error
		text   string
	}{
		{"boot", func(i *image) { i.raw[3] = 'x'; clear(i.raw[len(i.raw)-512:]) }, "", volume.ErrCorrupt, "boot sector"},
		{"cluster_size", func(i *image) { i.raw[13] = 3; clear(i.raw[len(i.raw)-512:]) }, "", volume.ErrCorrupt, "clusters of 3"},
		{"torn_record", func(i *image) { i.of("fragments")[510] ^= 1 }, "fragments", volume.ErrCorrupt, "torn write"},
		{"record_of_another", func(i *image) { i.of("xpress")[16]++ }, "xpress", volume.ErrCorrupt, "is in its use"},
		{"record_not_in_use", func(i *image) { i.of("xpress")[22] = 0 }, "xpress", volume.ErrCorrupt, "not in use"},
		{"attribute_length", func(i *image) { le.PutUint32(i.attribute(i.of("xpress"), 0x80)[4:], 8) }, "xpress", volume.ErrCorrupt, "attribute 0x80 of 8 bytes"},
		{"packing", func(i *image) { i.attribute(i.of("lzx"), 0xc0)[24+8+12] = 77 }, "lzx", volume.ErrUnsupported, "algorithm 77"},
		{"run_outside", func(i *image) {
			data := i.attribute(i.of("compressed/prose"), 0x80)
			pairs := data[le.Uint16(data[32:]):]
			pairs[pairs[0]&15+pairs[0]>>4] = 0x7f // the high byte of the place
		}, "compressed/prose", volume.ErrCorrupt, "run of"},
		{"size_negative", func(i *image) { le.PutUint64(i.attribute(i.of("compressed/prose"), 0x80)[48:], 1<<63) }, "compressed/prose", volume.ErrCorrupt, "initialized"},
		{"encrypted", func(i *image) { le.PutUint16(i.attribute(i.of("compressed/prose"), 0x80)[12:], 0x4000) }, "compressed/prose", volume.ErrUnsupported, "encrypted file (EFS)"},
		{"list_of_itself", func(i *image) { // every part is said to lie in the first record
			head := i.attribute(i.of("fragments"), 0x20)
			size := int(le.Uint32(head[16:]))
			if head[8] != 0 {
				size = int(le.Uint64(head[48:]))
			}
			list := i.content(head)[:size]
			self := le.Uint64(list[16:])
			for at := 0; at < size; at += int(le.Uint16(list[at+4:])) {
				le.PutUint64(list[at+16:], self)
			}
		}, "fragments", volume.ErrCorrupt, "is not in MFT record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := seedImage(t)
			c.damage(i)
			fsys, err := ntfs.Open(memory{bytes.NewReader(i.raw)})
			if c.read != "" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = fs.ReadFile(fsys, c.read)
				if data, other := fs.ReadFile(fsys, "Windows/System32/config/SOFTWARE"); string(data) != "hive" {
					t.Errorf("another file: got %q, %v", data, other)
				}
			}
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v: %s", err, c.want, c.text)
			}
		})
	}
}

// TestFallback reads a volume whose boot sector or first record is lost by their copies.
func TestFallback(t *testing.T) {
	t.Run("boot", func(t *testing.T) {
		i := seedImage(t)
		clear(i.raw[:512])
		if notes := strings.Join(i.open().Info().Notes, ""); !strings.Contains(notes, "boot sector unusable") {
			t.Errorf("got %q", notes)
		}
	})
	t.Run("first_record", func(t *testing.T) {
		i := seedImage(t)
		clear(i.record(0)[:64])
		fsys := i.open()
		if notes := strings.Join(fsys.Info().Notes, ""); !strings.Contains(notes, "$MFTMirr") {
			t.Errorf("got %q", notes)
		}
		if data, err := fs.ReadFile(fsys, "Windows/System32/config/SOFTWARE"); string(data) != "hive" {
			t.Errorf("got %q, %v", data, err)
		}
	})
	t.Run("cut", func(t *testing.T) {
		i := seedImage(t)
		i.raw = i.raw[:3<<20]
		if gaps := strings.Join(i.open().Info().Gaps, ""); !strings.Contains(gaps, "past its end") {
			t.Errorf("got %q", gaps)
		}
	})
}

// TestTornFolder damages a block of a folder's index: the folder says so, and still lists the rest.
func TestTornFolder(t *testing.T) {
	i := seedImage(t)
	torn := 0
	for at := 0; at+4096 <= len(i.raw); at += 512 {
		if string(i.raw[at:at+4]) == "INDX" && bytes.Contains(i.raw[at:at+4096], []byte("a\x00-\x00r\x00a\x00t\x00h\x00e\x00r")) && torn < 1 {
			i.raw[at+1022] ^= 0xff
			torn++
		}
	}
	entries, err := i.open().ReadDir("many")
	if torn != 1 || !errors.Is(err, volume.ErrCorrupt) || len(entries) == 0 || len(entries) >= 60 {
		t.Errorf("%d blocks torn: got %d entries, %v", torn, len(entries), err)
	}
}
