package kev_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/kev"
)

// read gives a file to the reader.
func read(t *testing.T, b []byte) error {
	t.Helper()
	_, err := form.Read(t.Context(), kev.Feed(), form.Source{File: "kev/k.json", At: bytes.NewReader(b), Size: int64(len(b)), Sink: &feedtest.Sink{}})
	return err
}

func TestKEV(t *testing.T) {
	s, l := feedtest.Read(t, kev.Feed(), "kev/k.json", feedtest.Testdata(t, "known_exploited_vulnerabilities.json"))
	c := s.CVEs["CVE-2020-5902"]
	if c.KEV == nil || c.KEV.Added != "2021-11-03" || c.KEV.Due == "" || c.KEV.Action == "" {
		t.Errorf("got %+v", c.KEV)
	}
	if !l.Dated.Equal(time.Date(2026, 8, 21, 17, 46, 43, 601900000, time.UTC)) {
		t.Errorf("published %v", l.Dated)
	}
	cut := bytes.Replace(feedtest.Testdata(t, "known_exploited_vulnerabilities.json"), []byte(`"count": 3`), []byte(`"count": 801`), 1)
	if err := read(t, cut); !errors.Is(err, form.ErrFormat) {
		t.Errorf("a catalog of three entries that says 801: got %v, want ErrFormat", err)
	}
}

func FuzzKEV(f *testing.F) {
	feedtest.Fuzz(f, kev.Feed(), "kev/k.json", "known_exploited_vulnerabilities.json")
}
