// Package distro knows the operating systems whose packages can be judged: how advisories name their releases, and by which of its names they
// speak of a package.
package distro

import (
	"strconv"
	"strings"

	"hinomi/internal/evaluate/vuln/windows"
	"hinomi/internal/inventory"
)

// Naming says by which package an ecosystem's advisories speak.
type Naming int

// The namings.
const (
	Binary Naming = iota // the installed package's own name
	Source               // the source package it was built from
	Either               // the publisher uses source names, with packages of other names mixed in: both are asked for
)

// Distro is one distribution: its os-release ID, and how the feeds name its releases and packages.
type Distro struct {
	ID        string // os-release(5) ID
	Ecosystem inventory.Ecosystem
	Naming    Naming
	// Releases returns the names of an installation's release in the feeds, the one that must be known first; the others add to it.
	Releases func(os inventory.OS) []string
}

// All lists the distributions whose packages can be matched. ID and VERSION_ID are os-release(5)'s; the names of releases are those of
// the OSV schema ("Defined ecosystems") and of each publisher's documents.
func All() []Distro {
	return []Distro{
		{"almalinux", inventory.AlmaLinux, Binary, major},
		{"rocky", inventory.Rocky, Either, major},
		{"rhel", inventory.RedHat, Either, RedHat},
		{"amzn", inventory.Amazon, Binary, whole},
		{"ol", inventory.Oracle, Binary, major},
		{"fedora", inventory.Fedora, Either, major},
		{"debian", inventory.Debian, Source, major},
		{"ubuntu", inventory.Ubuntu, Source, ubuntu},
		{"alpine", inventory.Alpine, Source, alpine},
		{"wolfi", inventory.Wolfi, Source, rolling},
		{"chainguard", inventory.Chainguard, Source, rolling},
		{"sles", inventory.SUSE, Either, sles},
		{"sles_sap", inventory.SUSE, Either, sles},
		{"sled", inventory.SUSE, Either, sles},
		{"sle_hpc", inventory.SUSE, Either, sles},
		{"sle-micro", inventory.SUSE, Either, micro},
		{"sle-micro-rancher", inventory.SUSE, Either, micro},
		{"sl-micro", inventory.SUSE, Either, micro},
		{"opensuse-leap", inventory.OpenSUSE, Either, leap},
		{"opensuse-tumbleweed", inventory.OpenSUSE, Either, tumbleweed},
		{"bottlerocket", inventory.Bottlerocket, Binary, image},
		{"windows", inventory.Windows, Binary, windowsProducts},
		{"macos", inventory.MacOS, Binary, macLine},
	}
}

// Of finds a distribution by os-release ID.
func Of(id string) (Distro, bool) {
	for _, d := range All() {
		if d.ID == id {
			return d, true
		}
	}
	return Distro{}, false
}

// Is reports whether an ecosystem is an operating system's: its packages need an os-release to be judged.
func Is(e inventory.Ecosystem) bool {
	if e == inventory.CentOS {
		return true // known, but no feed of ours speaks for it
	}
	for _, d := range All() {
		if d.Ecosystem == e {
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

// image is a system whose one version is its image's.
func image(os inventory.OS) []string {
	if os.VersionID == "" {
		return nil
	}
	return []string{""}
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

// sles names a service pack and its modules: 15.5 is "Linux Enterprise Server 15 SP5" (SUSE's OSV documents).
func sles(os inventory.OS) []string {
	tail := servicePack(os.VersionID)
	if tail == "" {
		return nil
	}
	if tail == os.VersionID && strings.Contains(tail, ".") { // since 16: no modules
		return []string{"Linux Enterprise Server " + tail}
	}
	out := []string{"Linux Enterprise Server " + tail}
	if os.ID == "sled" {
		out = []string{"Linux Enterprise Desktop " + tail}
	}
	if os.ID == "sle_hpc" {
		out = []string{highPerformance + tail}
	}
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

// micro names SUSE's small systems: "Linux Enterprise Micro 5.5", "Linux Micro 6.1".
func micro(os inventory.OS) []string {
	m, _, _ := strings.Cut(os.VersionID, ".")
	if !number(m) {
		return nil
	}
	switch os.ID {
	case "sl-micro":
		return []string{"Linux Micro " + os.VersionID}
	case "sle-micro-rancher":
		return []string{"Linux Enterprise Micro " + os.VersionID, "Linux Enterprise Micro for Rancher " + os.VersionID}
	}
	return []string{"Linux Enterprise Micro " + os.VersionID}
}

func leap(os inventory.OS) []string {
	if os.VersionID == "" {
		return nil
	}
	return []string{"Leap " + os.VersionID}
}

func tumbleweed(inventory.OS) []string { return []string{"Tumbleweed"} }

// windowsProducts names a Windows as Microsoft's advisories do.
func windowsProducts(os inventory.OS) []string {
	if p := windows.Product(os); p != "" {
		return []string{p}
	}
	return nil
}

// macLine names a macOS by its major line: "14", and "10.15" from before 11.
func macLine(os inventory.OS) []string {
	p := strings.SplitN(os.VersionID, ".", 3)
	switch {
	case !number(p[0]):
		return nil
	case p[0] != "10":
		return []string{p[0]}
	case len(p) < 2 || !number(p[1]):
		return nil
	}
	return []string{p[0] + "." + p[1]}
}
