package md_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/md"
	"hinomi/internal/source/disk/volume"
)

var arrays = disktest.Archive("testdata/arrays.tar.gz")

// read reads a superblock wherever it stands.
func read(dev volume.Device) (*md.Member, error) {
	m, err := md.ReadStart(dev)
	if errors.Is(err, md.ErrNone) {
		m, err = md.ReadEnd(dev)
	}
	return m, err
}

// sum is the SHA-256 of a whole device, and its size.
func sum(t testing.TB, dev volume.Device) string {
	t.Helper()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(dev, 0, dev.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %d", hex.EncodeToString(h.Sum(nil)), n)
}

// TestArrays reads every array that Linux made, byte for byte as Linux read it.
func TestArrays(t *testing.T) {
	sums := disktest.Sums(t, "testdata/arrays.want")
	all := arrays.All(t)
	cases := []struct {
		name, members string // letters of the disks
		version       string
		want          string // its name in sums, or a part of the error
		devices       string
		notes         string
	}{
		{"v090", "ab", "0.90", "v090", "md1", ""},
		{"v090_one", "b", "0.90", "v090", "md1", ""},
		{"v10_stale", "cd", "1.0", "v10", "md/two,md_two", "member 0 is stale"},
		{"v11", "fe", "1.1", "v11", "md3,md/3", ""},
		{"v12_stale", "gh", "1.2", "v12", "md4,md/4", "member 0 is stale"},
		{"v12_parted", "ij", "1.2", "parted", "md/parted,md_parted", ""},
		{"raid0", "kl", "1.2", "raid0", "md6,md/6", ""},
		{"raid0_turned", "lk", "1.2", "raid0", "md6,md/6", ""},
		{"raid0_half", "l", "1.2", "(raid0): member 0 of 2 is not among the disks", "md6,md/6", ""},
		{"linear", "nm", "1.2", "linear", "md7,md/7", ""},
		{"raid5", "opq", "1.2", "(raid5): not supported", "md8,md/8", ""},
		{"raid10", "rs", "1.2", "(raid10): not supported", "md9,md/9", ""},
		{"rebuilding", "vw", "1.2", "rebuild", "md11,md/11", "member 2 is being rebuilt"},
		{"rebuilding_alone", "w", "1.2", "none of the 1 members found is in sync", "md11,md/11", "is being rebuilt"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var members []*md.Member
			for _, letter := range c.members {
				m, err := read(disktest.Memory(all["vd"+string(letter)]))
				if err != nil {
					t.Fatalf("vd%c: %v", letter, err)
				}
				if m.Version != c.version {
					t.Errorf("version: got %s, want %s", m.Version, c.version)
				}
				members = append(members, m)
			}
			made := md.Assemble(members)
			if len(made) != 1 {
				t.Fatalf("got %d arrays", len(made))
			}
			a := made[0]
			if notes := strings.Join(a.Notes, "; "); !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
				t.Errorf("notes: got %q, want %q", notes, c.notes)
			}
			if alone := strings.HasSuffix(c.name, "_one"); alone != (len(a.Gaps) > 0) {
				t.Errorf("gaps %q", a.Gaps)
			}
			if d := cmp.Diff(c.devices, strings.Join(a.Names, ",")); d != "" {
				t.Errorf("names: want -, got +:\n%s", d)
			}
			want, ok := sums[c.want]
			if !ok {
				if a.Err == nil || a.Device != nil || !strings.Contains(a.Err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", a.Err, c.want)
				}
				return
			}
			if a.Err != nil {
				t.Fatal(a.Err)
			}
			if got := sum(t, a.Device); got != want {
				t.Errorf("content: got %s, want %s", got, want)
			}
		})
	}
}

// superblocks returns a disk with each version of the superblock.
func superblocks(t testing.TB) map[string][]byte {
	all := arrays.All(t)
	return map[string][]byte{"0.90": all["vda"], "1.0": all["vdd"], "1.1": all["vde"], "1.2": all["vdh"]}
}

func place(version string, size int) int {
	atNew, atOld := md.EndOffsets(int64(size))
	return map[string]int{"0.90": int(atOld), "1.0": int(atNew), "1.1": 0, "1.2": 4096}[version]
}

// TestBroken holds that no damaged superblock is believed.
func TestBroken(t *testing.T) {
	for version, disk := range superblocks(t) {
		at := place(version, len(disk))
		for _, off := range []int{17, 73, 81, 89, 201, 217} {
			b := bytes.Clone(disk)
			b[at+off] ^= 0x40
			if m, err := read(disktest.Memory(b)); err == nil {
				t.Errorf("%s: byte %d changed: got %+v", version, off, m)
			}
		}
		b := bytes.Clone(disk)
		clear(b[at : at+4096])
		if _, err := read(disktest.Memory(b)); !errors.Is(err, md.ErrNone) {
			t.Errorf("%s: without its superblock: %v", version, err)
		}
	}
}

// TestHostile reads superblocks whose checksums are right and whose values are absurd.
func TestHostile(t *testing.T) {
	disk := superblocks(t)["1.2"]
	for _, c := range []struct {
		name  string
		write func(sb []byte)
		want  error
	}{
		{"size_over_data", func(sb []byte) { binary.LittleEndian.PutUint64(sb[80:], 1<<40) }, volume.ErrCorrupt},
		{"size_zero", func(sb []byte) { binary.LittleEndian.PutUint64(sb[80:], 0) }, volume.ErrCorrupt},
		{"offset_absurd", func(sb []byte) { binary.LittleEndian.PutUint64(sb[128:], 1<<63) }, volume.ErrCorrupt},
		{"disks_absurd", func(sb []byte) { binary.LittleEndian.PutUint32(sb[92:], 1<<31) }, volume.ErrCorrupt},
		{"roles_absurd", func(sb []byte) { binary.LittleEndian.PutUint32(sb[220:], 1<<31) }, volume.ErrCorrupt},
		{"level_unknown", func(sb []byte) { binary.LittleEndian.PutUint32(sb[72:], 77) }, volume.ErrUnsupported},
		{"feature_unknown", func(sb []byte) { binary.LittleEndian.PutUint32(sb[8:], 1<<20) }, volume.ErrUnsupported},
		{"reshaping", func(sb []byte) { binary.LittleEndian.PutUint32(sb[8:], 4) }, volume.ErrUnsupported},
		{"raid0_chunk_zero", func(sb []byte) {
			binary.LittleEndian.PutUint32(sb[72:], 0)
			binary.LittleEndian.PutUint32(sb[88:], 0)
			binary.LittleEndian.PutUint32(sb[92:], 1)
			sb[256], sb[257], sb[258], sb[259] = 0, 0, 0, 0
		}, volume.ErrCorrupt},
		{"no_disks", func(sb []byte) {
			binary.LittleEndian.PutUint32(sb[72:], 0xffffffff)
			binary.LittleEndian.PutUint32(sb[92:], 0)
		}, volume.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(disk)
			sb := b[4096:]
			c.write(sb)
			seal(sb)
			m, err := read(disktest.Memory(b))
			if err == nil {
				a := md.Assemble([]*md.Member{m})[0]
				if err = a.Err; err == nil {
					t.Fatalf("got an array of %d bytes", a.Device.Size())
				}
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// seal writes the checksum of version 1.
func seal(sb []byte) {
	le := binary.LittleEndian
	size := 256 + 2*int(min(le.Uint32(sb[220:]), 1920))
	le.PutUint32(sb[216:], 0)
	total := uint64(0)
	raw := sb[:size]
	for ; len(raw) >= 4; raw = raw[4:] {
		total += uint64(le.Uint32(raw))
	}
	if len(raw) >= 2 {
		total += uint64(le.Uint16(raw))
	}
	le.PutUint32(sb[216:], uint32(total)+uint32(total>>32))
}

// FuzzRead reads any superblock of any version, alone and beside a whole one.
func FuzzRead(f *testing.F) {
	for version, disk := range superblocks(f) {
		at := place(version, len(disk))
		f.Add(disk[at:at+4096], uint8(slices.Index([]string{"0.90", "1.0", "1.1", "1.2"}, version)))
	}
	whole, err := read(disktest.Memory(superblocks(f)["1.2"]))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sb []byte, where uint8) {
		version := []string{"0.90", "1.0", "1.1", "1.2"}[where%4]
		b := make([]byte, 256<<10)
		at := place(version, len(b))
		copy(b[at:], sb)
		if len(sb) >= 256 && version != "0.90" {
			binary.LittleEndian.PutUint64(b[at+144:], uint64(at/512))
			if at+256+3840 < len(b) {
				seal(b[at:])
			}
		}
		m, err := read(disktest.Memory(b))
		if err != nil {
			return
		}
		for _, a := range md.Assemble([]*md.Member{m, whole}) {
			if (a.Device == nil) == (a.Err == nil) {
				t.Fatalf("array %+v", a)
			}
			if a.Device != nil {
				_, _ = a.Device.ReadAt(make([]byte, 8192), max(a.Device.Size()-4096, 0))
			}
		}
	})
}
