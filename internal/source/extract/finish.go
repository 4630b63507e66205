package extract

import (
	"cmp"
	"fmt"
	"slices"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/bundle"
)

// finish judges the whole: what must be there and is not becomes a gap, and equal systems become equal inventories.
func (r *run) finish() {
	inv := r.inv
	r.owned.apply(inv.Packages)
	r.patchOwners()
	if r.owned.passed > 0 {
		r.note(r.owned.note())
	}
	r.unidentified()
	if len(r.opts.Roots) > 0 {
		inv.Covered = append(append(inv.Covered, r.databases...), bundle.Places()...)
	}
	inv.OS.Arch = cmp.Or(architecture(inv.Packages), inv.OS.Arch)
	system := 0
	for i := range inv.Packages {
		if systemExtractor(inv.Packages[i].FoundBy) {
			system++
		}
	}
	switch {
	case inv.OS.Known() && len(r.databases) == 0:
		r.gap("/", "os", fmt.Sprintf("no package database was found on a system that says it is %s %s", inv.OS.ID, inv.OS.VersionID))
	case len(r.databases) > 0 && system == 0:
		r.gap(r.databases[0], "os", "the package database yields no package")
	case system > 0 && !inv.OS.Known():
		r.gap("/etc/os-release", "os", fmt.Sprintf("%d packages of an unknown operating system: no advisory can be matched with them", system))
	case !inv.OS.Known():
		r.note("no operating system and no package database: a data volume or a folder")
	}
	if r.lostPkgs > 0 {
		r.gap("/", "", fmt.Sprintf("%d packages more than the %d that an inventory holds", r.lostPkgs, maxPackages))
	}
	if r.lostSecrets > 0 {
		r.gap("/", "secret", fmt.Sprintf("%d secrets more than the %d that an inventory holds", r.lostSecrets, maxSecrets))
	}
	if r.lostGaps > 0 {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: "/", Reason: fmt.Sprintf("%d gaps more than the %d that are listed", r.lostGaps, maxGaps)})
	}
	inv.Sort()
	inv.Packages = slices.Compact(inv.Packages)
	inv.Secrets = slices.Compact(inv.Secrets)
	inv.Repos = slices.Compact(inv.Repos)
	inv.Gaps = slices.Compact(inv.Gaps)
	inv.Covered = slices.Compact(inv.Covered)
	slices.Sort(inv.Notes)
}

// systemExtractor says whether an extractor reads the system's own package database.
func systemExtractor(id string) bool {
	switch id {
	case "dpkg", "rpm", "apk", "windows-registry", "macos-receipt", "bottlerocket":
		return true
	}
	return false
}

// architecture is the one that most of the distribution's packages have, in the distribution's own word.
func architecture(packages []inventory.Package) string {
	count, best := map[string]int{}, ""
	for i := range packages {
		p := &packages[i]
		if systemExtractor(p.FoundBy) && p.Arch != "" && p.Arch != "all" && p.Arch != "noarch" {
			count[p.Arch]++
		}
	}
	for arch, n := range count {
		if n > count[best] || n == count[best] && arch < best {
			best = arch
		}
	}
	return best
}
