package ssm

import (
	"fmt"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
)

// What the agent's list of applications covers, by package manager: where it keeps its own data. Nothing that lies elsewhere is in it, no
// language's packages among them.
const (
	dpkgPlace    = "/var/lib/dpkg/status"
	rpmPlace     = "/var/lib/rpm"
	snapPlace    = "/var/lib/snapd"
	windowsPlace = "/Windows/System32/config/SOFTWARE" // the list of installed programs is in the registry
	macPlace     = "/Applications"
	thinPlace    = "/var/lib/bottlerocket/inventory"
)

// cutAt is where the agent cuts every field of a Linux package (amazon-ssm-agent, agent/plugins/inventory/gatherers/application:
// maxSummaryLength, in bytes).
const cutAt = 100

// reader turns entries of AWS:Application into packages.
type applications struct {
	os      inventory.OS
	eco     inventory.Ecosystem
	out     *inventory.Inventory
	cut     int // names or versions that the agent may have cut
	nameOf  int // entries without a name or a version
	noneOf  int // dpkg packages whose source is not known
	module  int // rpm packages of module streams
	strange map[string]int
}

// addApplications adds what AWS:Application says to an inventory, with what it cannot say as gaps.
func addApplications(inv *inventory.Inventory, entries []map[string]string) {
	eco, _ := inv.OS.Ecosystem()
	a := &applications{os: inv.OS, eco: eco, out: inv, strange: map[string]int{}}
	fam := familyOf(inv.OS)
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e["PackageId"], "pkg:snap/"):
			a.snap(e)
		case fam == dpkgFamily && strings.HasSuffix(e["PackageId"], ".deb") || fam == dpkgFamily && len(e["PackageId"]) >= cutAt:
			a.dpkg(e)
		case fam == rpmFamily && e["Release"] != "":
			a.rpm(e)
		case fam == otherFamily:
			a.other(e)
		default: // rpm on Debian, dpkg on a rpm system, a list in a form that this version does not know
			a.strange[e["Name"]]++
		}
	}
	a.gaps(fam, len(entries))
}

func (a *applications) gap(path, format string, v ...any) {
	a.out.Gaps = append(a.out.Gaps, inventory.Gap{Path: path, FoundBy: "ssm", Reason: fmt.Sprintf(format, v...)})
}

func (a *applications) gaps(fam family, entries int) {
	place, where := map[family]string{dpkgFamily: dpkgPlace, rpmFamily: rpmPlace}[fam], a.out.Covered
	if place == "" && len(where) > 0 {
		place = where[0]
	}
	if entries == 0 {
		a.gap(place, "Systems Manager's list of applications is empty: its agent could not read the packages")
	}
	if a.cut > 0 {
		a.gap(place, "%d names or versions are as long as the agent's limit of %d bytes and may be cut", a.cut, cutAt)
	}
	if a.nameOf > 0 {
		a.gap(place, "%d entries have no name or no version", a.nameOf)
	}
	if a.noneOf > 0 {
		a.gap(place, "Systems Manager does not say from which source packages the %d packages were built, by which %s's advisories name them, nor which are removed already: the collector or an agentless scan does", a.noneOf, a.eco)
	}
	if a.module > 0 {
		a.gap(place, "Systems Manager does not say the module streams of %d packages: the collector or an agentless scan does", a.module)
	}
	if n := len(a.strange); n > 0 {
		example := ""
		for k := range a.strange {
			example = max(example, k)
		}
		a.gap(place, "%d entries are of no form that is known, %q among them", n, example)
	}
	if entries >= maxItemEntries {
		a.gap(place, "the list has %d entries, as many as Systems Manager takes, and may be cut", entries)
	}
}

// full says whether an entry has what a package needs, and counts what is missing.
func (a *applications) full(e map[string]string, linux bool) bool {
	if linux && (len(e["Name"]) >= cutAt || len(e["Version"]) >= cutAt || len(e["Release"]) >= cutAt) {
		a.cut++
	}
	if e["Name"] == "" || e["Version"] == "" {
		a.nameOf++
		return false
	}
	return true
}

func (a *applications) dpkg(e map[string]string) {
	if !a.full(e, true) {
		return
	}
	a.noneOf++
	arch := e["Architecture"]
	if arch == "x86_64" { // the agent's name for dpkg's amd64
		arch = "amd64"
	}
	a.out.Packages = append(a.out.Packages, inventory.Package{
		Ecosystem: a.eco, Name: e["Name"], Version: e["Version"], Arch: arch, Vendor: e["Publisher"], Location: dpkgPlace, FoundBy: "dpkg",
		PURL: a.purl(packageurl.TypeDebian, e["Name"], e["Version"], "", arch),
	})
}

func (a *applications) rpm(e map[string]string) {
	if e["Name"] == "gpg-pubkey" {
		return // a public key that was imported, no package
	}
	if !a.full(e, true) {
		return
	}
	epoch := e["Epoch"]
	if epoch == "0" || epoch == "(none)" {
		epoch = ""
	}
	vr := e["Version"] + "-" + e["Release"]
	p := inventory.Package{
		Ecosystem: a.eco, Name: e["Name"], Version: vr, Arch: e["Architecture"], Vendor: e["Publisher"], Location: rpmPlace, FoundBy: "rpm",
		PURL: a.purl(packageurl.TypeRPM, e["Name"], vr, epoch, e["Architecture"]),
	}
	if epoch != "" {
		p.Version = epoch + ":" + vr
	}
	// The agent gives the source package's file name as the ID: openssl-1.1.1k-14.el8.src.rpm.
	if nvr, ok := strings.CutSuffix(e["PackageId"], ".src.rpm"); ok {
		name, version := splitNVR(nvr)
		if p.SourceName = name; name != "" && version != vr {
			p.SourceVersion = version
		}
	}
	if strings.Contains(e["Release"], ".module") {
		a.module++
	}
	a.out.Packages = append(a.out.Packages, p)
}

// splitNVR cuts name-version-release at its last two dashes.
func splitNVR(nvr string) (name, version string) {
	i := strings.LastIndexByte(nvr, '-')
	if i <= 0 {
		return "", ""
	}
	j := strings.LastIndexByte(nvr[:i], '-')
	if j <= 0 {
		return "", ""
	}
	return nvr[:j], nvr[j+1:]
}

func (a *applications) snap(e map[string]string) {
	if a.full(e, true) {
		a.out.Packages = append(a.out.Packages, inventory.Package{
			Ecosystem: inventory.Snap, Name: e["Name"], Version: e["Version"], Vendor: strings.TrimRight(e["Publisher"], "*✓"), Location: snapPlace, FoundBy: "snap",
			PURL: inventory.Snap.PURL(e["Name"], e["Version"]),
		})
	}
}

func (a *applications) other(e map[string]string) {
	if e["Name"] != "" && e["Version"] == "" && a.os.ID == "windows" {
		e = map[string]string{"Name": e["Name"], "Version": "unknown", "Publisher": e["Publisher"], "Architecture": e["Architecture"]} // many installers register none
	}
	if !a.full(e, false) {
		return
	}
	p := inventory.Package{
		Ecosystem: a.eco, Name: e["Name"], Version: e["Version"], Arch: e["Architecture"], Vendor: e["Publisher"], Location: a.out.Covered[0], FoundBy: "ssm",
	}
	if e["Release"] != "" { // Bottlerocket
		p.Version += "-" + e["Release"]
	}
	a.out.Packages = append(a.out.Packages, p)
}

// purl names a package as the extractors of disks do.
func (a *applications) purl(kind, name, version, epoch, arch string) string {
	space := a.os.ID
	if v, ok := map[string]string{"rhel": "redhat", "amzn": "amazon", "ol": "oracle", "sles": "suse", "sles_sap": "suse"}[space]; ok {
		space = v
	} else if strings.HasPrefix(space, "opensuse") {
		space = "opensuse"
	}
	q := map[string]string{"distro": strings.TrimSuffix(a.os.ID+"-"+a.os.VersionID, "-")}
	if epoch != "" {
		q["epoch"] = epoch
	}
	if arch != "" {
		q["arch"] = arch
	}
	return packageurl.NewPackageURL(kind, space, name, version, packageurl.QualifiersFromMap(q), "").ToString()
}
