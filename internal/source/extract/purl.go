package extract

import (
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
)

// The purl types are those of the package-url specification, "Package URL type definitions" (purl-spec, PURL-TYPES).

// vendor returns the namespace of a distribution's packages: the vendor, which for most is the ID of os-release.
func vendor(os inventory.OS) string {
	switch os.ID {
	case "rhel":
		return "redhat"
	case "amzn":
		return "amazon"
	case "ol":
		return "oracle"
	case "sles", "sled", "sle-micro", "sl-micro":
		return "suse"
	}
	if strings.HasPrefix(os.ID, "opensuse") {
		return "opensuse"
	}
	return os.ID
}

// distro is the qualifier that names a distribution's release, as "debian-12".
func distro(os inventory.OS) string {
	switch {
	case os.ID == "":
		return ""
	case os.VersionID != "":
		return os.ID + "-" + os.VersionID
	case os.Codename != "":
		return os.ID + "-" + os.Codename
	}
	return os.ID
}

// systemPURL names a package of the distribution: kind is deb, rpm or apk. The epoch of an rpm is a qualifier, that of a deb stays in the version.
func systemPURL(kind string, os inventory.OS, name, version, epoch, arch string) string {
	q := map[string]string{}
	for k, v := range map[string]string{"arch": arch, "distro": distro(os), "epoch": epoch} {
		if v != "" {
			q[k] = v
		}
	}
	return packageurl.NewPackageURL(kind, vendor(os), name, version, packageurl.QualifiersFromMap(q), "").ToString()
}
