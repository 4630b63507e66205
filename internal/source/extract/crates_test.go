package extract_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract"
)

// withCrates makes the smallest program that the extractor looks into: an ELF header, a list of crates, the names of the sections and their table.
func withCrates(t testing.TB, list []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(list); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	names := "\x00.dep-v0\x00.shstrtab\x00"
	at := 64
	body := append(packed.Bytes(), names...)
	body = append(body, make([]byte, max(0, 70_000-len(body)))...)
	table := at + len(body)
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint64(header[40:], uint64(table))
	le.PutUint16(header[58:], 64)
	le.PutUint16(header[60:], 3)
	le.PutUint16(header[62:], 2)
	section := func(name, at, size int) []byte {
		b := make([]byte, 64)
		le.PutUint32(b, uint32(name))
		le.PutUint64(b[24:], uint64(at))
		le.PutUint64(b[32:], uint64(size))
		return b
	}
	out := append(header, body...)
	out = append(out, make([]byte, 64)...)
	out = append(out, section(1, at, packed.Len())...)
	return append(out, section(9, at+packed.Len(), len(names))...)
}

const crates = `{"packages":[{"name":"adler","version":"0.2.3","source":"crates.io"},{"name":"build","version":"1.0.0","source":"registry","kind":"build"},{"name":"mine","version":"0.1.0","source":"local","root":true}]}`

func TestCrates(t *testing.T) {
	inv := run(t, fstest.MapFS{"bin/x": {Data: withCrates(t, []byte(crates)), Mode: 0o755}}, extract.Options{})
	if diff := cmp.Diff([]string{"rust-binary adler 0.2.3", "rust-binary build 1.0.0"}, short(inv)); diff != "" || len(inv.Gaps) != 0 || inv.Packages[0].Dev || !inv.Packages[1].Dev {
		t.Errorf("got %+v, gaps %q %s", inv.Packages, reasons(inv), diff)
	}
	for name, list := range map[string]string{"list of crates": "{", "over the limit": strings.Repeat(" ", 17<<20), "without a name": `{"packages":[{"name":"x"}]}`} {
		inv := run(t, fstest.MapFS{"bin/x": {Data: withCrates(t, []byte(list)), Mode: 0o755}}, extract.Options{})
		if wantGap(t, inv, "/bin/x", name); len(inv.Packages) != 0 {
			t.Errorf("got %q", short(inv))
		}
	}
}

func FuzzCrates(f *testing.F) {
	f.Add([]byte(crates))
	f.Fuzz(func(t *testing.T, list []byte) {
		inv := run(t, fstest.MapFS{"bin/x": {Data: withCrates(t, list), Mode: 0o755}}, extract.Options{Workers: 1})
		for _, p := range inv.Packages {
			if p.Name == "" || p.Version == "" || p.PURL == "" {
				t.Errorf("got %+v", p)
			}
		}
		for _, g := range inv.Gaps {
			if strings.Contains(g.Reason, "panicked") {
				t.Fatal(g.Reason)
			}
		}
	})
}
