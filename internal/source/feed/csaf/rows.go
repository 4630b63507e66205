package csaf

import (
	"slices"

	"hinomi/internal/advisory"
)

// status is how a list of product_status (3.2.3.9) is read.
type status struct {
	name      string
	state     advisory.State
	versioned bool // the ids name the version that is fixed
}

// statuses returns the lists in the order in which they are read. A version that is recommended, or the first to be fixed, is a fix.
func statuses() []status {
	return []status{
		{"fixed", advisory.StateFixed, true},
		{"first_fixed", advisory.StateFixed, true},
		{"recommended", advisory.StateFixed, true},
		{"known_affected", advisory.StateOpen, false},
		{"first_affected", advisory.StateOpen, false},
		{"last_affected", advisory.StateOpen, false},
		{"under_investigation", advisory.StateUndecided, false},
		{"known_not_affected", advisory.StateNotAffected, false},
	}
}

// rows makes the affected packages of one vulnerability.
type rows struct {
	tree      *tree
	publisher Publisher
	faults    faults

	out []advisory.Affected
	at  map[rowKey]int // into out
	ids []string       // of each row: the first product id it was made of
}

type rowKey struct {
	ecosystem, release, name, evr, module string
	state                                 advisory.State
}

// read returns one row for each package, version and state of a release, with its architectures.
func (r *rows) read(v *vulnerability) []advisory.Affected {
	r.at = map[rowKey]int{}
	plans := plansOf(v)
	for _, s := range statuses() {
		for _, id := range v.Status[s.name] {
			state := s.state
			if plan, ok := plans[id]; ok && state == advisory.StateOpen {
				state = plan
			}
			r.add(id, s, state)
		}
	}
	r.tidy()
	r.justify(v)
	return r.out
}

// plansOf returns what the publisher plans for affected products (3.2.3.12.1): no_fix_planned is "will not fix" or "out of support",
// none_available an affected package without a fix so far; fix_planned is of CSAF 2.1.
func plansOf(v *vulnerability) map[string]advisory.State {
	out := map[string]advisory.State{}
	for _, m := range v.Remediations {
		var state advisory.State
		switch m.Category {
		case "no_fix_planned":
			state = advisory.StateWillNotFix
		case "fix_planned":
			state = advisory.StatePending
		default:
			continue
		}
		for _, id := range m.Products {
			out[id] = state
		}
	}
	return out
}

// add adds what one product id of one list says.
func (r *rows) add(id string, s status, state advisory.State) {
	component, module, platform, ok := r.tree.resolve(id)
	if !ok {
		r.faults.add("product %q is not in the tree", id)
		return
	}
	if component == nil {
		return // a product as a whole
	}
	sub, ok, err := r.publisher.Subject(component, module, platform, s.versioned)
	if err != nil {
		r.faults.add("product %q: %v", id, err)
		return
	}
	if !ok {
		return
	}
	if s.versioned && sub.EVR == "" {
		r.faults.add("product %q is fixed in no version", id)
		return
	}
	if !s.versioned && state != advisory.StateNotAffected {
		sub.EVR = "" // what is affected is so without an end, whatever version was looked at
	}
	k := rowKey{sub.Ecosystem, sub.Release, sub.Package, sub.EVR, sub.Module, state}
	i, seen := r.at[k]
	if !seen {
		i = len(r.out)
		r.at[k] = i
		r.out = append(r.out, advisory.Affected{Ecosystem: sub.Ecosystem, Release: sub.Release, Package: sub.Package, State: state, Module: sub.Module})
		r.ids = append(r.ids, id)
		r.out[i].Ranges = rangesOf(state, sub.EVR)
		if sub.Arch == "" {
			return
		}
	} else if len(r.out[i].Arches) == 0 {
		return // all of them already
	}
	switch {
	case sub.Arch == "":
		r.out[i].Arches = nil
	case !slices.Contains(r.out[i].Arches, sub.Arch):
		r.out[i].Arches = append(r.out[i].Arches, sub.Arch)
	}
}

// rangesOf returns the versions that a state is about. What is said not to be affected without a version has none: it is so whatever the
// version. With a version it is so from that one on: of older ones nothing is said.
func rangesOf(state advisory.State, evr string) []advisory.Range {
	events := []advisory.Event{{Introduced: "0"}}
	switch {
	case state == advisory.StateNotAffected && evr == "":
		return nil
	case state == advisory.StateNotAffected:
		events[0].Introduced = evr
	case evr != "":
		events = append(events, advisory.Event{Fixed: evr})
	}
	return []advisory.Range{{Type: "ECOSYSTEM", Events: events}}
}

// justify says why a package is not affected: the labels of flags (3.2.3.5.2) are the words of VEX.
func (r *rows) justify(v *vulnerability) {
	labels := map[string]advisory.Justification{}
	for _, f := range v.Flags {
		for _, id := range f.Products {
			labels[id] = advisory.Justification(f.Label)
		}
	}
	for i := range r.out {
		if r.out[i].State == advisory.StateNotAffected {
			r.out[i].Justification = labels[r.ids[i]]
		}
	}
}

// place is one package of one release.
type place struct{ ecosystem, release, name, module string }

// tidy sorts architectures, leaves out source packages whose binary packages are listed as fixed beside them, and leaves out "not affected"
// where the same package is affected, too: in another version or on another architecture.
//
// A row about a source package keeps "src" among its architectures, and "noarch", since what was built from it runs anywhere.
func (r *rows) tidy() {
	built := map[[3]string]bool{}
	affected := map[place]bool{}
	for i := range r.out {
		f := &r.out[i]
		if f.State == advisory.StateFixed && !isSource(f.Arches) {
			built[[3]string{f.Ecosystem, f.Release, f.Module}] = true
		}
		if f.State != advisory.StateNotAffected {
			affected[place{f.Ecosystem, f.Release, f.Package, f.Module}] = true
		}
	}
	kept, ids := r.out[:0], r.ids[:0]
	for i := range r.out {
		f := r.out[i]
		switch {
		case f.State == advisory.StateFixed && isSource(f.Arches) && built[[3]string{f.Ecosystem, f.Release, f.Module}]:
			continue
		case f.State == advisory.StateNotAffected && affected[place{f.Ecosystem, f.Release, f.Package, f.Module}]:
			continue
		case isSource(f.Arches):
			f.Arches = []string{"noarch", "src"}
		case f.State == advisory.StateFixed:
			f.Arches = slices.DeleteFunc(f.Arches, func(s string) bool { return s == "src" })
		}
		slices.Sort(f.Arches)
		kept, ids = append(kept, f), append(ids, r.ids[i])
	}
	r.out, r.ids = kept, ids
}

// isSource reports whether architectures are those of a source package alone.
func isSource(arches []string) bool { return len(arches) == 1 && arches[0] == "src" }

// together adds an advisory, to the one before it if both say the same of the same packages: an erratum that fixes ten CVEs alike.
func together(out []*advisory.Advisory, a *advisory.Advisory) []*advisory.Advisory {
	if n := len(out); n > 0 && len(a.Related) > 0 && len(out[n-1].Related) > 0 && slices.EqualFunc(out[n-1].Affected, a.Affected, sameRow) {
		last := out[n-1]
		for _, id := range a.Related {
			if !slices.Contains(last.Related, id) {
				last.Related = append(last.Related, id)
			}
		}
		for _, w := range a.CWEs {
			if !slices.Contains(last.CWEs, w) {
				last.CWEs = append(last.CWEs, w)
			}
		}
		for _, u := range a.URLs {
			if !slices.Contains(last.URLs, u) && len(last.URLs) < maxLinks {
				last.URLs = append(last.URLs, u)
			}
		}
		last.Severity = nil // of one CVE each: none is the erratum's
		return out
	}
	return append(out, a)
}

func sameRow(a, b advisory.Affected) bool {
	return a.Ecosystem == b.Ecosystem && a.Release == b.Release && a.Package == b.Package && a.State == b.State && a.Module == b.Module &&
		slices.Equal(a.Arches, b.Arches) && slices.EqualFunc(a.Ranges, b.Ranges, func(x, y advisory.Range) bool { return slices.Equal(x.Events, y.Events) })
}
