package plist_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract/plist"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "macos", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       any
	}{
		{"dict", "<plist><dict><key>a</key><string>b &amp; c</string><key>n</key><integer>-7</integer></dict></plist>", plist.Dict{"a": "b & c", "n": int64(-7)}},
		{"nested", "<plist><array><true/><false/><real>1.5</real><array/><dict/></array></plist>", []any{true, false, 1.5, []any{}, plist.Dict{}}},
		{"date", "<plist><date>2024-03-01T10:00:00Z</date></plist>", time.Date(2024, 3, 1, 10, 0, 0, 0, time.UTC)},
		{"no_plist_element", "<string>x</string>", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := plist.Parse([]byte(c.text))
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// TestBinary reads one list in both forms: those of the fixtures that Apple's own tools wrote.
func TestBinary(t *testing.T) {
	d, err := plist.ParseDict(fixture(t, "BinaryApp.plist"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Text("CFBundleName") != "gMacInformation" || d.Text("CFBundleVersion") != "202410231131" || len(d) != 27 {
		t.Errorf("got %v", d)
	}
	if d, err = plist.ParseDict(fixture(t, "ValidXML.plist")); err != nil || d.Text("CFBundleIdentifier") != "com.google.Chrome" || len(d) != 43 {
		t.Errorf("got %v, %v", d, err)
	}
	if types, ok := d["CFBundleDocumentTypes"].([]any); !ok || len(types) < 2 {
		t.Errorf("got %v", d["CFBundleDocumentTypes"])
	}
}

func TestRefused(t *testing.T) {
	loop := "bplist00" + "\xa1\x00" + "\x08" + strings.Repeat("\x00", 6) + "\x01\x01" + strings.Repeat("\x00", 7) + "\x01" + strings.Repeat("\x00", 15) + "\x0a"
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "empty_plist": "<plist></plist>", "cut": "<plist><dict><key>a</key>", "no_key": "<plist><dict><string>a</string></dict></plist>",
		"no_value": "<plist><dict><key>a</key></dict></plist>", "two_keys": "<plist><dict><key>a</key><key>b</key></dict></plist>", "integer": "<integer>x</integer>",
		"deep": strings.Repeat("<array>", 100), "element": "<other/>", "binary_cut": "bplist00", "loop": loop,
	} {
		if v, err := plist.Parse([]byte(text)); !errors.Is(err, plist.ErrSyntax) {
			t.Errorf("%s: got %v, %v, want plist.ErrSyntax", name, v, err)
		}
	}
	if _, err := plist.ParseDict([]byte("<array/>")); !errors.Is(err, plist.ErrSyntax) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fixture(f, "BinaryApp.plist"))
	f.Add([]byte("<plist><dict><key>a</key><array><true/><date>2024-03-01T10:00:00Z</date></array></dict></plist>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := plist.Parse(data); err != nil && len(err.Error()) > 2000 {
			t.Error("an endless error")
		}
	})
}
