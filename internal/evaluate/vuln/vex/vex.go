// Package vex decides what statements about vulnerabilities (VEX) say of a package: which of them are about it, and which of those holds.
package vex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// Set is a list of statements, kept by vulnerability. The zero Set is empty.
type Set struct{ by map[string][]*statement }

type statement struct {
	*advisory.Statement
	purl  packageurl.PackageURL
	plain string // the product, where it is no purl
}

// NewSet keeps statements by the vulnerabilities that they name. What cannot hold for anything is refused with a reason, one line a statement:
// one about no product and no asset, one whose product cannot be read, and a "not affected" without a reason, which OpenVEX does not allow.
func NewSet(l []advisory.Statement) (s Set, refused []string) {
	for i := range l {
		st := &statement{Statement: &l[i]}
		if why := st.read(); why != "" {
			refused = append(refused, fmt.Sprintf("statement of %s about %s in %q: %s", or(st.Author, "nobody"), or(st.Vulnerability, "nothing"), st.Product, why))
			continue
		}
		if s.by == nil {
			s.by = map[string][]*statement{}
		}
		for _, id := range append([]string{st.Vulnerability}, st.Aliases...) {
			k := strings.ToUpper(id)
			if !slices.Contains(s.by[k], st) {
				s.by[k] = append(s.by[k], st)
			}
		}
	}
	return s, refused
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// read understands the product, and says why a statement cannot hold.
func (s *statement) read() string {
	switch {
	case s.Vulnerability == "":
		return "no vulnerability"
	case s.Product == "" && s.Asset == "":
		return "neither a product nor an asset"
	case s.Status == advisory.NotAffected && !s.Reasoned():
		return "not affected, but neither a justification nor an impact statement"
	case s.Status != advisory.NotAffected && s.Status != advisory.AffectedStatus && s.Status != advisory.FixedStatus && s.Status != advisory.UnderInvestigation:
		return fmt.Sprintf("status %q", s.Status)
	case !strings.HasPrefix(s.Product, "pkg:"):
		s.plain = s.Product
		return ""
	}
	p, err := packageurl.FromString(s.Product)
	if err != nil {
		return err.Error()
	}
	s.purl = p
	return ""
}

// Empty reports whether there are no statements.
func (s Set) Empty() bool { return len(s.by) == 0 }

// Said is what holds of a package and a vulnerability.
type Said struct {
	Statement *advisory.Statement
	Exempts   bool   // the vulnerability makes no finding
	Text      string // who said what, why and when
}

// About returns the statement that holds: of those about the package (and the asset, if they name one), the vulnerability under any of its
// names, and not lapsed at now, the latest; of two of one time the one that does not exempt. "Not affected" exempts, and so does "fixed" for
// exactly the version that the product names.
func (s Set) About(p *inventory.Package, ids []string, asset string, now time.Time) (Said, bool) {
	var best *statement
	for _, id := range ids {
		for _, st := range s.by[strings.ToUpper(id)] {
			if !st.holds(asset, now) || !st.about(p) {
				continue
			}
			if best == nil || st.At.After(best.At) || st.At.Equal(best.At) && best.exempts() && !st.exempts() {
				best = st
			}
		}
	}
	if best == nil {
		return Said{}, false
	}
	return Said{best.Statement, best.exempts(), best.text()}, true
}

func (s *statement) holds(asset string, now time.Time) bool {
	return (s.Asset == "" || s.Asset == asset) && (s.Until.IsZero() || now.Before(s.Until))
}

func (s *statement) exempts() bool {
	return s.Status == advisory.NotAffected || s.Status == advisory.FixedStatus && s.purl.Version != ""
}

// text says who said what, and why.
func (s *statement) text() string {
	var b strings.Builder
	b.WriteString(or(s.Author, "nobody named") + " says: " + strings.ReplaceAll(string(s.Status), "_", " "))
	if s.Justification != "" {
		b.WriteString(" (" + string(s.Justification) + ")")
	}
	if s.Impact != "" {
		b.WriteString(": " + s.Impact)
	}
	if !s.At.IsZero() {
		b.WriteString(", " + s.At.UTC().Format(time.DateOnly))
	}
	if s.Source != "" {
		b.WriteString(", in " + s.Source)
	}
	return b.String()
}

// about reports whether a statement's product is a package: by its package URL (purl-spec: type, namespace and name; version and each
// qualifier only if the statement gives them), or by its plain name. A source package's name stands for what was built from it.
func (s *statement) about(p *inventory.Package) bool {
	if s.Product == "" {
		return true
	}
	if s.plain != "" {
		return s.plain == p.Name || s.plain == p.SourceName
	}
	have, err := packageurl.FromString(or(p.PURL, p.Ecosystem.PURL(p.Name, p.Version)))
	if err != nil {
		return false
	}
	want := s.purl
	if want.Type != have.Type || want.Namespace != have.Namespace && want.Namespace != "" {
		return false
	}
	q := want.Qualifiers.Map()
	version := p.Version
	switch {
	case want.Name == have.Name && q["arch"] != "source" && q["arch"] != "src":
	case want.Name == p.SourceName:
		version = or(p.SourceVersion, p.Version)
		delete(q, "arch")
	default:
		return false
	}
	if want.Version != "" && want.Version != version && want.Version != have.Version {
		return false
	}
	got := have.Qualifiers.Map()
	for _, k := range []string{"arch", "distro", "epoch"} {
		if q[k] != "" && got[k] != "" && q[k] != got[k] {
			return false
		}
	}
	return true
}
