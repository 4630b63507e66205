package form_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

// read gives a document to do.
func read(t *testing.T, file string, b []byte, l form.Limits, do func(ctx context.Context, in *form.Document) error) error {
	t.Helper()
	kind := form.Feed{ID: "test", Files: []string{"*"}, Name: form.Always("test"), Read: do}
	_, err := form.Read(t.Context(), kind, form.Source{File: file, At: bytes.NewReader(b), Size: int64(len(b)), Sink: &feedtest.Sink{}, Limits: l})
	return err
}

func TestStream(t *testing.T) {
	var want strings.Builder
	for i := range 4000 {
		_, _ = fmt.Fprintf(&want, "CVE-2024-%d\n", i+1)
	}
	for _, name := range []string{"lines.txt.gz", "lines.txt.bz2", "lines.txt.xz", "streams.txt.xz", "lines.txt.zst"} {
		t.Run(name, func(t *testing.T) {
			packed := feedtest.Testdata(t, name)
			whole := func(_ context.Context, in *form.Document) error {
				got, err := in.Whole()
				if err == nil && string(got) != want.String() {
					t.Errorf("got %d bytes, want %d", len(got), want.Len())
				}
				return err
			}
			if err := read(t, name, packed, form.Limits{}, whole); err != nil {
				t.Fatal(err)
			}
			if err := read(t, name, packed, form.Limits{Document: 1000}, whole); !errors.Is(err, form.ErrLimit) {
				t.Errorf("document limit: got %v, want ErrLimit", err)
			}
			if err := read(t, name, packed, form.Limits{Unpacked: 40000}, whole); !errors.Is(err, form.ErrLimit) {
				t.Errorf("limit of the file: got %v, want ErrLimit", err)
			}
			for cut := 0; cut < len(packed); cut += 1 + len(packed)/40 {
				if err := read(t, name, packed[:cut], form.Limits{}, whole); !errors.Is(err, form.ErrFormat) {
					t.Errorf("cut at %d of %d: got %v, want ErrFormat", cut, len(packed), err)
				}
			}
			spoiled := bytes.Clone(packed)
			spoiled[len(spoiled)/2] ^= 0x55
			if err := read(t, name, spoiled, form.Limits{}, whole); !errors.Is(err, form.ErrFormat) {
				t.Errorf("spoiled: got %v, want ErrFormat", err)
			}
		})
	}
}

// TestBombs gives zeros that pack to less than a two-thousandth.
func TestBombs(t *testing.T) {
	var x, z bytes.Buffer
	xw, err := xz.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	zw, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 40 {
		if _, err := io.MultiWriter(xw, zw).Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(xw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"b.xz": x.Bytes(), "b.zst": z.Bytes(), "b.tar.xz": x.Bytes()} {
		err := read(t, name, b, form.Limits{}, func(ctx context.Context, in *form.Document) error {
			if strings.HasPrefix(name, "b.tar") {
				return in.Entries(ctx, func(string, []byte) error { return nil }, "")
			}
			r, err := in.Stream()
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, r)
			if n > 32<<20 {
				t.Errorf("%s: %d bytes came out", name, n)
			}
			return err
		})
		if !errors.Is(err, form.ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
}

// TestXZDictionary asks for 3 GiB to look back to.
func TestXZDictionary(t *testing.T) {
	b := bytes.Clone(feedtest.Testdata(t, "lines.txt.xz"))
	head := b[12 : 12+(int(b[12])+1)*4]
	i := bytes.Index(head, []byte{0x21, 0x01})
	if i < 0 {
		t.Fatal("no filter in the block's header")
	}
	head[i+2] = 39
	binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
	err := read(t, "lines.txt.xz", b, form.Limits{}, func(_ context.Context, in *form.Document) error {
		_, err := in.Stream()
		return err
	})
	if !errors.Is(err, form.ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

func TestTar(t *testing.T) {
	b := feedtest.Testdata(t, "tree.tar.xz")
	n := 0
	err := read(t, "tree.tar.xz", b, form.Limits{}, func(ctx context.Context, in *form.Document) error {
		return in.Entries(ctx, func(name string, b []byte) error {
			n++
			if name != "lines.txt" || !bytes.HasSuffix(b, []byte("CVE-2024-4000\n")) {
				t.Errorf("%s: %d bytes", name, len(b))
			}
			return nil
		}, ".txt")
	})
	if err != nil || n != 1 {
		t.Errorf("%d documents, %v", n, err)
	}
	all := func(ctx context.Context, in *form.Document) error {
		return in.Entries(ctx, func(string, []byte) error { return nil }, "")
	}
	for name, l := range map[string]form.Limits{"documents": {Entries: 1}, "document": {Document: 5000}, "unpacked": {Unpacked: 5000}} {
		if err := read(t, "tree.tar.xz", b, l, all); !errors.Is(err, form.ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
	if err := read(t, "x.tar", []byte("no archive"), form.Limits{}, all); !errors.Is(err, form.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
	plain := feedtest.Tar(t, map[string][]byte{"a.json": []byte("{}"), "b.json": bytes.Repeat([]byte("x"), 3000)})
	if err := read(t, "x.tar", plain[:2000], form.Limits{}, all); !errors.Is(err, form.ErrFormat) {
		t.Errorf("cut: got %v, want ErrFormat", err)
	}
}

func TestMembers(t *testing.T) {
	members := func(ctx context.Context, in *form.Document) error {
		var got []string
		err := in.Members(ctx, func(name string, v json.RawMessage) error {
			got = append(got, name+"="+string(v))
			return nil
		})
		if err == nil && strings.Join(got, ",") != `a=1,b={"c": [2]},a=null` {
			t.Errorf("got %.200q", got)
		}
		return err
	}
	if err := read(t, "x.json", []byte(`{"a":1, "b" : {"c": [2]},"a":null}`+"\n"), form.Limits{}, members); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "null", "[]", `{"a":1`, `{"a":}`, `{"a":1}}`, `{"a":1}{"b":2}`, `{1:2}`, `{"a":1,}`} {
		if err := read(t, "x.json", []byte(bad), form.Limits{}, members); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
	// A long list of short members is no long member, however much a decoder takes at once.
	var list strings.Builder
	list.WriteString(`{"first":"` + strings.Repeat("x", 900_000) + `"`)
	for i := range 3000 {
		_, _ = fmt.Fprintf(&list, `,"m%d":%q`, i, strings.Repeat("y", 1000))
	}
	list.WriteString("}")
	n := 0
	count := func(ctx context.Context, in *form.Document) error {
		return in.Members(ctx, func(string, json.RawMessage) error { n++; return nil })
	}
	if err := read(t, "x.json", []byte(list.String()), form.Limits{Document: 1 << 20}, count); err != nil || n != 3001 {
		t.Errorf("%d members, %v", n, err)
	}
	long := []byte(`{"a":"` + strings.Repeat("x", 400_000) + `"}`)
	if err := read(t, "x.json", long, form.Limits{Document: 1000}, members); !errors.Is(err, form.ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

// TestProblems: more bad documents than are named one by one count all the same.
func TestProblems(t *testing.T) {
	give := func(good, bad int) (form.Learnt, error) {
		kind := form.Feed{ID: "test", Files: []string{"*"}, Name: form.Always("test"), Read: func(_ context.Context, in *form.Document) error {
			for range good {
				a := advisory.Advisory{ID: "A-1", Modified: time.Unix(1e9, 0), Affected: make([]advisory.Affected, 2)}
				if err := in.Advisory(&a); err != nil {
					return err
				}
			}
			for i := range bad {
				in.Problem(fmt.Sprint(i), form.ErrFormat)
			}
			in.SpeaksFor("Go", "")
			in.Dated(time.Time{})
			return nil
		}}
		return form.Read(t.Context(), kind, form.Source{File: "x", At: bytes.NewReader(nil), Sink: &feedtest.Sink{}})
	}
	l, err := give(150_000, 1500)
	if err != nil || len(l.Problems) != 1001 || l.Problems[1000].Document != "500 more" || l.Rows != 300_000 || l.Documents != 150_000 || l.Ecosystems[0] != "Go" {
		t.Errorf("%v: %d problems, %d rows of %d documents for %q", err, len(l.Problems), l.Rows, l.Documents, l.Ecosystems)
	}
	if _, err = give(150_000, 1600); !errors.Is(err, form.ErrFormat) {
		t.Errorf("one in a hundred is bad: got %v, want ErrFormat", err)
	}
}

func FuzzXZ(f *testing.F) {
	f.Add(feedtest.Testdata(f, "lines.txt.xz"))
	f.Add(feedtest.Testdata(f, "streams.txt.xz"))
	f.Add(feedtest.Testdata(f, "tree.tar.xz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"x.xz", "x.tar.xz"} {
			l := form.Limits{Unpacked: 16 << 20, Document: 16 << 20}
			err := read(t, name, b, l, func(ctx context.Context, in *form.Document) error {
				if name == "x.xz" {
					_, err := in.Whole()
					return err
				}
				return in.Entries(ctx, func(string, []byte) error { return nil }, "")
			})
			if err != nil && !errors.Is(err, form.ErrFormat) && !errors.Is(err, form.ErrLimit) {
				t.Fatalf("%v: neither ErrFormat nor ErrLimit", err)
			}
		}
	})
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[2]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := read(t, "x.json", b, form.Limits{}, func(ctx context.Context, in *form.Document) error {
			return in.Members(ctx, func(string, json.RawMessage) error { n++; return nil })
		})
		var m map[string]json.RawMessage
		if (err == nil) != (json.Unmarshal(b, &m) == nil && m != nil) {
			t.Fatalf("%q: got %v, want as encoding/json: %d members", b, err, len(m))
		}
		if err == nil && n < len(m) {
			t.Fatalf("%q: %d members, want at least %d", b, n, len(m))
		}
	})
}
