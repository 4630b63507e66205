package endoflife_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/endoflife"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

func TestEndOfLife(t *testing.T) {
	l, err := endoflife.Parse("almalinux", feedtest.Testdata(t, "almalinux.md"))
	if err != nil || len(l) != 3 {
		t.Fatalf("got %d releases, %v", len(l), err)
	}
	want := advisory.Lifecycle{Product: "almalinux", Release: "8", EOL: time.Date(2029, 5, 31, 0, 0, 0, 0, time.UTC), Source: "endoflife.date/almalinux"}
	if diff := cmp.Diff(want, l[2]); diff != "" {
		t.Error(diff)
	}
	l, err = endoflife.Parse("x", []byte("---\nreleases:\n- releaseCycle: \"1\"\n  eol: true\n- releaseCycle: \"2\"\n  eol: false\n---\n"))
	if err != nil || len(l) != 2 || !advisory.IsUndated(l[0].EOL) || !l[1].EOL.IsZero() {
		t.Errorf("booleans: %+v, %v", l, err)
	}
	s, _ := feedtest.Read(t, endoflife.API(), "eol/products.json", feedtest.Testdata(t, "full.json"))
	if !slices.ContainsFunc(s.Lifecycles, func(l advisory.Lifecycle) bool {
		return l.Product == "ubuntu" && l.Release == "24.04" && l.EOL.Equal(time.Date(2029, 4, 25, 0, 0, 0, 0, time.UTC)) && l.Extended.Year() == 2036
	}) {
		t.Errorf("API: %+v", s.Lifecycles)
	}
}

func FuzzEndOfLifeAPI(f *testing.F) { feedtest.Fuzz(f, endoflife.API(), "eol/p.json", "full.json") }

func FuzzEndOfLife(f *testing.F) {
	f.Add(feedtest.Testdata(f, "almalinux.md"))
	f.Add(feedtest.Testdata(f, "debian.md"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := endoflife.Parse("x", b); err != nil && !errors.Is(err, form.ErrFormat) {
			t.Fatal(err)
		}
	})
}
