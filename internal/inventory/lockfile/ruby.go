package lockfile

import (
	"bytes"
	"fmt"
	"strings"

	"hinomi/internal/inventory"
)

// gemfile reads Gemfile.lock (bundler.io): sections without indent; below "specs:" one gem a line, its dependencies indented further. Behind a
// hyphen the version names a platform: versions of gems have none.
func gemfile(b []byte, out *output) error {
	section, any := "", false
	for raw := range bytes.Lines(b) {
		line := strings.TrimRight(string(raw), "\r\n")
		text := strings.TrimLeft(line, " ")
		switch indent := len(line) - len(text); {
		case text == "":
		case indent == 0:
			section = text
			if strings.ToUpper(text) == text {
				any = true
			}
			if strings.HasPrefix(text, "<<<<<<<") || strings.HasPrefix(text, ">>>>>>>") {
				return fmt.Errorf("%w: a merge was left unresolved", ErrFormat)
			}
		case indent == 4 && (section == "GEM" || section == "GIT" || section == "PATH" || section == "PLUGIN SOURCE"):
			name, version, ok := strings.Cut(text, " (")
			version, _, _ = strings.Cut(strings.TrimSuffix(version, ")"), "-")
			switch {
			case section == "GIT":
				out.Unversioned(name, "from a repository, without a version of the registry")
			case section == "PATH":
				out.Unversioned(name, FromProject)
			case !ok:
				out.Gap(text, "an entry without a version")
			default:
				out.add(inventory.RubyGems, name, version, false)
			}
		}
	}
	if !any && len(bytes.TrimSpace(b)) > 0 {
		return fmt.Errorf("%w: no section of a Gemfile.lock", ErrFormat)
	}
	return nil
}
