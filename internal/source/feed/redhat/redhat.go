// Package redhat reads what Red Hat publishes: its VEX documents and security advisories (CSAF 2.0, security.access.redhat.com/data/csaf/v2),
// and the map of its repositories to the products whose packages they carry (security.access.redhat.com/data/meta/v1/repository-to-cpe.json).
package redhat

import (
	"context"
	"fmt"
	"strings"

	"hinomi/internal/source/feed/csaf"
	"hinomi/internal/source/feed/form"
)

// ecosystem is OSV's word for Red Hat's packages (OSV schema, "Defined ecosystems").
const ecosystem = "Red Hat"

// VEX reads Red Hat's VEX documents: one for each CVE, with every package that is fixed, affected, will not be fixed or is not affected. The
// archive holds all of them as of its date; the documents that changed since lie beside it in changes.zip.
func VEX() form.Feed {
	return form.Feed{
		ID: "redhat-vex", Title: "Red Hat VEX documents (CSAF)",
		Files: []string{"redhat/vex/*.tar.zst", "redhat/vex/*.zip"}, Name: form.Always("redhat/vex"), Read: read, Changes: csaf.HoldsChanges,
	}
}

// Advisories reads Red Hat's security advisories, one document for each erratum. VEX says the same by CVE, and what is not fixed besides:
// advisories are for those who want the errata's own texts.
func Advisories() form.Feed {
	return form.Feed{
		ID: "redhat-advisories", Title: "Red Hat security advisories (CSAF)",
		Files: []string{"redhat/advisories/*.tar.zst", "redhat/advisories/*.zip"}, Name: form.Always("redhat/advisories"), Read: read,
	}
}

func read(ctx context.Context, in *form.Document) error { return csaf.Archive(ctx, in, publisher()) }

// Document hands on one CSAF document.
func Document(in *form.Document, name string, b []byte) error {
	return csaf.Read(in, name, b, publisher())
}

func publisher() csaf.Publisher {
	return csaf.Publisher{Scorer: ecosystem, Subject: subject, Tidy: once}
}

// subject names a package by the purl of the component, and its release by the CPE of the product, as OSV does. What has no rpm's purl is an
// image, a jar or a library inside another package, which no rpm database lists.
func subject(component, module, platform *csaf.Product, _ bool) (csaf.Subject, bool, error) {
	p, ok, err := csaf.ParseRPM(component.PURL)
	if err != nil || !ok {
		return csaf.Subject{}, false, err
	}
	release, err := Release(platform.CPE)
	if err != nil {
		return csaf.Subject{}, false, err
	}
	s := csaf.Subject{Ecosystem: ecosystem, Release: release, Package: p.Name, EVR: p.EVR, Arch: p.Arch, Module: p.Module}
	if s.Module == "" && module != nil {
		s.Module = moduleOf(module)
	}
	if s.Module == "" && strings.Contains(s.EVR, ".module+el") {
		s.Module = "*" // a build of a stream that is not named
	}
	return s, true, nil
}

// moduleOf returns the name and stream of a module that stands in the tree between package and product: "ruby:2.5:8090…:b46abd14".
func moduleOf(m *csaf.Product) string {
	if rest, ok := strings.CutPrefix(m.PURL, "pkg:rpmmod/redhat/"); ok {
		rest, _, _ = strings.Cut(rest, "?")
		name, stream, _ := strings.Cut(rest, "@")
		return csaf.Stream(name + ":" + stream)
	}
	return csaf.Stream(m.Name)
}

// Release names a product as OSV does: "cpe:/o:redhat:enterprise_linux:9::baseos" is "enterprise_linux:9::baseos" (CPE 2.2 URI binding,
// NIST IR 7695, 6.1: part, vendor, product, version, update, edition). Some products are written without the vendor:
// "cpe:/a:rhel_sam:1.4::el6" in the map of repositories.
func Release(cpe string) (string, error) {
	rest, ok := strings.CutPrefix(cpe, "cpe:/")
	if ok {
		_, rest, ok = strings.Cut(rest, ":") // the part: a or o
	}
	if rest = strings.TrimRight(strings.TrimPrefix(rest, "redhat:"), ":"); !ok || rest == "" {
		return "", fmt.Errorf("%w: CPE %q", form.ErrFormat, cpe)
	}
	return rest, nil
}

// Repositories reads the map of repositories to CPEs.
func Repositories() form.Feed {
	return form.Feed{
		ID: "redhat-repositories", Title: "Red Hat repositories and their products", Files: []string{"redhat/repository-to-cpe.json"},
		Name: form.Always("redhat/repository-to-cpe"),
		Read: func(ctx context.Context, in *form.Document) error {
			return repositories(ctx, in, in.Repository)
		},
	}
}
