package sbom

import (
	"fmt"
	"regexp"
	"strings"

	"hinomi/internal/inventory"
)

// maxField bounds what is kept of one field of a stanza: the longest that is read, a source, has 200 bytes.
const maxField = 1 << 10

// dpkgStatus reads /var/lib/dpkg/status (deb-control(5)): stanzas of fields, divided by empty lines.
func dpkgStatus(b []byte, d *document) error {
	f := map[string]string{}
	flush := func() (err error) {
		if len(f) > 0 {
			err = d.dpkgPackage(f)
			clear(f)
		}
		return err
	}
	err := lines(b, func(line string) error {
		switch {
		case strings.TrimSpace(line) == "":
			return flush()
		case line[0] == ' ' || line[0] == '\t':
		default:
			k, v, ok := strings.Cut(line, ":")
			switch k {
			case "Package", "Version", "Architecture", "Status", "Source":
				f[k] = strings.TrimSpace(v[:min(len(v), maxField)])
			default:
				if !ok {
					d.gap(line, "a line that is no field of a package")
				}
			}
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	d.placeSystem(inventory.Debian)
	return err
}

// debianBase is the version of base-files in Debian itself; derivatives write others.
func debianBase() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+)(\.[0-9]+)?(\+deb[0-9]+u[0-9]+)?$`)
}

func (d *document) dpkgPackage(f map[string]string) error {
	p := inventory.Package{Name: f["Package"], Version: f["Version"], Arch: f["Architecture"], SourceName: f["Package"]}
	if s := f["Status"]; s != "" && s != "install ok installed" {
		p.Status = s
		if strings.HasSuffix(s, "not-installed") {
			return nil // known to dpkg, not on the disk
		}
	}
	if src := f["Source"]; src != "" {
		name, rest, ok := strings.Cut(src, " ")
		p.SourceName = name
		if ok {
			p.SourceVersion = strings.Trim(rest, " ()")
		}
	}
	if m := debianBase().FindStringSubmatch(p.Version); p.Name == "base-files" && m != nil && !d.inv.OS.Known() {
		d.inv.OS = inventory.OS{ID: "debian", VersionID: m[1]}
		d.note("system concluded from base-files " + p.Version + ": --distro names another")
	}
	return d.add(p)
}

// arches are the architectures that rpm names packages by (rpmrc).
const arches = `x86_64|x86_64_v[234]|amd64|aarch64|noarch|i[3-6]86|athlon|ia32e|ppc|ppc64|ppc64le|s390|s390x|armv[5-8][a-z0-9]*|riscv64|loongarch64|src|nosrc|\(none\)`

// rpmPattern is a line of `rpm -qa`: name-[epoch:]version-release[.arch], or as dnf and yum write it epoch:name-version-release.arch.
func rpmPattern() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(\d+):)?([A-Za-z0-9_][A-Za-z0-9._+~^-]*)-(?:(\d+|\(none\)):)?([^\s:-]+)-([^\s:-]+?)(?:\.(` + arches + `))?$`)
}

// isRPMList reports whether one of the first lines names an rpm with its architecture, and none has a blank in it.
func isRPMList(h *head) bool {
	re, hit := rpmPattern(), false
	rest := h.b[:min(len(h.b), 16<<10)]
	for n := 0; len(rest) > 0 && n < 50; n++ {
		var line string
		i := strings.IndexByte(string(rest), '\n')
		if i < 0 {
			line, rest = string(rest), nil
		} else {
			line, rest = string(rest[:i]), rest[i+1:]
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.ContainsAny(line, " \t\"{}<>/=") {
			return false
		}
		m := re.FindStringSubmatch(line)
		hit = hit || m != nil && m[6] != ""
	}
	return hit
}

// rpmList reads the output of `rpm -qa`. Its default format leaves the epoch out, which decides comparisons: that is a gap, unless the
// list was made with --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n'.
func rpmList(b []byte, d *document) error {
	re := rpmPattern()
	without := 0
	err := lines(b, func(line string) error {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			return nil
		}
		m := re.FindStringSubmatch(line)
		if m == nil {
			d.gap(line, "not of the form name-[epoch:]version-release.arch")
			return nil
		}
		epoch, v := m[1]+m[3], m[4]+"-"+m[5]
		switch {
		case m[2] == "gpg-pubkey":
			return nil // a key, not a package
		case m[1] != "" && m[3] != "":
			d.gap(line, "it has two epochs")
			return nil
		case epoch == "":
			without++
		case epoch != "0" && epoch != "(none)":
			v = epoch + ":" + v
		}
		d.concludeRelease(m[2], v)
		return d.add(inventory.Package{Name: m[2], Version: v, Arch: m[6]})
	})
	if without > 0 {
		d.gap("epoch", fmt.Sprintf("%d packages are listed without epoch and compared as epoch 0: too many matches are possible; list them with rpm -qa --queryformat '%%{NAME}-%%{EPOCHNUM}:%%{VERSION}-%%{RELEASE}.%%{ARCH}\\n'", without))
	}
	d.placeSystem("rpm")
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

// concludeRelease concludes the system of a list that does not name it from the package that carries its os-release.
func (d *document) concludeRelease(name, version string) {
	id, ok := releasePackages()[name]
	if !ok || d.inv.OS.Known() {
		return
	}
	v, _, _ := strings.Cut(version[strings.IndexByte(version, ':')+1:], "-")
	if id == "amzn" { // whose VERSION_ID is "2" or "2023" alone
		v, _, _ = strings.Cut(v, ".")
	}
	d.inv.OS = inventory.OS{ID: id, VersionID: v}
	d.note("system concluded from " + name + " " + version + ": --distro names another")
}

// placeSystem gives the packages of a list their ecosystem. What cannot be concluded stays unknown, and matching says so.
func (d *document) placeSystem(otherwise inventory.Ecosystem) {
	eco := otherwise
	for _, s := range systems() {
		if s.id == d.inv.OS.ID {
			eco = s.ecosystem
		}
	}
	if !d.inv.OS.Known() && d.by == "dpkg" {
		d.note("the list does not name its distribution: say it with --distro, as in --distro debian:12")
	}
	if !d.inv.OS.Known() && d.by == "rpm" {
		d.note("the list does not name its distribution: say it with --distro, as in --distro rockylinux:9")
	}
	for i := range d.inv.Packages {
		d.inv.Packages[i].Ecosystem = eco
	}
}
