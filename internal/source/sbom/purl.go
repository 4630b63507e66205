package sbom

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
)

// purlTypes maps the types of package URLs (purl-spec, PURL-TYPES) to ecosystems.
func purlTypes() map[string]inventory.Ecosystem {
	return map[string]inventory.Ecosystem{
		"pypi": inventory.PyPI, "npm": inventory.NPM, "golang": inventory.Go, "maven": inventory.Maven, "nuget": inventory.NuGet,
		"gem": inventory.RubyGems, "cargo": inventory.Cargo, "composer": inventory.Packagist, "hex": inventory.Hex, "pub": inventory.Pub,
		"swift": inventory.Swift, "bitnami": "Bitnami",
	}
}

// system is a distribution: its os-release ID, its purl namespaces, and its ecosystem.
type system struct {
	id         string
	namespaces []string
	ecosystem  inventory.Ecosystem
}

func systems() []system {
	return []system{
		{"debian", []string{"debian"}, inventory.Debian},
		{"ubuntu", []string{"ubuntu"}, inventory.Ubuntu},
		{"alpine", []string{"alpine"}, inventory.Alpine},
		{"wolfi", []string{"wolfi"}, inventory.Wolfi},
		{"chainguard", []string{"chainguard"}, inventory.Chainguard},
		{"almalinux", []string{"almalinux", "alma"}, inventory.AlmaLinux},
		{"rocky", []string{"rocky", "rockylinux", "rocky-linux"}, inventory.Rocky},
		{"rhel", []string{"redhat", "rhel"}, inventory.RedHat},
		{"centos", []string{"centos"}, inventory.CentOS},
		{"amzn", []string{"amazon", "amzn", "amazonlinux"}, inventory.Amazon},
		{"ol", []string{"oracle", "oraclelinux", "ol"}, inventory.Oracle},
		{"fedora", []string{"fedora"}, inventory.Fedora},
		{"sles", []string{"suse", "sles"}, inventory.SUSE},
		{"opensuse-leap", []string{"opensuse", "opensuse-leap"}, inventory.OpenSUSE},
	}
}

func systemNamed(name string) (system, bool) {
	for _, s := range systems() {
		for _, n := range s.namespaces {
			if strings.EqualFold(n, name) {
				return s, true
			}
		}
	}
	return system{}, false
}

func systemOf(e inventory.Ecosystem) (system, bool) {
	for _, s := range systems() {
		if s.ecosystem == e {
			return s, true
		}
	}
	return system{}, false
}

// fromPURL reads a package URL and the system that its qualifiers name.
func fromPURL(text, by string) (inventory.Package, inventory.OS, error) {
	u, err := packageurl.FromString(text)
	if err != nil {
		return inventory.Package{}, inventory.OS{}, fmt.Errorf("%w: package URL %q: %w", ErrFormat, text, err)
	}
	q := u.Qualifiers.Map()
	p := inventory.Package{Name: u.Name, Version: u.Version, PURL: text, FoundBy: by, Arch: q["arch"]}
	if eco, ok := purlTypes()[u.Type]; ok {
		p.Ecosystem, p.Arch = eco, ""
		if u.Namespace != "" {
			sep := "/"
			if eco == inventory.Maven {
				sep = ":"
			}
			p.Name = u.Namespace + sep + u.Name
		}
		return p, inventory.OS{}, nil
	}
	if u.Type != "rpm" && u.Type != "deb" && u.Type != "apk" {
		return p, inventory.OS{}, fmt.Errorf("%w: package URLs of type %q are not matched", ErrUnknown, u.Type)
	}
	s, ok := systemNamed(u.Namespace)
	if !ok {
		return p, inventory.OS{}, fmt.Errorf("%w: distribution %q", ErrUnknown, u.Namespace)
	}
	p.Ecosystem = s.ecosystem
	if e := q["epoch"]; e != "" && e != "0" && !strings.Contains(p.Version, ":") {
		p.Version = e + ":" + p.Version
	}
	if up := cmp.Or(q["upstream"], q["source"]); up != "" {
		p.SourceName, p.SourceVersion = sourceName(up)
	}
	return p, inventory.OS{ID: s.id, VersionID: releaseOf(q["distro"])}, nil
}

// sourceName reads syft's "upstream" qualifier: "openssl", "openssl@3.0.2" or the file name of a source rpm.
func sourceName(up string) (name, version string) {
	if file, ok := strings.CutSuffix(up, ".src.rpm"); ok {
		if n, v, ok := splitNVR(file); ok {
			return n, v
		}
	}
	name, version, _ = strings.Cut(up, "@")
	return name, version
}

// splitNVR splits name-version-release at its last two hyphens.
func splitNVR(s string) (name, vr string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 {
		return "", "", false
	}
	j := strings.LastIndexByte(s[:i], '-')
	if j <= 0 {
		return "", "", false
	}
	return s[:j], s[j+1:], true
}

// releaseOf returns the version at the end of a distro qualifier: "almalinux-10", "ubuntu-22.04", "alpine-3.19.1".
func releaseOf(distro string) string {
	i := strings.LastIndexByte(distro, '-')
	if i < 0 || i+1 == len(distro) || distro[i+1] < '0' || distro[i+1] > '9' {
		return ""
	}
	return distro[i+1:]
}

// addPURL adds the package of a package URL, or says why not.
func addPURL(inv *inventory.Inventory, text, by string) {
	p, os, err := fromPURL(text, by)
	if err != nil {
		gap(inv, by, text, err.Error())
		return
	}
	if !setOS(inv, os, by) {
		gap(inv, by, text, fmt.Sprintf("it is of %s %s, the inventory of %s %s", os.ID, os.VersionID, inv.OS.ID, inv.OS.VersionID))
		return
	}
	add(inv, p)
}

// purlList reads one package URL a line.
func purlList(b []byte, inv *inventory.Inventory) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			addPURL(inv, line, "purl")
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}
