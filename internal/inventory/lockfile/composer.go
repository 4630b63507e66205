package lockfile

import (
	"strings"

	"hinomi/internal/inventory"
)

// composer reads composer.lock (getcomposer.org, "composer.lock - The lock file").
func composer(b []byte, out *output) error {
	return members(b, func(key string, value []byte) error {
		if key != "packages" && key != "packages-dev" {
			return nil
		}
		return elements(value, func(value []byte) error {
			var p struct{ Name, Version string }
			if err := decode(value, &p); err != nil {
				return err
			}
			version, pinned := ComposerVersion(p.Version)
			if !pinned {
				out.Unversioned(p.Name, "from the branch "+clip(p.Version))
				return nil
			}
			out.add(inventory.Packagist, p.Name, version, key == "packages-dev")
			return nil
		})
	})
}

// ComposerVersion returns a version as Packagist compares it, without its "v". It is false for a branch (getcomposer.org, "Versions and constraints").
func ComposerVersion(s string) (version string, pinned bool) {
	if strings.HasPrefix(s, "dev-") || strings.HasSuffix(s, "-dev") {
		return s, false
	}
	return strings.TrimPrefix(s, "v"), true
}
