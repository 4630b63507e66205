package vuln

import (
	"strconv"
	"strings"

	"hinomi/internal/inventory"
)

// naming says by which package an ecosystem's advisories speak.
type naming int

const (
	binary naming = iota // the installed package's own name
	source               // the source package it was built from
	either               // the publisher uses source names, with packages of other names mixed in: both are asked for
)

// distro is one distribution: its os-release ID, and how the feeds name its releases and packages.
type distro struct {
	id        string // os-release(5) ID
	ecosystem inventory.Ecosystem
	naming    naming
	// releases returns the names of an installation's release in the feeds, the one that must be known first; the others add to it.
	releases func(os inventory.OS) []string
}

// distros lists the distributions whose packages can be matched. ID and VERSION_ID are os-release(5)'s; the names of releases are those of
// the OSV schema ("Defined ecosystems") and of each publisher's documents.
func distros() []distro {
	return []distro{
		{"almalinux", inventory.AlmaLinux, binary, major},
		{"rocky", inventory.Rocky, either, major},
		{"rhel", inventory.RedHat, binary, redHat},
		{"amzn", inventory.Amazon, binary, whole},
		{"ol", inventory.Oracle, binary, major},
		{"fedora", inventory.Fedora, binary, major},
		{"debian", inventory.Debian, source, major},
		{"ubuntu", inventory.Ubuntu, source, ubuntu},
		{"alpine", inventory.Alpine, source, alpine},
		{"wolfi", inventory.Wolfi, source, rolling},
		{"chainguard", inventory.Chainguard, source, rolling},
		{"sles", inventory.SUSE, either, sles},
		{"sles_sap", inventory.SUSE, either, sles},
		{"opensuse-leap", inventory.OpenSUSE, either, leap},
		{"opensuse-tumbleweed", inventory.OpenSUSE, either, tumbleweed},
	}
}

// distroOf finds a distribution by os-release ID.
func distroOf(id string) (distro, bool) {
	for _, d := range distros() {
		if d.id == id {
			return d, true
		}
	}
	return distro{}, false
}

// isDistribution reports whether an ecosystem is an operating system's: its packages need an os-release to be judged.
func isDistribution(e inventory.Ecosystem) bool {
	if e == inventory.CentOS || e == inventory.Bottlerocket {
		return true // known, but no feed of ours speaks for them
	}
	for _, d := range distros() {
		if d.ecosystem == e {
			return true
		}
	}
	return false
}

// number reports whether s is a plain number such as "9".
func number(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// major names a release by its first number: AlmaLinux 9.4 is "9".
func major(os inventory.OS) []string {
	m, _, _ := strings.Cut(os.VersionID, ".")
	if !number(m) {
		return nil
	}
	return []string{m}
}

// whole takes VERSION_ID as it is: Amazon Linux "2", "2023", "2018.03".
func whole(os inventory.OS) []string {
	if os.VersionID == "" {
		return nil
	}
	return []string{os.VersionID}
}

// rolling is a distribution without releases.
func rolling(inventory.OS) []string { return []string{""} }

// ubuntu names long-term releases with ":LTS" and, for a machine with Pro, asks for what Expanded Security Maintenance fixed, too
// (documents.ubuntu.com/security: "Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS").
func ubuntu(os inventory.OS) []string {
	y, m, ok := strings.Cut(os.VersionID, ".")
	if !ok || !number(y) || !number(m) {
		return nil
	}
	if n, _ := strconv.Atoi(y); n%2 != 0 || m != "04" {
		return []string{os.VersionID}
	}
	lts := os.VersionID + ":LTS"
	if os.Pro {
		return []string{lts, "Pro:" + lts}
	}
	return []string{lts}
}

// alpine names a release by its first two numbers: 3.19.1 is "v3.19". A snapshot of edge ("3.22_alpha20250108") is none.
func alpine(os inventory.OS) []string {
	p := strings.SplitN(os.VersionID, ".", 3)
	if len(p) < 2 || !number(p[0]) || !number(p[1]) {
		return nil
	}
	return []string{"v" + p[0] + "." + p[1]}
}

// redHat names a release by the CPEs of the repositories that a subscription enables (access.redhat.com, repository-to-cpe.json):
// BaseOS first, which every installation has, then what may come beside it.
func redHat(os inventory.OS) []string {
	m := major(os)
	if m == nil {
		return nil
	}
	name := "enterprise_linux:" + m[0]
	if n, _ := strconv.Atoi(m[0]); n >= 10 {
		name = "enterprise_linux:" + os.VersionID // since 10 the CPE carries the minor release
	}
	parts := []string{"baseos", "appstream", "crb", "highavailability", "nfv", "realtime", "resilientstorage", "sap", "sap_hana", "supplementary"}
	if m[0] == "7" || m[0] == "6" {
		parts = []string{"server", "client", "workstation", "computenode"}
	}
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, name+"::"+p)
	}
	return out
}

// sles names a service pack and its modules: 15.5 is "Linux Enterprise Server 15 SP5" (SUSE's OSV documents).
func sles(os inventory.OS) []string {
	m, sp, _ := strings.Cut(os.VersionID, ".")
	if !number(m) || sp != "" && !number(sp) {
		return nil
	}
	if n, _ := strconv.Atoi(m); n >= 16 {
		return []string{"Linux Enterprise Server " + os.VersionID}
	}
	tail := m
	if sp != "" && sp != "0" {
		tail += " SP" + sp
	}
	out := []string{"Linux Enterprise Server " + tail}
	if os.ID == "sles_sap" {
		out = append(out, "Linux Enterprise Server for SAP Applications "+tail)
	}
	for _, mod := range []string{
		"Basesystem", "Containers", "Desktop Applications", "Development Tools", "Legacy", "Live Patching", "Public Cloud", "Python 3",
		"SAP Applications", "Server Applications", "Web and Scripting",
	} {
		out = append(out, "Linux Enterprise Module for "+mod+" "+tail)
	}
	return out
}

func leap(os inventory.OS) []string {
	if os.VersionID == "" {
		return nil
	}
	return []string{"Leap " + os.VersionID}
}

func tumbleweed(inventory.OS) []string { return []string{"Tumbleweed"} }
