package lvm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/lvm"
	"hinomi/internal/source/disk/volume"
)

// sumLVM is LVM's checksum, written down a second time.
func sumLVM(b []byte) uint32 {
	crc := uint32(0xf597a6cf)
	for _, c := range b {
		crc ^= uint32(c)
		for range 8 {
			crc = crc>>1 ^ crc32.IEEE*(crc&1)
		}
	}
	return crc
}

const area = 4096 // where pvcreate puts the metadata area

// text returns the metadata that a physical volume holds, where it does not wrap.
func text(b []byte) string {
	le := binary.LittleEndian
	at, size := le.Uint64(b[area+40:]), le.Uint64(b[area+48:])
	return string(b[area+at : area+at+size])
}

// setText puts another text into the metadata area, with right checksums.
func setText(b []byte, text string) {
	le := binary.LittleEndian
	at := uint64(512)
	copy(b[area+at:], text)
	le.PutUint64(b[area+40:], at)
	le.PutUint64(b[area+48:], uint64(len(text)))
	le.PutUint32(b[area+56:], sumLVM([]byte(text)))
	le.PutUint32(b[area:], sumLVM(b[area+4:area+512]))
}

// older gives a physical volume a text that is older and lacks two volumes.
func older(t testing.TB, b []byte) {
	t.Helper()
	s := text(b)
	if !strings.Contains(s, "seqno = ") || !strings.Contains(s, "gone {") {
		t.Fatalf("unexpected text %q", s)
	}
	i := strings.Index(s, "seqno = ") + len("seqno = ")
	j := i + strings.IndexByte(s[i:], '\n')
	setText(b, s[:i]+"1"+s[j:])
}

// one makes a physical volume of 32 MiB whose group's volumes are the text.
func one(t testing.TB, volumes string) []byte {
	b := bytes.Clone(disks(t)["vdf"][:32<<20])
	s := text(b)
	i := strings.Index(s, "logical_volumes {")
	if i < 0 {
		t.Fatal("no volumes")
	}
	setText(b, s[:i]+"logical_volumes {\n"+volumes+"\n}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n")
	return b
}

func lv(name, segments string) string {
	return fmt.Sprintf("%s {\nid = \"%s\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nsegment_count = 1\n%s\n}\n", name, name, segments)
}

func seg(n int, start, count int64, rest string) string {
	return fmt.Sprintf("segment%d {\nstart_extent = %d\nextent_count = %d\n%s\n}\n", n, start, count, rest)
}

func linear(place string, extent int64) string {
	return fmt.Sprintf("type = \"striped\"\nstripe_count = 1\nstripes = [\n\"%s\", %d\n]", place, extent)
}

// TestHostile reads groups that no LVM would write: each volume has an error,
// and nothing runs away.
func TestHostile(t *testing.T) {
	var chain strings.Builder
	for i := range 500 {
		chain.WriteString(lv(fmt.Sprintf("c%d", i), seg(1, 0, 1, linear(fmt.Sprintf("c%d", i+1), 0))))
	}
	cases := []struct {
		name, volumes string
		want          error
	}{
		{"on_itself", lv("a", seg(1, 0, 1, linear("a", 0))), volume.ErrCorrupt},
		{"in_a_ring", lv("a", seg(1, 0, 1, linear("b", 0))) + lv("b", seg(1, 0, 1, linear("a", 0))), volume.ErrCorrupt},
		{"chain", chain.String(), volume.ErrLimit},
		{"overlapping", lv("a", seg(1, 0, 4, linear("pv0", 0))+seg(2, 2, 4, linear("pv0", 8))), volume.ErrCorrupt},
		{"hole", lv("a", seg(1, 0, 4, linear("pv0", 0))+seg(2, 6, 4, linear("pv0", 8))), volume.ErrCorrupt},
		{"empty", lv("a", ""), volume.ErrCorrupt},
		{"nowhere", lv("a", seg(1, 0, 4, linear("pv9", 0))), volume.ErrCorrupt},
		{"beyond", lv("a", seg(1, 0, 4, linear("pv0", 1<<39))), volume.ErrCorrupt},
		{"before", lv("a", seg(1, 0, 4, linear("pv0", -1))), volume.ErrCorrupt},
		{"absurd", lv("a", seg(1, 0, 1<<40, linear("pv0", 0))), volume.ErrCorrupt},
		{"over_absurd", lv("a", seg(1, 0, 1<<41, linear("pv0", 0))), volume.ErrCorrupt},
		{"stripes_uneven", lv("a", seg(1, 0, 3, "type = \"striped\"\nstripe_size = 8\nstripes = [ \"pv0\", 0, \"pv0\", 4 ]")), volume.ErrCorrupt},
		{"stripe_zero", lv("a", seg(1, 0, 4, "type = \"striped\"\nstripe_size = 0\nstripes = [ \"pv0\", 0, \"pv0\", 4 ]")), volume.ErrCorrupt},
		{"no_type", lv("a", seg(1, 0, 4, "")), volume.ErrUnsupported},
		{"vdo", lv("a", seg(1, 0, 4, "type = \"vdo\"")), volume.ErrUnsupported},
		{"writecache", lv("a", seg(1, 0, 4, "type = \"writecache\"")), volume.ErrUnsupported},
		{"thin_without_pool", lv("a", seg(1, 0, 4, "type = \"thin\"\nthin_pool = \"p\"\ndevice_id = 1")), volume.ErrCorrupt},
		{"pool_of_itself", lv("a", seg(1, 0, 4, "type = \"thin\"\nthin_pool = \"p\"\ndevice_id = 1")) +
			strings.Replace(lv("p", seg(1, 0, 4, "type = \"thin-pool\"\nmetadata = \"a\"\npool = \"a\"\nchunk_size = 128")), ", \"VISIBLE\"", "", 1), volume.ErrCorrupt},
		{"raid1_empty", lv("a", seg(1, 0, 4, "type = \"raid1\"\nraids = [ ]")), volume.ErrCorrupt},
		{"raid1_of_itself", lv("a", seg(1, 0, 4, "type = \"raid1\"\nraids = [ \"a\", \"a\" ]")), volume.ErrCorrupt},
		{"mirror_empty", lv("a", seg(1, 0, 4, "type = \"mirror\"")), volume.ErrCorrupt},
		{"merging", lv("a", seg(1, 0, 4, linear("pv0", 0))) + lv("s", seg(1, 0, 4, "type = \"snapshot\"\norigin = \"a\"\nmerging_store = \"c\"")), volume.ErrUnsupported},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			groups, _ := lvm.Assemble([]*lvm.Member{member(t, one(t, c.volumes))})
			if len(groups) != 1 || len(groups[0].Volumes) == 0 {
				t.Fatalf("got %+v", groups)
			}
			v := groups[0].Volumes[0]
			if v.Device != nil || !errors.Is(v.Err, c.want) {
				t.Errorf("got %v, want %v", v.Err, c.want)
			}
		})
	}
}

// TestDamaged changes bytes of label and metadata: each is noticed.
func TestDamaged(t *testing.T) {
	whole := disks(t)["vdf"]
	le := binary.LittleEndian
	at := area + int(le.Uint64(whole[area+40:]))
	for name, off := range map[string]int{"label": 512 + 40, "label_sum": 512 + 17, "header": area + 30, "magic": area + 5, "text": at + 100} {
		b := bytes.Clone(whole)
		b[off] ^= 1
		m, err := lvm.Read(disktest.Memory(b))
		if err == nil {
			groups, orphans := lvm.Assemble([]*lvm.Member{m})
			if len(groups) != 0 || len(orphans) != 1 {
				t.Errorf("%s: %d groups", name, len(groups))
				continue
			}
			err = orphans[m]
		}
		if !errors.Is(err, volume.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

// TestDuplicate holds that two devices with one physical volume's UUID are not
// chosen between.
func TestDuplicate(t *testing.T) {
	b := disks(t)["vdf"]
	groups, _ := lvm.Assemble([]*lvm.Member{member(t, b), member(t, b)})
	for _, v := range groups[0].Volumes {
		if v.Name == "here" && (v.Err == nil || !strings.Contains(v.Err.Error(), "stands on 2 devices")) {
			t.Errorf("got %v", v.Err)
		}
	}
}

// TestCut holds that a physical volume that is shorter than it was is a gap.
func TestCut(t *testing.T) {
	groups, _ := lvm.Assemble([]*lvm.Member{member(t, disks(t)["vdf"][:4<<20]), member(t, disks(t)["vdg"])})
	if gaps := strings.Join(groups[0].Gaps, "; "); !strings.Contains(gaps, "of which 4194304 are there") {
		t.Errorf("gaps %q", gaps)
	}
	for _, v := range groups[0].Volumes {
		if v.Name != "here" || v.Device == nil {
			continue
		}
		if _, err := v.Device.ReadAt(make([]byte, 4096), v.Size-4096); err == nil {
			t.Error("bytes beyond the end were read")
		}
	}
}

// FuzzText puts any text into a metadata area whose checksums are right.
func FuzzText(f *testing.F) {
	whole := disks(f)
	for _, name := range []string{"vdf", "vda"} {
		f.Add(text(whole[name]))
	}
	f.Add(lv("a", seg(1, 0, 1, linear("a", 0))))
	f.Add("a { b = [ [ [ 1 ] ] ] c = \"\\\"\" # comment\n }")
	small := bytes.Clone(whole["vdf"][:128<<10])
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 48<<10 {
			return
		}
		b := bytes.Clone(small)
		setText(b, text)
		m, err := lvm.Read(disktest.Memory(b))
		if err != nil {
			t.Fatalf("the label is whole: %v", err)
		}
		groups, _ := lvm.Assemble([]*lvm.Member{m})
		for _, g := range groups {
			for _, v := range g.Volumes {
				if !v.Pool && (v.Device == nil) == (v.Err == nil) {
					t.Fatalf("volume %+v", v)
				}
				if v.Device != nil {
					_, _ = v.Device.ReadAt(make([]byte, 8192), max(v.Size-4096, 0))
				}
			}
		}
	})
}

// FuzzLabel changes the sectors before the text.
func FuzzLabel(f *testing.F) {
	whole := disks(f)
	for _, name := range []string{"vda", "vde1", "vde2"} {
		f.Add(whole[name][:area+512])
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		b := bytes.Clone(head)
		if len(b) >= 1024 { // so that more than checksums is met
			binary.LittleEndian.PutUint32(b[512+16:], sumLVM(b[512+20:1024]))
		}
		if len(b) >= area+512 {
			binary.LittleEndian.PutUint32(b[area:], sumLVM(b[area+4:area+512]))
		}
		m, err := lvm.Read(disktest.Memory(b))
		if err == nil {
			lvm.Assemble([]*lvm.Member{m})
		}
	})
}
