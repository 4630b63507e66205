// Package nevra holds what the readers of rpm errata share: names of rpm packages, and rows with their architectures together.
package nevra

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
)

// Fix is a package with the version that mends it.
type Fix struct {
	Ecosystem string
	Release   string
	Package   string
	EVR       string // [epoch:]version-release, as EVR writes it
	Module    string // rpm module stream, "name:stream"
	Repo      string // as advisory.Affected has it
}

// Rows makes one row of each fix, with all its architectures. Its zero value is ready for use.
type Rows struct {
	out []advisory.Affected
	at  map[Fix]int
}

// Add adds a fix for some architectures; none means all.
func (r *Rows) Add(f Fix, arches ...string) {
	if r.at == nil {
		r.at = map[Fix]int{}
	}
	i, ok := r.at[f]
	if !ok {
		i = len(r.out)
		r.at[f] = i
		r.out = append(r.out, advisory.Affected{
			Ecosystem: f.Ecosystem, Release: f.Release, Package: f.Package, State: advisory.StateFixed, Module: f.Module, Repo: f.Repo,
			Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: f.EVR}}}},
			Arches: slices.Clone(arches),
		})
		return
	}
	row := &r.out[i]
	switch {
	case len(row.Arches) == 0: // all of them already
	case len(arches) == 0:
		row.Arches = nil
	default:
		for _, a := range arches {
			if !slices.Contains(row.Arches, a) {
				row.Arches = append(row.Arches, a)
			}
		}
	}
}

// Affected returns the rows, architectures sorted. Source packages are left out where what was built from them is listed, too. A row about
// a source package alone has the architectures "noarch" and "src".
func (r *Rows) Affected() []advisory.Affected {
	built := false
	for i := range r.out {
		built = built || !slices.Equal(r.out[i].Arches, []string{"src"})
	}
	out := make([]advisory.Affected, 0, len(r.out))
	for _, f := range r.out {
		switch {
		case !slices.Equal(f.Arches, []string{"src"}):
			f.Arches = slices.DeleteFunc(f.Arches, func(s string) bool { return s == "src" })
		case built:
			continue
		default:
			f.Arches = []string{"noarch", "src"}
		}
		slices.Sort(f.Arches)
		out = append(out, f)
	}
	return out
}

// EVR puts an epoch before a version, unless it is zero.
func EVR(epoch, version string) string {
	if epoch == "" || epoch == "0" {
		return version
	}
	return epoch + ":" + version
}

// Parse takes the name of an rpm file apart: "delve-0:1.25.2-1.el10_1.aarch64.rpm", with or without an epoch and ".rpm". ok is false for
// what is no such name.
func Parse(s string) (name, evr, arch string, ok bool) {
	s = strings.TrimSuffix(s, ".rpm")
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", "", false
	}
	if s, arch = s[:i], s[i+1:]; arch == "nosrc" {
		arch = "src"
	}
	name, evr, ok = ParseNVR(s)
	return name, evr, arch, ok && arch != ""
}

// ParseNVR takes "name-[epoch:]version-release" apart.
func ParseNVR(s string) (name, evr string, ok bool) {
	r := strings.LastIndexByte(s, '-')
	if r <= 0 {
		return "", "", false
	}
	v := strings.LastIndexByte(s[:r], '-')
	if v <= 0 || v+1 == r || r+1 == len(s) {
		return "", "", false
	}
	return s[:v], strings.TrimPrefix(s[v+1:], "0:"), true
}
