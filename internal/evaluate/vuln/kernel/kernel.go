// Package kernel tells which packages belong to which of a host's installed kernels, which kernel runs, and which live patches are for it.
// Distributions keep old kernels beside the new one: only that of the running one can be attacked, and a new one that was never booted
// protects nothing.
package kernel

import (
	"strings"

	"hinomi/internal/inventory"
)

// Build is one build of a kernel that a package is a part of.
type Build struct {
	Release string // as uname -r says it, as far as the package tells: "6.1.0-18-amd64", "5.14.0-362.8.1.el9_3.x86_64"
	Image   bool   // the package holds code of the kernel: an image or modules, not headers or tools of that one build

	base    string // the release without architecture and flavour
	flavour string // "cloud-amd64", "aws", "rt", "default"; "" for the plain one
	rpm     bool
}

// Of returns the build that a package is a part of. It is false for everything else, such as packages of the kernel that are there once and
// are of no build: kernel-headers, kernel-tools, linux-libc-dev, and those that only depend on the newest build.
func Of(p *inventory.Package) (Build, bool) {
	if strings.HasPrefix(p.Name, "linux-") {
		return debian(p.Name)
	}
	if strings.HasPrefix(p.Name, "kernel") {
		return rpm(p)
	}
	return Build{}, false
}

// debian reads names of Debian and Ubuntu, where the release is a part of the name: linux-image-6.1.0-18-cloud-amd64,
// linux-modules-extra-5.15.0-1051-aws, linux-aws-6.5-headers-6.5.0-1014 (Debian Linux Kernel Handbook, 5.2; Ubuntu kernel packages alike).
func debian(name string) (Build, bool) {
	parts := strings.Split(name, "-")
	at := -1
	for i, p := range parts {
		if isVersion(p) {
			at = i
			break
		}
	}
	if at < 2 {
		return Build{}, false
	}
	b := Build{Release: strings.Join(parts[at:], "-")}
	for _, suffix := range []string{"-unsigned", "-dbg", "-dbgsym"} {
		b.Release = strings.TrimSuffix(b.Release, suffix)
	}
	for _, p := range parts[:at] {
		b.Image = b.Image || p == "image" || p == "modules"
	}
	b.base, b.flavour = splitDebian(b.Release)
	return b, true
}

// isVersion reports whether a part of a name is a kernel's full version, of three numbers: "6.1.0", "6.12.43+deb13". "6.5" is only a series.
func isVersion(s string) bool {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return false
	}
	return strings.Count(s, ".") >= 2
}

// splitDebian separates a release from its flavour: "6.1.0-0.deb11.21-cloud-amd64" is 6.1.0-0.deb11.21, cloud-amd64.
func splitDebian(release string) (base, flavour string) {
	parts := strings.Split(release, "-")
	n := 1
	for n < len(parts) && parts[n] != "" && parts[n][0] >= '0' && parts[n][0] <= '9' {
		n++
	}
	return strings.Join(parts[:n], "-"), strings.Join(parts[n:], "-")
}

// rpmFlavours are what may follow "kernel" in a name, the longer before the shorter: Red Hat and its rebuilds, Oracle's UEK, SUSE, ELRepo.
// UEK's release says itself that it is one.
var rpmFlavours = [...]struct{ word, flavour string }{
	{"-rt-64k-debug", "rt-64k-debug"},
	{"-rt-64k", "rt-64k"},
	{"-rt-debug", "rt-debug"},
	{"-rt", "rt"},
	{"-64k-debug", "64k-debug"},
	{"-64k", "64k"},
	{"-debug", "debug"},
	{"-zfcpdump", "zfcpdump"},
	{"-PAE", "PAE"},
	{"-uek64k", "64k"},
	{"-uek-debug", "debug"},
	{"-uek", ""},
	{"-default", "default"},
	{"-azure", "azure"},
	{"-kvmsmall", "kvmsmall"},
	{"-preempt", "preempt"},
	{"-ml", ""},
	{"-lt", ""},
}

// rpm reads packages of which several versions are installed side by side (dnf.conf(5), installonlypkgs; zypp.conf, multiversion).
func rpm(p *inventory.Package) (Build, bool) {
	rest := strings.TrimPrefix(p.Name, "kernel")
	rest = strings.TrimLeft(rest, "0123456789.") // Amazon Linux 2023: kernel6.12
	b := Build{rpm: true}
	for _, f := range rpmFlavours {
		if tail, ok := strings.CutPrefix(rest, f.word); ok && (tail == "" || tail[0] == '-') {
			rest, b.flavour = tail, f.flavour
			break
		}
	}
	switch {
	case rest == "", strings.HasPrefix(rest, "-core"), rest == "-base", rest == "-extra", rest == "-optional", strings.HasPrefix(rest, "-uki-virt"):
		b.Image = true
	case rest == "-modules" || strings.HasPrefix(rest, "-modules-"):
		b.Image = true
	case rest == "-devel" || rest == "-devel-matched":
	default:
		return Build{}, false
	}
	version := p.Version
	if _, v, ok := strings.Cut(version, ":"); ok {
		version = v
	}
	b.base, b.Release = version, version
	if p.Arch != "" {
		b.Release += "." + p.Arch
	}
	if strings.Contains(version, ".rt") { // the real-time kernel before 9.3 says so in its release alone
		b.flavour = strings.TrimPrefix(strings.TrimPrefix(b.flavour, "rt"), "-")
	}
	return b, true
}

// Is reports whether a release that uname -r tells is this build.
func (b Build) Is(release string) bool {
	if !b.rpm {
		base, flavour := splitDebian(release)
		return base == b.base && (b.flavour == "" || b.flavour == flavour || strings.HasPrefix(b.flavour, "common"))
	}
	base, variant := splitRPM(release)
	if base == "" || b.flavour != variant {
		return false
	}
	if b.base == base {
		return true
	}
	rebuilt, ok := strings.CutPrefix(b.base, base+".") // SUSE counts rebuilds: uname -r leaves the count out
	return ok && variant != "" && strings.Trim(rebuilt, "0123456789.") == ""
}

// Sibling reports whether two builds are of one flavour: the newer takes the older's place at the next boot.
func (b Build) Sibling(c Build) bool {
	return b.rpm == c.rpm && b.flavour == c.flavour && b.base != c.base
}

// arches are the architectures that end the release of an rpm kernel.
var arches = [...]string{".x86_64", ".aarch64", ".i686", ".ppc64le", ".s390x", ".armv7hl"}

// splitRPM separates uname -r of an rpm kernel: "5.14.0-362.8.1.el9_3.x86_64+rt" is 5.14.0-362.8.1.el9_3, rt;
// "5.14.21-150500.55.39-default" is 5.14.21-150500.55.39, default.
func splitRPM(release string) (base, variant string) {
	for _, a := range arches {
		if base, tail, ok := strings.Cut(release, a); ok {
			return base, strings.TrimLeft(tail, "+.")
		}
	}
	if i := strings.LastIndexByte(release, '-'); i > 0 && i+1 < len(release) && (release[i+1] < '0' || release[i+1] > '9') {
		return release[:i], release[i+1:]
	}
	return release, ""
}

// Source returns the source package by which Debian's and Ubuntu's advisories know a kernel whose package was made from the signed copy of
// it, and that source's version: linux-signed-amd64 holds the image of linux, linux-signed-aws-6.5 that of linux-aws-6.5, and the package
// keeps the version of what was signed.
func Source(p *inventory.Package) (name, version string, ok bool) {
	rest, ok := strings.CutPrefix(p.SourceName, "linux-signed")
	if !ok || rest != "" && rest[0] != '-' {
		return "", "", false
	}
	if _, ok = Of(p); !ok {
		return "", "", false
	}
	switch rest {
	case "-amd64", "-arm64", "-i386", "-armhf", "-ppc64el": // Debian signs by architecture
		rest = ""
	}
	return "linux" + rest, p.Version, true
}
