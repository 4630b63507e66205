// Package inventory holds the words for what is installed on a host: its operating system, its packages, and what of the host was looked at.
package inventory

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Inventory is what is installed on one host, with the paths and methods that were covered. Outside them is a gap, not "clean".
type Inventory struct {
	OS       OS        `json:"os"`
	Packages []Package `json:"packages"`
	Kernel   Kernel    `json:"kernel,omitzero"`
	Repos    []Repo    `json:"repositories,omitempty"` // enabled package repositories and extras
	Method   Method    `json:"method"`
	Covered  []string  `json:"covered"`           // path roots that were walked; "/" is all
	Gaps     []Gap     `json:"gaps,omitempty"`    // what was there but could not be read
	ReadAt   time.Time `json:"readAt,omitzero"`   // when the evidence was taken (snapshot time), not part of the hash
	Source   string    `json:"source,omitempty"`  // what was read: a path, snap-…, an instance; not part of the hash
	Secrets  []Secret  `json:"secrets,omitempty"` // keys and tokens that lie about; only where they were looked for, and not part of the hash
	Notes    []string  `json:"notes,omitempty"`   // e.g. "journal replayed: 12 transactions"; not part of the hash
}

// Method says how an inventory was taken. Results of different methods differ: they see different paths.
type Method string

// The methods.
const (
	Agentless Method = "agentless" // the disk was read: every path
	Agent     Method = "agent"     // SSM inventory or the collector on the host: default paths
	SBOM      Method = "sbom"      // a document was given
	Host      Method = "host"      // a mounted file system or a folder was read
)

// OS identifies an operating system, from os-release(5), the registry or SystemVersion.plist.
type OS struct {
	ID         string `json:"id"` // os-release ID: debian, almalinux, amzn, windows, macos …; "" if unknown
	IDLike     string `json:"idLike,omitempty"`
	VersionID  string `json:"versionId"` // 12, 9.4, 2023 …
	Codename   string `json:"codename,omitempty"`
	PrettyName string `json:"prettyName,omitempty"`
	CPE        string `json:"cpe,omitempty"` // CPE_NAME
	Arch       string `json:"arch,omitempty"`
	Build      string `json:"build,omitempty"` // Windows OS build with UBR, macOS build, VARIANT_ID of Bottlerocket
	Pro        bool   `json:"pro,omitempty"`   // Ubuntu Pro (ESM) is attached
}

// Known reports whether the system could be identified at all.
func (o OS) Known() bool { return o.ID != "" }

// Ecosystem returns the ecosystem of the distribution's own packages. It is false for a system that no advisory here speaks of: then the
// value is the ID itself (derivatives such as Linux Mint number their releases in their own way), or "" for an unknown system.
func (o OS) Ecosystem() (Ecosystem, bool) {
	if strings.HasPrefix(o.ID, "opensuse") {
		return OpenSUSE, true
	}
	for _, e := range []struct {
		id string
		is Ecosystem
	}{
		{"debian", Debian},
		{"ubuntu", Ubuntu},
		{"alpine", Alpine},
		{"wolfi", Wolfi},
		{"chainguard", Chainguard},
		{"almalinux", AlmaLinux},
		{"rocky", Rocky},
		{"rhel", RedHat},
		{"centos", CentOS},
		{"amzn", Amazon},
		{"ol", Oracle},
		{"fedora", Fedora},
		{"sles", SUSE},
		{"sles_sap", SUSE},
		{"sled", SUSE},
		{"sle_hpc", SUSE},
		{"sle-micro", SUSE},
		{"sle-micro-rancher", SUSE},
		{"sl-micro", SUSE},
		{"bottlerocket", Bottlerocket},
		{"windows", Windows},
		{"macos", MacOS},
	} {
		if e.id == o.ID {
			return e.is, true
		}
	}
	return Ecosystem(o.ID), false
}

// Kernel is the running kernel where it can be known, else the one that boots next.
type Kernel struct {
	Release   string   `json:"release"`             // uname -r form
	Running   bool     `json:"running,omitempty"`   // true: seen running; false: concluded from the boot configuration
	Installed []string `json:"installed,omitempty"` // every kernel on the disk, sorted, uname -r form
	// LivePatches are the live patches that were seen on the running system; nil if nobody looked, as on a disk.
	LivePatches []LivePatch `json:"livePatches,omitempty"`
}

// LivePatch is one patch of the running kernel, as the kernel (/sys/kernel/livepatch, Documentation/ABI/testing/sysfs-kernel-livepatch) or
// Canonical's client tells.
type LivePatch struct {
	Name    string   `json:"name"`              // of the module, or of Canonical's patch
	Enabled bool     `json:"enabled"`           // loaded, enabled and not in transition
	Package string   `json:"package,omitempty"` // the package that owns the module: kernel-livepatch-6.1.61-85.141, kpatch-patch-5_14_0-362_8_1
	Version string   `json:"version,omitempty"` // of that package
	CVEs    []string `json:"cves,omitempty"`    // what the patch's own client says it mends (canonical-livepatch status)
}

// Repo is one enabled package repository.
type Repo struct {
	ID      string `json:"id"`
	Enabled bool   `json:"enabled"`
	Topic   string `json:"topic,omitempty"` // Amazon Linux extras topic, dnf module stream
}

// Package is one installed package.
type Package struct {
	Ecosystem     Ecosystem `json:"ecosystem"`
	Name          string    `json:"name"`
	Version       string    `json:"version"` // full, as the ecosystem writes it: epoch:version-release for rpm, without "0:"
	Arch          string    `json:"arch,omitempty"`
	SourceName    string    `json:"sourceName,omitempty"`    // source package (dpkg Source, rpm SOURCERPM, apk origin)
	SourceVersion string    `json:"sourceVersion,omitempty"` // where it differs from Version
	Module        string    `json:"module,omitempty"`        // rpm MODULARITYLABEL
	Vendor        string    `json:"vendor,omitempty"`
	Repository    string    `json:"repository,omitempty"` // the repository, channel or tap that it came from, where the package manager remembers
	Status        string    `json:"status,omitempty"`     // dpkg status where it is not "install ok installed"
	PURL          string    `json:"purl,omitempty"`
	Location      string    `json:"location"`          // path inside the host's file system, "/"-rooted
	FoundBy       string    `json:"foundBy"`           // extractor: dpkg, rpm, apk, python, node, go-binary, java-archive …
	OwnedBy       string    `json:"ownedBy,omitempty"` // the distribution's own package (not a third party's) that owns the location: patched by the distribution
	Dev           bool      `json:"dev,omitempty"`     // development-only dependency
	SHA1          string    `json:"sha1,omitempty"`    // of a Java archive that no pom.properties names: its coordinates are concluded from its name and manifest
	Parent        string    `json:"parent,omitempty"`  // the archive inside Location that holds it, as in a jar: URL: /opt/a.war!/WEB-INF/lib/b.jar; "" if that is Location itself
}

// Ecosystem names a package's world in OSV's words (OSV schema, "Defined ecosystems"). "Windows", "macOS", "Conda", "Homebrew", "Snap" and
// "Flatpak" are not among them: no feed in OSV's form speaks of these.
type Ecosystem string

// The ecosystems that extraction yields. Distribution releases ("Debian:12") are an advisory's matter; here the OS says the release.
const (
	Debian       Ecosystem = "Debian"
	Ubuntu       Ecosystem = "Ubuntu"
	Alpine       Ecosystem = "Alpine"
	Wolfi        Ecosystem = "Wolfi"
	Chainguard   Ecosystem = "Chainguard"
	AlmaLinux    Ecosystem = "AlmaLinux"
	Rocky        Ecosystem = "Rocky Linux"
	RedHat       Ecosystem = "Red Hat"
	CentOS       Ecosystem = "CentOS"
	Amazon       Ecosystem = "Amazon Linux"
	Oracle       Ecosystem = "Oracle Linux"
	Fedora       Ecosystem = "Fedora"
	SUSE         Ecosystem = "SUSE"
	OpenSUSE     Ecosystem = "openSUSE"
	Bottlerocket Ecosystem = "Bottlerocket"
	PyPI         Ecosystem = "PyPI"
	NPM          Ecosystem = "npm"
	Go           Ecosystem = "Go"
	Maven        Ecosystem = "Maven"
	NuGet        Ecosystem = "NuGet"
	RubyGems     Ecosystem = "RubyGems"
	Cargo        Ecosystem = "crates.io"
	Packagist    Ecosystem = "Packagist"
	Hex          Ecosystem = "Hex"
	Pub          Ecosystem = "Pub"
	Swift        Ecosystem = "SwiftURL"
	Windows      Ecosystem = "Windows"
	MacOS        Ecosystem = "macOS"
	Conda        Ecosystem = "Conda"
	Homebrew     Ecosystem = "Homebrew"
	Snap         Ecosystem = "Snap"
	Flatpak      Ecosystem = "Flatpak"
)

// Gap is a part of the host that was there and could not be read or understood.
type Gap struct {
	Path    string `json:"path"`
	FoundBy string `json:"foundBy,omitempty"` // the extractor that tried
	Reason  string `json:"reason"`
}

// Sort orders packages, repositories and gaps, so that equal hosts have equal inventories.
func (inv *Inventory) Sort() {
	slices.SortFunc(inv.Packages, comparePackages)
	slices.SortFunc(inv.Repos, func(a, b Repo) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Topic, b.Topic)) })
	slices.SortFunc(inv.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.FoundBy, b.FoundBy), cmp.Compare(a.Reason, b.Reason))
	})
	slices.SortFunc(inv.Secrets, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	slices.Sort(inv.Covered)
}

func comparePackages(a, b Package) int {
	return cmp.Or(
		cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Location, b.Location), cmp.Compare(a.FoundBy, b.FoundBy), cmp.Compare(a.Parent, b.Parent),
	)
}

// Hash returns the SHA-256 of the sorted content, without times, source, notes and secrets: hosts with the same hash are judged once.
func (inv *Inventory) Hash() string {
	c := *inv
	c.Packages = slices.Clone(inv.Packages)
	c.Repos = slices.Clone(inv.Repos)
	c.Gaps = slices.Clone(inv.Gaps)
	c.Covered = slices.Clone(inv.Covered)
	c.Sort()
	c.ReadAt, c.Source, c.Notes, c.Secrets = time.Time{}, "", nil, nil
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(&c); err != nil {
		panic("inventory: a plain struct did not encode: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}
