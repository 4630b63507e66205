package regf_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract/regf"
	"hinomi/internal/source/extract/regf/regftest"
)

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT TESTED: %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}

func ntuser(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/NTUSER.DAT.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func openHive(t testing.TB, raw []byte, logs ...[]byte) *regf.Hive {
	t.Helper()
	h, err := regf.Open(bytes.NewReader(raw), int64(len(raw)), logFiles(logs)...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func logFiles(logs [][]byte) []regf.Log {
	var out []regf.Log
	for i, l := range logs {
		out = append(out, regf.Log{Name: fmt.Sprintf("LOG%d", i+1), Reader: bytes.NewReader(l), Size: int64(len(l))})
	}
	return out
}

// lines writes a hive as one line a key and a value, and the faults that were met.
func lines(h *regf.Hive) (out []string, faults []error) {
	var walk func(k regf.Key, path string, depth int)
	walk = func(k regf.Key, path string, depth int) {
		path += `\` + k.Name()
		out = append(out, path)
		values, err := k.Values()
		if err != nil {
			faults = append(faults, err)
		}
		for _, v := range values {
			line := fmt.Sprintf("%s %s", path, v.Name())
			if v.Type() == regf.TypeString || v.Type() == regf.TypeExpand {
				s, err := v.Text()
				if err != nil {
					faults = append(faults, err)
				}
				line += "=" + s
			}
			if v.Type() == regf.TypeUint32 {
				n, err := v.Uint32()
				if err != nil {
					faults = append(faults, err)
				}
				line += fmt.Sprintf("=%d", int32(n))
			}
			if _, err := v.Bytes(); err != nil {
				faults = append(faults, err)
			}
			out = append(out, line)
		}
		keys, err := k.Subkeys()
		if err != nil {
			faults = append(faults, err)
		}
		for _, sub := range keys {
			if len(out) < 100_000 && depth < 100 {
				walk(sub, path, depth+1)
			}
		}
	}
	root, err := h.Root()
	if err != nil {
		return nil, []error{err}
	}
	walk(root, "", 0)
	slices.Sort(out)
	return out, faults
}

// hivexml reads a hive with libhivex.
func hivexml(t testing.TB, raw []byte) []string {
	t.Helper()
	tool, err := exec.LookPath("hivexml")
	if err != nil {
		missing(t, "hivexml (libhivex-bin) is not installed")
	}
	name := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(tool, name).Output()
	if err != nil {
		t.Fatalf("hivexml: %v", err)
	}
	type value struct {
		Type  string `xml:"type,attr"`
		Key   string `xml:"key,attr"`
		Value string `xml:"value,attr"`
	}
	type node struct {
		Name   string  `xml:"name,attr"`
		Values []value `xml:"value"`
		Nodes  []node  `xml:"node"`
	}
	var hive struct {
		Root node `xml:"node"`
	}
	if err := xml.Unmarshal(text, &hive); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(n node, path string)
	walk = func(n node, path string) {
		path += `\` + n.Name
		out = append(out, path)
		for _, v := range n.Values {
			line := path + " " + v.Key
			if v.Type == "string" || v.Type == "expand" || v.Type == "int32" {
				line += "=" + v.Value
			}
			out = append(out, line)
		}
		for _, sub := range n.Nodes {
			walk(sub, path)
		}
	}
	walk(hive.Root, "")
	slices.Sort(out)
	return out
}

// TestReal reads a hive that Windows wrote, and one of ours, as libhivex does.
func TestReal(t *testing.T) {
	for name, raw := range map[string][]byte{"ntuser": ntuser(t), "made": regftest.Hive(example(), 7)} {
		got, faults := lines(openHive(t, raw))
		if len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
		if diff := cmp.Diff(hivexml(t, raw), got); diff != "" {
			t.Errorf("%s: libhivex -, got +:\n%.3000s", name, diff)
		}
		if name == "ntuser" && len(got) < 2000 {
			t.Errorf("got %d keys and values", len(got))
		}
	}
}

func example() regftest.Key {
	root := regftest.Key{Name: "ROOT", Keys: []regftest.Key{
		{Name: "Microsoft", Keys: []regftest.Key{{Name: "Windows", Values: []regftest.Value{
			regftest.String("ProductName", "Windows Server 2022 Datacenter"), regftest.Uint32("UBR", 2402),
			{Name: "", Type: 1, Data: regftest.UTF16("default\x00")},
			{Name: "big", Type: 3, Data: bytes.Repeat([]byte("0123456789"), 5000)},
			{Name: "wide ключ", Type: 3, Data: []byte{1, 2, 3}},
		}}}},
		{Name: "Ünï", Values: []regftest.Value{regftest.String("latin é", "ключ 漢")}},
		{Name: "many"},
	}}
	for i := range 1200 {
		root.Keys[2].Keys = append(root.Keys[2].Keys, regftest.Key{Name: fmt.Sprintf("Package-%04d", i), Values: []regftest.Value{regftest.Uint32("CurrentState", 0x70)}})
	}
	return root
}

func TestLookup(t *testing.T) {
	h := openHive(t, regftest.Hive(example(), 7))
	if len(h.Gaps())+len(h.Notes()) > 0 {
		t.Errorf("got %q, %q", h.Gaps(), h.Notes())
	}
	k, err := h.Key(`microsoft\WINDOWS`)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := k.Text("productname"); s != "Windows Server 2022 Datacenter" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
	if n, err := k.Uint32("UBR"); n != 2402 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	v, err := k.Value("big")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := v.Bytes(); !bytes.Equal(data, bytes.Repeat([]byte("0123456789"), 5000)) || err != nil {
		t.Errorf("big data: got %d bytes, %v", len(data), err)
	}
	if _, err := k.Uint32("ProductName"); !errors.Is(err, regf.ErrCorrupt) {
		t.Errorf("a string as a number: got %v", err)
	}
	if _, err := k.Text("UBR"); !errors.Is(err, regf.ErrCorrupt) {
		t.Errorf("a number as a string: got %v", err)
	}
	for _, path := range []string{"none", `Microsoft\none`, `many\Package-1200`} {
		if _, err := h.Key(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want fs.ErrNotExist", path, err)
		}
	}
	if k, err := h.Key(`MANY\package-1199`); err != nil || k.Written().Year() != 2019 {
		t.Errorf("got %v, %v", k.Written(), err)
	}
	if k, err := h.Key(`ÜNÏ`); err != nil || k.Name() != "Ünï" {
		t.Errorf("got %v, %v", k, err)
	}
}

// versions are a hive and what two later writes made of it.
func versions(sequence uint32) (first, second, third []byte) {
	root := example()
	first = regftest.Hive(root, sequence)
	root.Keys = append(root.Keys, regftest.Key{Name: "second", Values: []regftest.Value{regftest.String("KB", "KB5035857")}})
	second = regftest.Hive(root, sequence)
	root.Keys = append(root.Keys, regftest.Key{Name: "third", Values: []regftest.Value{{Name: "long", Type: 3, Data: bytes.Repeat([]byte{9}, 40_000)}}})
	third = regftest.Hive(root, sequence)
	return first, second, third
}

// dirtied marks a hive as being written.
func dirtied(raw []byte) []byte {
	raw = bytes.Clone(raw)
	binary.LittleEndian.PutUint32(raw[4:], binary.LittleEndian.Uint32(raw[4:])+1)
	regftest.Seal(raw)
	return raw
}

// damaged changes one byte.
func damaged(raw []byte, at int) []byte {
	raw = bytes.Clone(raw)
	raw[at] ^= 0xff
	return raw
}

func TestReplay(t *testing.T) {
	first, second, third := versions(10)
	both := regftest.EntryLog(10, first, second, third)
	one, two := regftest.EntryLog(10, first, second), regftest.EntryLog(11, second, third)
	old := regftest.EntryLog(3, third, first)
	noHead := damaged(first, 12)
	for _, c := range []struct {
		name string
		hive []byte
		logs [][]byte
		want []byte
		said string // in the notes, or in the gaps
	}{
		{"one_log", dirtied(first), [][]byte{both}, third, "2 entries"},
		{"two_logs", dirtied(first), [][]byte{one, two}, third, "2 entries"},
		{"other_order", dirtied(first), [][]byte{two, one}, third, "2 entries"},
		{"older_log_too", dirtied(first), [][]byte{old, one}, second, "1 entries"},
		{"empty_log_too", dirtied(first), [][]byte{nil, both}, third, "2 entries"},
		{"second_entry_torn", dirtied(first), [][]byte{damaged(both, len(both)-600)}, second, "1 entries"},
		{"first_entry_torn", dirtied(first), [][]byte{damaged(both, 512+100)}, first, "no log has an entry"},
		{"log_head_torn", dirtied(first), [][]byte{damaged(both, 40)}, first, "LOG1: its base block is not whole"},
		{"only_older", dirtied(first), [][]byte{old}, first, "older than the hive"},
		{"no_log", dirtied(first), nil, first, "no log has an entry"},
		{"hive_head_torn", noHead, [][]byte{both}, third, "2 entries"},
		{"clean", first, [][]byte{both}, first, ""},
		{"bitmap", dirtied(first), [][]byte{regftest.BitmapLog(11, first, second)}, second, "1 entries"},
		{"bitmap_longer", dirtied(first), [][]byte{regftest.BitmapLog(11, first, third)}, third, "1 entries"},
		{"bitmap_older", dirtied(first), [][]byte{regftest.BitmapLog(9, first, second)}, first, "older than the hive"},
		{"bitmap_cut", dirtied(first), [][]byte{regftest.BitmapLog(11, first, third)[:4096]}, first, "ends before its changed pages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHive(t, c.hive, c.logs...)
			got, faults := lines(h)
			want, _ := lines(openHive(t, c.want))
			if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
				t.Errorf("%v\n%.2000s", faults, diff)
			}
			isGap := strings.Contains(strings.Join(h.Gaps(), ""), "may be missing")
			said := strings.Join(append(h.Notes(), h.Gaps()...), "; ")
			if !strings.Contains(said, c.said) || c.said == "" && said != "" {
				t.Errorf("got %q, want %q", said, c.said)
			}
			if wantGap := strings.Contains(c.said, "log") || strings.Contains(c.said, "older") || strings.Contains(c.said, "LOG1") || strings.Contains(c.said, "ends"); isGap != wantGap {
				t.Errorf("gaps %q, want one: %v", h.Gaps(), wantGap)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	hive := regftest.Hive(example(), 7)
	for _, c := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"empty", nil, io.ErrUnexpectedEOF},
		{"other", bytes.Repeat([]byte("x"), 8192), regf.ErrCorrupt},
		{"checksum", damaged(hive, 40), regf.ErrCorrupt},
	} {
		if _, err := regf.Open(bytes.NewReader(c.raw), int64(len(c.raw))); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	version := bytes.Clone(hive)
	version[24] = 9
	regftest.Seal(version)
	if _, err := regf.Open(bytes.NewReader(version), int64(len(version))); !errors.Is(err, regf.ErrUnsupported) {
		t.Errorf("version: got %v", err)
	}
	h := openHive(t, hive[:20_000])
	if _, faults := lines(h); len(faults) == 0 || len(h.Gaps()) != 1 {
		t.Errorf("cut short: got %v, gaps %q", faults, h.Gaps())
	}
}

// FuzzOpen changes bytes of a hive and its logs: data is a list of places with a new value.
func FuzzOpen(f *testing.F) {
	small := func(names ...string) []byte {
		root := regftest.Key{Name: "ROOT"}
		for _, n := range names {
			root.Keys = append(root.Keys, regftest.Key{Name: n, Values: []regftest.Value{regftest.String("a", n), regftest.Uint32("b", 1)}})
		}
		return regftest.Hive(root, 5)
	}
	before, after := small("x", "y"), small("x", "y", "z")
	files := [][][]byte{{before}, {dirtied(before), regftest.EntryLog(5, before, after)}, {dirtied(before), regftest.BitmapLog(6, before, after)}, {ntuser(f)}}
	for i := range files {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 0, 0, 40, 1, 0, 0, 16, 36, 0xff, 1, 0, 2, 0, 0xff})
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		var set [][]byte
		for _, raw := range files[int(which)%len(files)] {
			set = append(set, bytes.Clone(raw))
		}
		for ; len(data) >= 5; data = data[5:] {
			raw := set[int(data[0])%len(set)]
			raw[int(binary.BigEndian.Uint32(append([]byte{0}, data[1:4]...)))%len(raw)] = data[4]
		}
		regftest.Seal(set[0])
		h, err := regf.Open(bytes.NewReader(set[0]), int64(len(set[0])), logFiles(set[1:])...)
		if err != nil {
			return
		}
		lines(h)
	})
}
