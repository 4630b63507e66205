package bench

import (
	"path"
	"strings"
)

// Reason says why hinomi is right not to list a package that Trivy found at these places; "" if nothing explains it.
func Reason(name string, places []string) string {
	if !strings.HasPrefix(name, "npm/") || len(places) == 0 {
		return ""
	}
	for _, p := range places {
		if !notInstalled(p) {
			return ""
		}
	}
	return "no installed package: its package.json is not at node_modules/NAME, where alone Node.js looks for one; it is a project's own or a folder inside a package"
}

// notInstalled reports whether a package.json lies anywhere but in node_modules/NAME or node_modules/@SCOPE/NAME (Node.js, "Modules: CommonJS
// modules", Loading from node_modules folders).
func notInstalled(place string) bool {
	if path.Base(place) != "package.json" {
		return false
	}
	up := path.Dir(path.Dir(place))
	if strings.HasPrefix(path.Base(up), "@") {
		up = path.Dir(up)
	}
	return path.Base(up) != "node_modules"
}
