package sbom

import (
	"fmt"
	"regexp"
	"strings"

	"hinomi/internal/inventory"
)

// dpkgStatus reads /var/lib/dpkg/status (deb-control(5)): stanzas of fields, divided by empty lines.
func dpkgStatus(b []byte, inv *inventory.Inventory) error {
	f := map[string]string{}
	flush := func() {
		if len(f) > 0 {
			dpkgPackage(f, inv)
			clear(f)
		}
	}
	err := lines(b, func(line string) {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
		default:
			if k, v, ok := strings.Cut(line, ":"); ok {
				f[k] = strings.TrimSpace(v)
			}
		}
	})
	flush()
	return err
}

func dpkgPackage(f map[string]string, inv *inventory.Inventory) {
	p := inventory.Package{
		Ecosystem: inventory.Debian, Name: f["Package"], Version: f["Version"], Arch: f["Architecture"], FoundBy: "dpkg", SourceName: f["Package"],
	}
	if s := f["Status"]; s != "" && s != "install ok installed" {
		p.Status = s
		if strings.HasSuffix(s, "not-installed") {
			return // known to dpkg, not on the disk
		}
	}
	if src := f["Source"]; src != "" {
		name, rest, ok := strings.Cut(src, " ")
		p.SourceName = name
		if ok {
			p.SourceVersion = strings.Trim(rest, " ()")
		}
	}
	if p.Name == "base-files" && strings.Contains(p.Version, "ubuntu") {
		inv.Notes = append(inv.Notes, "Ubuntu: concluded from base-files "+p.Version)
	}
	add(inv, p)
}

// rpmPattern is a line of `rpm -qa`: name-[epoch:]version-release.arch.
func rpmPattern() *regexp.Regexp {
	return regexp.MustCompile(`^(\S+)-(?:(\d+|\(none\)):)?([^\s:-]+)-([^\s:-]+)\.(x86_64|aarch64|noarch|i[3-6]86|ppc64le|s390x|armv7hl|\(none\))$`)
}

func rpmLine(line string) bool { return rpmPattern().MatchString(line) }

// rpmList reads the output of `rpm -qa`. Its default format leaves the epoch out, which decides comparisons: that is a gap, unless the
// list was made with --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n'.
func rpmList(b []byte, inv *inventory.Inventory) error {
	re := rpmPattern()
	without := 0
	err := lines(b, func(line string) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			return
		}
		m := re.FindStringSubmatch(line)
		if m == nil {
			gap(inv, "rpm", line, "not of the form name-[epoch:]version-release.arch")
			return
		}
		if m[1] == "gpg-pubkey" {
			return // a key, not a package
		}
		v := m[3] + "-" + m[4]
		switch {
		case m[2] == "":
			without++
		case m[2] != "0" && m[2] != "(none)":
			v = m[2] + ":" + v
		}
		add(inv, inventory.Package{Name: m[1], Version: v, Arch: m[5], FoundBy: "rpm"})
	})
	if without > 0 {
		gap(inv, "rpm", "epoch", fmt.Sprintf("%d packages are listed without epoch and compared as epoch 0: too many matches are possible", without))
	}
	return err
}

// releasePackages are the packages that carry a distribution's os-release, by its ID.
func releasePackages() map[string]string {
	return map[string]string{
		"almalinux-release": "almalinux", "rocky-release": "rocky", "redhat-release": "rhel", "redhat-release-server": "rhel",
		"oraclelinux-release": "ol", "fedora-release-common": "fedora", "system-release": "amzn", "centos-release": "centos",
		"centos-stream-release": "centos", "sles-release": "sles",
	}
}

// guessOS concludes the system of a list that does not name it from the package that carries its os-release, and gives the packages of an
// rpm or dpkg list their ecosystem. What cannot be concluded stays unknown, and matching says so.
func guessOS(inv *inventory.Inventory) {
	for i := range inv.Packages {
		p := &inv.Packages[i]
		switch p.FoundBy {
		case "rpm":
			if id, ok := releasePackages()[p.Name]; ok && !inv.OS.Known() {
				v, _, _ := strings.Cut(p.Version[strings.IndexByte(p.Version, ':')+1:], "-")
				inv.OS = inventory.OS{ID: id, VersionID: amazonRelease(id, v)}
				inv.Notes = append(inv.Notes, "system concluded from "+p.Name+" "+p.Version)
			}
		case "dpkg":
			if p.Name == "base-files" && !inv.OS.Known() && !strings.Contains(p.Version, "ubuntu") {
				v, _, _ := strings.Cut(p.Version, "+")
				v, _, _ = strings.Cut(v, ".")
				inv.OS = inventory.OS{ID: "debian", VersionID: v}
				inv.Notes = append(inv.Notes, "system concluded from base-files "+p.Version)
			}
		}
	}
	eco := inventory.Ecosystem("")
	for _, s := range systems() {
		if s.id == inv.OS.ID {
			eco = s.ecosystem
		}
	}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if eco != "" && (p.FoundBy == "rpm" || p.FoundBy == "dpkg") {
			p.Ecosystem = eco
		}
		if p.Ecosystem == "" {
			p.Ecosystem = "rpm"
		}
	}
}

// amazonRelease shortens Amazon's release, whose VERSION_ID is "2" or "2023" alone.
func amazonRelease(id, v string) string {
	if id == "amzn" {
		v, _, _ = strings.Cut(v, ".")
	}
	return v
}
