package distro

import (
	"strings"

	"hinomi/internal/evaluate/vuln/windows"
	"hinomi/internal/inventory"
)

// Lifecycle returns the product by which support dates are kept (os-release ID; endoflife.date's word where there is none), and the names that
// a system's release may have there, the most particular first.
func Lifecycle(os inventory.OS) (product string, releases []string) {
	switch os.ID {
	case "windows":
		return windows.Lifecycle(os)
	case "sles_sap":
		product = "sles"
	default:
		product = os.ID
	}
	p := strings.Split(os.VersionID, ".")
	for n := len(p); n > 0; n-- {
		releases = append(releases, strings.Join(p[:n], "."))
	}
	return product, releases
}
