package nevra_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/feed/nevra"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, name, evr, arch string
		ok                  bool
	}{
		{"delve-0:1.25.2-1.el10_1.aarch64.rpm", "delve", "1.25.2-1.el10_1", "aarch64", true},
		{"oci-systemd-hook-1:0.1.15-2.git2d0b8a3.module+el8.4.0+557+48ba8b2f.x86_64", "oci-systemd-hook", "1:0.1.15-2.git2d0b8a3.module+el8.4.0+557+48ba8b2f", "x86_64", true},
		{"a-1-1.nosrc.rpm", "a", "1-1", "src", true},
		{"a-1.x86_64.rpm", "", "", "x86_64", false},
		{"-1-1.x86_64", "", "", "x86_64", false},
		{"a--1.x86_64", "", "", "x86_64", false},
		{"a-1-1", "", "", "", false},
		{"", "", "", "", false},
	} {
		name, evr, arch, ok := nevra.Parse(c.in)
		if ok != c.ok || ok && (name != c.name || evr != c.evr || arch != c.arch) {
			t.Errorf("%q: got %q, %q, %q, %v", c.in, name, evr, arch, ok)
		}
	}
}

func TestRows(t *testing.T) {
	a, b := nevra.Fix{Ecosystem: "E", Release: "1", Package: "a", EVR: "1-1"}, nevra.Fix{Ecosystem: "E", Release: "1", Package: "b", EVR: "1-1"}
	for _, c := range []struct {
		name string
		add  func(r *nevra.Rows)
		want [][]string
	}{
		{"together", func(r *nevra.Rows) { r.Add(a, "x86_64"); r.Add(a, "aarch64", "x86_64"); r.Add(b, "noarch") }, [][]string{{"aarch64", "x86_64"}, {"noarch"}}},
		{"all", func(r *nevra.Rows) { r.Add(a, "x86_64"); r.Add(a); r.Add(a, "aarch64") }, [][]string{nil}},
		{"source_beside_binaries", func(r *nevra.Rows) { r.Add(a, "src"); r.Add(b, "x86_64"); r.Add(b, "src") }, [][]string{{"x86_64"}}},
		{"source_alone", func(r *nevra.Rows) { r.Add(a, "src") }, [][]string{{"noarch", "src"}}},
	} {
		var r nevra.Rows
		c.add(&r)
		var got [][]string
		for _, f := range r.Affected() {
			got = append(got, f.Arches)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
