package lockfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"hinomi/internal/inventory"
)

// mixEntry is one line of mix.lock: "app": {:hex, :package, "version", …
var mixEntry = regexp.MustCompile(`^"([^"]+)":\s*\{:(\w+),\s*(?::"?([\w.-]+)"?|"[^"]*"),\s*"([^"]*)"`)

// mix reads mix.lock (hexdocs.pm/mix, "mix deps"): a map of Elixir terms, one dependency a line.
func mix(b []byte, out *output) error {
	if text := bytes.TrimSpace(b); len(text) > 0 && !bytes.HasPrefix(text, []byte("%{")) {
		return fmt.Errorf("%w: no map of Elixir", ErrFormat)
	}
	for raw := range bytes.Lines(b) {
		line := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(raw)), "%{"))
		if line == "" || line == "}" || line[0] == '#' {
			continue
		}
		m := mixEntry.FindStringSubmatch(line[:min(len(line), 1024)])
		switch {
		case m == nil:
			out.Gap(line, "an entry that is not understood")
		case m[2] == "hex" && m[3] != "":
			out.add(inventory.Hex, m[3], m[4], false)
		case m[2] == "path":
			out.Unversioned(m[1], FromProject)
		default:
			out.Unversioned(m[1], fromElsewhere)
		}
	}
	return nil
}
