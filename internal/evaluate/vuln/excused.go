package vuln

import (
	"maps"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
)

// Excused returns, sorted, the IDs of the findings that the result holds no more because everything that would make them is exempt: somebody said
// that the package is not affected, or a loaded live patch mends it. Unlike the silence of an incomplete feed, that is evidence.
func Excused(res *Result, ref asset.Ref) []string {
	if !slices.ContainsFunc(res.Matches, func(h Hit) bool { return len(h.Exempt) > 0 }) {
		return nil
	}
	made, excused := map[string]bool{}, map[string]bool{}
	for i := range res.Matches {
		h := &res.Matches[i]
		if h.KB != "" || h.Dismissed != "" && len(h.Exempt) == 0 {
			continue
		}
		for _, id := range idsOf(h.Advisory.ID, h.CVEs) {
			key := finding.Fingerprint(finding.PackageVulnerability, ref, string(h.Package.Ecosystem), sourceOf(h.Package), id)
			if slices.ContainsFunc(h.Exempt, func(e Exemption) bool { return e.ID == id }) {
				excused[key] = true
			} else {
				made[key] = true
			}
		}
	}
	maps.DeleteFunc(excused, func(key string, _ bool) bool { return made[key] })
	return slices.Sorted(maps.Keys(excused))
}
