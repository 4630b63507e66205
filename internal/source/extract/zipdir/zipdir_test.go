package zipdir_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract/zipdir"
)

func packed(t testing.TB, method uint16, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, n := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: n, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("content of "+n+"\n", 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.SetComment("a comment"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func list(data []byte) (out map[string]string, err error) {
	out = map[string]string{}
	a, err := zipdir.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	err = a.Entries(func(e zipdir.Entry) error {
		r, err := a.Reader(e)
		if err != nil {
			out[string(e.Name)] = "error: " + err.Error()
			return nil
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			text = fmt.Append(nil, "error: ", err)
		}
		out[string(e.Name)] = string(text)
		return nil
	})
	return out, err
}

func TestEntries(t *testing.T) {
	for _, c := range []struct {
		name   string
		method uint16
		before string
	}{{"stored", zip.Store, ""}, {"deflated", zip.Deflate, ""}, {"start_script", zip.Deflate, "#!/bin/sh\nexec java -jar \"$0\"\n"}} {
		t.Run(c.name, func(t *testing.T) {
			got, err := list(append([]byte(c.before), packed(t, c.method, "a", "b/c", "ü")...))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, n := range []string{"a", "b/c", "ü"} {
				want[n] = strings.Repeat("content of "+n+"\n", 100)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestZip64 has more entries than the plain end record can count.
func TestZip64(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := range 70_000 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", "some bytes before"} {
		data := append([]byte(before), buf.Bytes()...)
		a, err := zipdir.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := a.Entries(func(zipdir.Entry) error { n++; return nil }); err != nil || n != 70_000 || a.Len() != 70_000 {
			t.Errorf("got %d of %d entries, %v", n, a.Len(), err)
		}
	}
}

func TestDamage(t *testing.T) {
	whole := packed(t, zip.Deflate, "a", "b", "c")
	for _, c := range []struct {
		name string
		data []byte
	}{{"empty", nil}, {"text", []byte(strings.Repeat("text", 100_000))}, {"cut", whole[:len(whole)-40]}} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := list(c.data); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
	t.Run("directory_too_short", func(t *testing.T) {
		data := bytes.Clone(whole)
		end := bytes.LastIndex(data, []byte("PK\x05\x06"))
		data[end+10]++ // says one entry more than there is
		if got, err := list(data); !errors.Is(err, zipdir.ErrFormat) || len(got) != 3 {
			t.Errorf("got %d entries, %v, want 3 and ErrFormat", len(got), err)
		}
	})
	t.Run("encrypted", func(t *testing.T) {
		data := bytes.Clone(whole)
		dir := bytes.Index(data, []byte("PK\x01\x02"))
		data[dir+8] |= 1
		got, err := list(data)
		if err != nil || !strings.Contains(got["a"], "encrypted") || strings.Contains(got["b"], "error") {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// FuzzAgainstStandard: what archive/zip reads, this reads alike.
func FuzzAgainstStandard(f *testing.F) {
	f.Add(packed(f, zip.Store, "a", "b"))
	f.Add(packed(f, zip.Deflate, "a", "b"))
	f.Add(append([]byte("before"), packed(f, zip.Deflate, "a")...))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := list(data)
		z, zerr := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if zerr != nil || err != nil {
			return
		}
		for _, file := range z.File {
			r, err := file.Open()
			if err != nil {
				continue
			}
			text, err := io.ReadAll(io.LimitReader(r, 1<<20))
			if err != nil {
				continue
			}
			if have, ok := got[file.Name]; ok && len(z.File) == len(got) && have != string(text) {
				t.Errorf("%q: got %.100q, want %.100q", file.Name, have, text)
			}
		}
	})
}
