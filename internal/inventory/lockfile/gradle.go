package lockfile

import (
	"bytes"
	"strings"

	"hinomi/internal/inventory"
)

// gradle reads gradle.lockfile (docs.gradle.org, "Locking Versions"): group:artifact:version=configurations.
func gradle(b []byte, out *output) error {
	for raw := range bytes.Lines(b) {
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "empty=") {
			continue
		}
		gav, _, _ := strings.Cut(line, "=")
		p := strings.Split(gav, ":")
		if len(p) != 3 || p[0] == "" || p[1] == "" || p[2] == "" {
			out.Gap(line, "not of the form group:artifact:version")
			continue
		}
		out.add(inventory.Maven, p[0]+":"+p[1], p[2], false)
	}
	return nil
}
