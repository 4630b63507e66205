package redhat

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
)

// said is what a row says, but for the part of the product and the architectures.
type said struct {
	product, name, evr, module string
	state                      advisory.State
}

// once leaves out rows of a product's parts that say what the row of BaseOS, or else of AppStream, says already. Red Hat lists every package of
// an erratum under every part that has one of them: a fix of the kernel stands under BaseOS, AppStream, CRB, NFV and Realtime, although the
// package comes from one repository. Every host has BaseOS and AppStream (RHEL 9, "Package manifest", 1.2).
func once(rows []advisory.Affected) []advisory.Affected {
	first := map[string]map[said][]string{"baseos": {}, "appstream": {}}
	for i := range rows {
		product, part := parts(rows[i].Release)
		if m, ok := first[part]; ok {
			m[what(product, &rows[i])] = rows[i].Arches
		}
	}
	covered := func(part string, k said, arches []string) bool {
		all, ok := first[part][k]
		return ok && (len(all) == 0 || len(arches) > 0 && !slices.ContainsFunc(arches, func(a string) bool { return !slices.Contains(all, a) }))
	}
	return slices.DeleteFunc(rows, func(f advisory.Affected) bool {
		product, part := parts(f.Release)
		k := what(product, &f)
		switch part {
		case "", "baseos":
			return false
		case "appstream":
			return covered("baseos", k, f.Arches)
		}
		return covered("baseos", k, f.Arches) || covered("appstream", k, f.Arches)
	})
}

// parts takes a release apart: "enterprise_linux:9::appstream" is the part "appstream" of "enterprise_linux:9".
func parts(release string) (product, part string) {
	product, part, _ = strings.Cut(release, "::")
	return product, part
}

func what(product string, f *advisory.Affected) said {
	k := said{product: product, name: f.Package, module: f.Module, state: f.State}
	for _, r := range f.Ranges {
		for _, e := range r.Events {
			k.evr += e.Introduced + " " + e.Fixed + " "
		}
	}
	return k
}
