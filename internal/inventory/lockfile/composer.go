package lockfile

import (
	"encoding/json"
	"strings"

	"hinomi/internal/inventory"
)

// composer reads composer.lock (getcomposer.org, "composer.lock - The lock file").
func composer(b []byte, out *output) error {
	type entry struct{ Name, Version string }
	var d struct {
		Packages []entry `json:"packages"`
		Dev      []entry `json:"packages-dev"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return malformed(err)
	}
	for _, group := range []struct {
		list []entry
		dev  bool
	}{{d.Packages, false}, {d.Dev, true}} {
		for _, p := range group.list {
			version, pinned := ComposerVersion(p.Version)
			if !pinned {
				out.Unversioned(p.Name, "from the branch "+clip(p.Version))
				continue
			}
			out.add(inventory.Packagist, p.Name, version, group.dev)
		}
	}
	return nil
}

// ComposerVersion returns a version as Packagist compares it, without its "v". It is false for a branch (getcomposer.org, "Versions and constraints").
func ComposerVersion(s string) (version string, pinned bool) {
	if strings.HasPrefix(s, "dev-") || strings.HasSuffix(s, "-dev") {
		return s, false
	}
	return strings.TrimPrefix(s, "v"), true
}
