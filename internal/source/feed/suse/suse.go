// Package suse reads what SUSE publishes for SUSE Linux Enterprise and openSUSE (ftp.suse.com/pub/projects/security): its VEX documents and
// security advisories (CSAF 2.0) and its own archive of OSV documents.
package suse

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/csaf"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/osv"
)

// The ecosystems (OSV schema, "Defined ecosystems").
const (
	sle      = "SUSE"
	openSUSE = "openSUSE"
)

// VEX reads SUSE's VEX documents: one for each CVE, with every package of every product that is fixed, affected or not affected.
func VEX() form.Feed {
	return form.Feed{
		ID: "suse-vex", Title: "SUSE VEX documents (CSAF)", Files: []string{"suse/vex/*.tar.bz2", "suse/vex/*.zip"},
		Name: form.Always("suse/vex"), Read: readCSAF, Changes: csaf.HoldsChanges,
	}
}

// Advisories reads SUSE's security advisories in CSAF form. The OSV documents say the same by source package.
func Advisories() form.Feed {
	return form.Feed{
		ID: "suse-advisories", Title: "SUSE security advisories (CSAF)", Files: []string{"suse/csaf/*.tar.bz2", "suse/csaf/*.zip"},
		Name: form.Always("suse/csaf"), Read: readCSAF,
	}
}

// OSV reads SUSE's own archive of OSV documents, of which osv.dev publishes a copy.
func OSV() form.Feed {
	return form.Feed{
		ID: "suse-osv", Title: "SUSE OSV documents", Files: []string{"suse/osv/*.tar.bz2", "suse/osv/*.zip"},
		Name: form.Always("suse/osv"),
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Entries(ctx, func(name string, b []byte) error {
				if path.Base(name) == "all.json" { // the list of the others
					return nil
				}
				a, err := osv.Parse(b, in.Feed)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				kept := a.Affected[:0]
				for _, f := range a.Affected {
					if f.Ecosystem == sle || f.Ecosystem == openSUSE {
						in.SpeaksFor(f.Ecosystem, f.Release)
						kept = append(kept, f)
					}
				}
				a.Affected = kept
				return in.Advisory(a)
			}, ".json")
		},
	}
}

func readCSAF(ctx context.Context, in *form.Document) error {
	return csaf.Archive(ctx, in, publisher())
}

// Document hands on one CSAF document.
func Document(in *form.Document, name string, b []byte) error {
	return csaf.Read(in, name, b, publisher())
}

func publisher() csaf.Publisher { return csaf.Publisher{Scorer: sle, Subject: subject, Tidy: asked} }

// asked leaves out what is said not to be affected in products that are no operating system of a host (clouds, managers, extensions of them):
// SUSE lists every package of every product of twenty years for each CVE, nine in ten of them so.
func asked(rows []advisory.Affected) []advisory.Affected {
	return slices.DeleteFunc(rows, func(f advisory.Affected) bool {
		return f.State == advisory.StateNotAffected && f.Ecosystem == sle && !slices.ContainsFunc(systems(), func(p string) bool { return strings.HasPrefix(f.Release, p) })
	})
}

// systems are the beginnings of the names of products that a host is, or that it has enabled.
func systems() []string {
	return []string{"Linux Enterprise Server", "Linux Enterprise Module", "Linux Enterprise Micro", "Linux Micro"}
}

// subject names a package by the component's purl or name, and its release by the name of the product, as SUSE's OSV documents do:
// "SUSE Linux Enterprise Module for Basesystem 15 SP5" is SUSE, "Linux Enterprise Module for Basesystem 15 SP5".
func subject(component, _, platform *csaf.Product, versioned bool) (csaf.Subject, bool, error) {
	s := csaf.Subject{}
	s.Ecosystem, s.Release = Release(platform.Name)
	if s.Release == "" {
		return s, false, fmt.Errorf("%w: product %q", form.ErrFormat, platform.Name)
	}
	p, ok, err := csaf.ParseRPM(component.PURL)
	if err != nil {
		return s, false, err
	}
	if ok && (p.EVR != "" || !versioned) {
		s.Package, s.EVR, s.Arch = p.Name, p.EVR, p.Arch
		return s, true, nil
	}
	s.Package, s.EVR, s.Arch = split(component.Name, versioned)
	if s.Package == "" {
		return s, false, fmt.Errorf("%w: package %q", form.ErrFormat, component.Name)
	}
	return s, true, nil
}

// Release returns the ecosystem and release of a product by its name. The release is "" if the name is not one of SUSE's.
func Release(product string) (ecosystem, release string) {
	if rest, ok := strings.CutPrefix(product, "openSUSE "); ok {
		return openSUSE, rest
	}
	if rest, ok := strings.CutPrefix(product, "SUSE "); ok {
		return sle, rest
	}
	if product == "" {
		return sle, ""
	}
	return sle, product // "HPE Helion OpenStack 8", "Magnum Orchestration 7": sold by SUSE
}

// architectures are the endings of rpm file names that SUSE writes.
func architectures() []string {
	return []string{"x86_64", "aarch64", "ppc64le", "s390x", "noarch", "i586", "i686", "ia64", "ppc64", "ppc", "s390", "armv7hl", "armv6hl", "x86_64_v3", "src", "nosrc"}
}

// split takes "name-version-release", with or without an architecture, apart. A name without a version is the whole, unless it ends in what
// can only be a version and a release.
func split(s string, versioned bool) (name, evr, arch string) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 && slices.Contains(architectures(), s[i+1:]) {
		s, arch = s[:i], s[i+1:]
	}
	if arch == "nosrc" {
		arch = "src"
	}
	r := strings.LastIndexByte(s, '-')
	v := -1
	if r > 0 {
		v = strings.LastIndexByte(s[:r], '-')
	}
	if v <= 0 {
		if versioned {
			return "", "", arch
		}
		return s, "", arch
	}
	if versioned || looksLikeVersion(s[v+1:r], s[r+1:]) {
		return s[:v], s[v+1:], arch
	}
	return s, "", arch
}

// looksLikeVersion reports whether the last two parts of a name can only be a version and a release: "4.19.2+git.322", "1.1".
func looksLikeVersion(version, release string) bool {
	return digit(version) && digit(release) && strings.ContainsAny(version+release, ".+~")
}

// digit reports whether a text begins with a digit.
func digit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
