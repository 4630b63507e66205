package lockfile

import (
	"strings"

	"hinomi/internal/inventory"
)

// cargo reads Cargo.lock (doc.rust-lang.org/cargo, "Cargo.toml vs Cargo.lock"). A package without a source is the workspace's own.
func cargo(b []byte, out *output) error {
	return tables(b, func(t table) {
		if t.name != "package" {
			return
		}
		switch source := t.text("source"); {
		case source == "" && t.text("name") != "" && t.text("version") != "":
		case strings.HasPrefix(source, "git+"):
			out.Unversioned(t.text("name"), "from a repository, without a version of the registry")
		default:
			out.add(inventory.Cargo, t.text("name"), t.text("version"), false)
		}
	})
}
