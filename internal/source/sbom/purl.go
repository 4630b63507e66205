package sbom

import (
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

// fromPURL reads a package URL and the system that its qualifiers name.
func fromPURL(text string) (inventory.Package, inventory.OS, error) {
	u, err := packageurl.FromString(text)
	if err != nil {
		return inventory.Package{}, inventory.OS{}, fmt.Errorf("%w: package URL %q: %w", ErrFormat, text, err)
	}
	q := u.Qualifiers.Map()
	p := inventory.Package{Name: u.Name, Version: u.Version, PURL: text, Arch: q["arch"]}
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

// releaseOf returns the release that a distro qualifier names: "almalinux-10", "ubuntu-22.04", "alpine-3.19.1", or by its code name "bookworm".
func releaseOf(distro string) string {
	if i := strings.LastIndexByte(distro, '-'); i >= 0 && i+1 < len(distro) && digit(distro[i+1]) {
		return distro[i+1:]
	}
	if distro != "" && digit(distro[0]) {
		return distro
	}
	return codenames()[strings.ToLower(distro[strings.LastIndexByte(distro, '-')+1:])]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// addPURL adds the package of a package URL, or says why not.
func (d *document) addPURL(text string, complete func(*inventory.Package)) error {
	p, os, err := fromPURL(text)
	if err != nil {
		d.gap(text, err.Error())
		return nil
	}
	if !d.setOS(os) {
		d.gap(text, d.otherSystem(os))
		return nil
	}
	complete(&p)
	return d.add(p)
}

// purlList reads one package URL a line.
func purlList(b []byte, d *document) error {
	return lines(b, func(line string) error {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			return nil
		}
		return d.addPURL(line, func(*inventory.Package) {})
	})
}

// packageURL returns the package URL of a package whose document has none, "" where it has no such form.
func packageURL(os inventory.OS, p *inventory.Package) string {
	if u := p.Ecosystem.PURL(p.Name, p.Version); u != "" {
		return u
	}
	s, ok := systemOf(p.Ecosystem)
	if !ok || s.kind == "" {
		return ""
	}
	q, version := map[string]string{}, p.Version
	if epoch, rest, ok := strings.Cut(version, ":"); ok && s.kind == packageurl.TypeRPM {
		q["epoch"], version = epoch, rest
	}
	if p.Arch != "" && p.Arch != "(none)" {
		q["arch"] = p.Arch
	}
	if own, _ := os.Ecosystem(); own == p.Ecosystem && os.VersionID != "" {
		q["distro"] = os.ID + "-" + os.VersionID
	}
	return packageurl.NewPackageURL(s.kind, s.namespaces[0], p.Name, version, packageurl.QualifiersFromMap(q), "").ToString()
}
