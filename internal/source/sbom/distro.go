package sbom

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory"
)

// system is a distribution: its os-release ID, its names in package URLs (the first is the one that hinomi writes) and elsewhere, its
// ecosystem and the type of its package URLs.
type system struct {
	id         string
	namespaces []string
	ecosystem  inventory.Ecosystem
	kind       string
}

func systems() []system {
	return []system{
		{"debian", []string{"debian"}, inventory.Debian, "deb"},
		{"ubuntu", []string{"ubuntu"}, inventory.Ubuntu, "deb"},
		{"alpine", []string{"alpine"}, inventory.Alpine, "apk"},
		{"wolfi", []string{"wolfi"}, inventory.Wolfi, "apk"},
		{"chainguard", []string{"chainguard"}, inventory.Chainguard, "apk"},
		{"almalinux", []string{"almalinux", "alma"}, inventory.AlmaLinux, "rpm"},
		{"rocky", []string{"rocky", "rockylinux", "rocky-linux"}, inventory.Rocky, "rpm"},
		{"rhel", []string{"redhat", "rhel"}, inventory.RedHat, "rpm"},
		{"centos", []string{"centos"}, inventory.CentOS, "rpm"},
		{"amzn", []string{"amazon", "amzn", "amazonlinux"}, inventory.Amazon, "rpm"},
		{"ol", []string{"oracle", "oraclelinux", "ol"}, inventory.Oracle, "rpm"},
		{"fedora", []string{"fedora"}, inventory.Fedora, "rpm"},
		{"sles", []string{"suse", "sles"}, inventory.SUSE, "rpm"},
		{"opensuse-leap", []string{"opensuse", "opensuse-leap", "opensuse.leap"}, inventory.OpenSUSE, "rpm"},
		{"opensuse-tumbleweed", []string{"opensuse-tumbleweed", "opensuse.tumbleweed"}, inventory.OpenSUSE, "rpm"},
		{"bottlerocket", []string{"bottlerocket"}, inventory.Bottlerocket, "rpm"},
	}
}

// systemNamed finds a distribution by its ID or one of its names.
func systemNamed(name string) (system, bool) {
	for _, s := range systems() {
		for _, n := range append([]string{s.id}, s.namespaces...) {
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

// codenames are the releases of Debian and Ubuntu by code name (debian.org/releases, wiki.ubuntu.com/Releases). Those of rolling branches, as
// sid, are no releases.
func codenames() map[string]string {
	return map[string]string{
		"jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14",
		"trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04", "oracular": "24.10", "plucky": "25.04",
		"questing": "25.10", "resolute": "26.04",
	}
}

// ParseDistro reads the name of a system as a person writes it: ID:RELEASE with the ID of os-release or a usual name of the distribution, as
// debian:12, rockylinux:9, amazonlinux:2023; ubuntu-pro:22.04 for a machine with Ubuntu Pro. Distributions without releases need none.
func ParseDistro(s string) (inventory.OS, error) {
	name, release, _ := strings.Cut(strings.TrimSpace(s), ":")
	pro := false
	if strings.EqualFold(name, "ubuntu-pro") {
		name, pro = "ubuntu", true
	}
	sys, ok := systemNamed(name)
	if !ok {
		var known []string
		for _, s := range systems() {
			known = append(known, s.id)
		}
		return inventory.OS{}, fmt.Errorf("%w: distribution %q, known are %s", ErrUnknown, name, strings.Join(known, ", "))
	}
	if n, ok := codenames()[strings.ToLower(release)]; ok {
		release = n
	}
	rolling := sys.id == "wolfi" || sys.id == "chainguard" || sys.id == "opensuse-tumbleweed"
	if !rolling && (release == "" || !digit(release[0])) {
		return inventory.OS{}, fmt.Errorf("%w: the release of %s is missing: write it as %s:RELEASE", ErrUnknown, name, name)
	}
	return inventory.OS{ID: sys.id, VersionID: release, Pro: pro}, nil
}
