package kernel

import (
	"strings"

	"hinomi/internal/inventory"
)

// PatchFor returns the release of the kernel that a live-patch package is for, as far as its name tells:
// kernel-livepatch-6.1.61-85.141 (Amazon Linux, "Kernel Live Patching"), kpatch-patch-5_14_0-362_8_1 (Red Hat, "Applying patches with
// kernel live patching"), kernel-livepatch-5_14_21-150500_55_39-default (SUSE, "Live kernel patching with KLP").
func PatchFor(p *inventory.Package) (release string, ok bool) {
	for _, prefix := range []string{"kernel-livepatch-", "kpatch-patch-"} {
		if rest, ok := strings.CutPrefix(p.Name, prefix); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return strings.ReplaceAll(rest, "_", "."), true
		}
	}
	return "", false
}

// Patches reports whether a live patch for a kernel, as PatchFor names it, is for the one that runs.
func Patches(release, running string) bool {
	return release == running || strings.HasPrefix(running, release+".")
}
