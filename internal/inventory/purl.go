package inventory

import (
	"regexp"
	"strings"

	"github.com/package-url/packageurl-go"
)

// PURL names a package of a language's registry (purl-spec, "Package URL type definitions"): name and version as the ecosystem writes them.
// It is "" for an ecosystem whose package URLs need more than that, such as those of distributions.
func (e Ecosystem) PURL(name, version string) string {
	kind, cut := "", ""
	switch e {
	case PyPI:
		kind = packageurl.TypePyPi
	case NPM:
		if kind = packageurl.TypeNPM; strings.HasPrefix(name, "@") {
			cut = "/"
		}
	case Go:
		kind, cut = packageurl.TypeGolang, "/"
	case Maven:
		kind, cut = packageurl.TypeMaven, ":"
	case NuGet:
		kind = packageurl.TypeNuget
	case RubyGems:
		kind = packageurl.TypeGem
	case Cargo:
		kind = packageurl.TypeCargo
	case Packagist:
		kind, cut = packageurl.TypeComposer, "/"
	case Hex:
		kind = packageurl.TypeHex
	case Pub:
		kind = packageurl.TypePub
	case Swift:
		kind, cut = packageurl.TypeSwift, "/"
	case Conda:
		kind = packageurl.TypeConda
	case Homebrew:
		kind = "brew"
	case Snap:
		kind = "snap"
	case Flatpak:
		kind = "flatpak"
	default:
		return ""
	}
	namespace := ""
	if i := strings.LastIndex(name, cut); cut != "" && i > 0 {
		namespace, name = name[:i], name[i+1:]
	}
	return packageurl.NewPackageURL(kind, namespace, name, version, nil, "").ToString()
}

var pythonSeparators = regexp.MustCompile(`[-_.]+`)

// PythonName is the normal form of a distribution's name (PEP 503), by which PyPI and OSV know it.
func PythonName(name string) string {
	return strings.ToLower(pythonSeparators.ReplaceAllString(name, "-"))
}
