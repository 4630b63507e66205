package partition_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hinomi/internal/source/disk/partition"
	"hinomi/internal/source/disk/volume"
)

// memory is a device in memory.
type memory struct{ *bytes.Reader }

func inMemory(b []byte) volume.Device { return memory{bytes.NewReader(b)} }

const size = 48 << 20

// table runs a partitioning tool on an empty image and returns the image.
func table(t testing.TB, tool, input string, args ...string) []byte {
	t.Helper()
	for _, dir := range []string{"/sbin", "/usr/sbin", "/bin", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
			tool = filepath.Join(dir, tool)
		}
	}
	if !filepath.IsAbs(tool) {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatalf("NOT TESTED: %s is not installed", tool)
		}
		t.Skipf("NOT TESTED: %s is not installed", tool)
	}
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, append(args, image)...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const gptScript = `label: gpt
label-id: 8B9A1B0C-0D0E-4F10-9112-131415161718
unit: sectors
1 : start=2048, size=4096, type=21686148-6449-6E6F-744E-656564454649, uuid=00000001-0002-0003-0405-060708090A0B
14 : start=8192, size=16384, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=FFFFFFFF-0002-0003-0405-060708090A0B, name="any name", attrs="GUID:63"
`

var gptWant = partition.Table{Scheme: partition.GPT, ID: "8b9a1b0c-0d0e-4f10-9112-131415161718", Partitions: []partition.Partition{
	{Number: 1, Offset: 2048 * 512, Size: 4096 * 512, Type: "21686148-6449-6e6f-744e-656564454649", UUID: "00000001-0002-0003-0405-060708090a0b"},
	{Number: 14, Offset: 8192 * 512, Size: 16384 * 512, Name: "any name", Type: "0fc63daf-8483-4772-8e79-3d69d8477de4", UUID: "ffffffff-0002-0003-0405-060708090a0b", Attributes: 1 << 63},
}}

const mbrScript = `label: dos
label-id: 0xdeadbeef
unit: sectors
1 : start=2048, size=4096, type=83, bootable
2 : start=8192, size=65536, type=f
5 : start=10240, size=2048, type=83
6 : start=14336, size=4096, type=82
7 : start=20480, size=1024, type=83
4 : start=81920, size=8192, type=7
`

func mbrWant() partition.Table {
	part := func(n int, start, count int64, kind string) partition.Partition {
		return partition.Partition{Number: n, Offset: start * 512, Size: count * 512, Type: kind, UUID: fmt.Sprintf("deadbeef-%02x", n)}
	}
	return partition.Table{Scheme: partition.MBR, ID: "deadbeef", Partitions: []partition.Partition{
		part(1, 2048, 4096, "0x83"), part(5, 10240, 2048, "0x83"), part(6, 14336, 4096, "0x82"),
		part(7, 20480, 1024, "0x83"), part(4, 81920, 8192, "0x07"),
	}}
}

// TestRead reads tables that sfdisk wrote, whole and damaged.
func TestRead(t *testing.T) {
	cases := []struct {
		name   string
		script string
		damage func([]byte)
		want   partition.Table
		notes  string // a part of the notes
		err    error
	}{
		{name: "gpt", script: gptScript, want: gptWant},
		{name: "mbr", script: mbrScript, want: mbrWant()},
		{name: "gpt_header_zero", script: gptScript, damage: func(b []byte) { clear(b[512:1024]) }, want: gptWant, notes: "backup was used"},
		{name: "gpt_header_bit", script: gptScript, damage: func(b []byte) { b[512+40] ^= 1 }, want: gptWant, notes: "header checksum"},
		{name: "gpt_entries_bit", script: gptScript, damage: func(b []byte) { b[1024+33] ^= 1 }, want: gptWant, notes: "entries checksum"},
		{name: "gpt_backup_gone", script: gptScript, damage: func(b []byte) { clear(b[len(b)-512:]) }, want: gptWant},
		{name: "gpt_both_gone", script: gptScript, damage: func(b []byte) { clear(b[512:1024]); clear(b[len(b)-512:]) }, err: volume.ErrCorrupt},
		{name: "gpt_both_wrong", script: gptScript, damage: func(b []byte) { b[512+40] ^= 1; b[len(b)-512+40] ^= 1 }, err: volume.ErrCorrupt},
		{name: "gpt_mbr_gone", script: gptScript, damage: func(b []byte) { clear(b[:512]) }, want: gptWant, notes: "no protective MBR"},
		{name: "gpt_hybrid", script: gptScript, damage: func(b []byte) {
			copy(b[462:], []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 0, 32, 0, 0, 0, 64, 0, 0})
		}, want: gptWant, notes: "hybrid MBR"},
		{name: "mbr_over_old_gpt", script: gptScript, damage: func(b []byte) {
			clear(b[440:510])
			copy(b[446:], []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0})
		}, want: partition.Table{Scheme: partition.MBR, ID: "00000000", Partitions: []partition.Partition{
			{Number: 1, Offset: 2048 * 512, Size: 4096 * 512, Type: "0x83", UUID: "00000000-01"},
		}}, notes: "passed over"},
		{name: "mbr_chain_bites_its_tail", script: mbrScript, damage: func(b []byte) {
			second := b[12288*512:] // the boot record of partition 6
			for i := 446; i < 510; i += 16 {
				if second[i+4] == 5 {
					binary.LittleEndian.PutUint32(second[i+8:], 0)
				}
			}
		}, err: volume.ErrCorrupt},
		{name: "mbr_record_gone", script: mbrScript, damage: func(b []byte) { clear(b[8192*512:][:512]) }, err: volume.ErrCorrupt},
		{name: "nothing", script: gptScript, damage: func(b []byte) { clear(b) }, want: partition.Table{}},
	}
	made := map[string][]byte{
		gptScript: table(t, "sfdisk", gptScript, "-q"),
		mbrScript: table(t, "sfdisk", mbrScript, "-q"),
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			raw := bytes.Clone(made[c.script])
			if c.damage != nil {
				c.damage(raw)
			}
			got, err := partition.Read(inMemory(raw))
			if !errors.Is(err, c.err) {
				t.Fatalf("error: got %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
				t.Errorf("notes: got %q, want %q", notes, c.notes)
			}
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(partition.Table{}, "Notes")); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// TestSectorsOf4096 reads a GPT of a disk whose sectors have 4 KiB, whole, from
// its backup, and with a hybrid MBR.
func TestSectorsOf4096(t *testing.T) {
	raw := table(t, "fdisk", "g\nn\n1\n\n+4M\nn\n14\n\n+8M\nw\n", "-b", "4096")
	want := []partition.Partition{{Number: 1, Offset: 1 << 20, Size: 4 << 20}, {Number: 14, Offset: 5 << 20, Size: 8 << 20}}
	for _, c := range []struct {
		name, notes string
		damage      func([]byte)
	}{
		{"whole", "", func([]byte) {}},
		{"backup", "backup was used", func(b []byte) { clear(b[4096:8192]) }},
		{"entries", "entries checksum", func(b []byte) { b[8192+33] ^= 1 }},
		{"hybrid", "hybrid MBR", func(b []byte) { copy(b[462:], []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 0, 32, 0, 0, 0, 64, 0, 0}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(raw)
			c.damage(b)
			got, err := partition.Read(inMemory(b))
			if err != nil || got.Scheme != partition.GPT {
				t.Fatalf("got %+v, %v", got, err)
			}
			if d := cmp.Diff(want, got.Partitions, cmpopts.IgnoreFields(partition.Partition{}, "Type", "UUID", "Name")); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			if notes := strings.Join(got.Notes, "; "); !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.notes)
			}
		})
	}
}

// TestName reads a name with characters outside the first plane of Unicode.
func TestName(t *testing.T) {
	raw := table(t, "sfdisk", gptScript, "-q")
	entry := raw[1024+13*128:]
	clear(entry[56:128])
	for i, u := range utf16.Encode([]rune("a näme 🔥")) {
		binary.LittleEndian.PutUint16(entry[56+2*i:], u)
	}
	binary.LittleEndian.PutUint32(raw[512+88:], crc32.ChecksumIEEE(raw[1024:1024+128*128]))
	clear(raw[512+16 : 512+20])
	binary.LittleEndian.PutUint32(raw[512+16:], crc32.ChecksumIEEE(raw[512:512+92]))
	got, err := partition.Read(inMemory(raw))
	if err != nil || len(got.Notes) != 0 {
		t.Fatalf("got %v, %q", err, got.Notes)
	}
	if name := got.Partitions[1].Name; name != "a näme 🔥" {
		t.Errorf("got %q", name)
	}
}

// TestGrown reads a GPT whose disk was enlarged, so that the backup does not
// stand at the end any more, and whose primary is damaged.
func TestGrown(t *testing.T) {
	raw := table(t, "sfdisk", gptScript, "-q")
	raw[1024+33] ^= 1
	raw = append(raw, make([]byte, 1<<20)...)
	got, err := partition.Read(inMemory(raw))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(gptWant.Partitions, got.Partitions); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestBootSectors holds that a file system's boot sector is no table.
func TestBootSectors(t *testing.T) {
	for _, name := range []string{"NTFS    ", "EXFAT   "} {
		raw := make([]byte, 1<<20)
		copy(raw[3:], name)
		copy(raw[446:], []byte{0x80, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0})
		raw[510], raw[511] = 0x55, 0xaa
		got, err := partition.Read(inMemory(raw))
		if err != nil || got.Scheme != partition.None {
			t.Errorf("%q: got %+v, %v: want no table", name, got, err)
		}
	}
}

// FuzzRead changes the sectors that hold tables.
func FuzzRead(f *testing.F) {
	small := func(script string) []byte {
		raw := table(f, "sfdisk", script, "-q")
		var out []byte // head, chain and backup, without what lies between
		out = append(out, raw[:40*512]...)
		return append(out, raw[len(raw)-40*512:]...)
	}
	f.Add(small(gptScript))
	f.Add(small(mbrScript))
	ebr := make([]byte, 4096)
	copy(ebr[446:], []byte{0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0})
	ebr[510], ebr[511] = 0x55, 0xaa
	copy(ebr[512+446:], []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0})
	copy(ebr[512+462:], []byte{0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0})
	ebr[1022], ebr[1023] = 0x55, 0xaa
	f.Add(ebr)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := partition.Read(inMemory(raw))
		for _, p := range got.Partitions {
			if p.Offset < 0 || p.Size < 0 || p.Offset+p.Size < 0 {
				t.Errorf("partition %+v", p)
			}
		}
		if err == nil && got.Scheme == partition.None && len(got.Partitions) > 0 {
			t.Errorf("partitions without a table: %+v", got)
		}
	})
}
