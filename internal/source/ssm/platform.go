package ssm

import (
	"regexp"
	"strings"

	"hinomi/internal/inventory"
)

// platform is a name that the agent gives a system, and what os-release(5) calls it. The agent takes NAME and VERSION_ID of os-release,
// /etc/centos-release and /etc/bottlerocket-release where they are, and the older release files elsewhere (amazon-ssm-agent,
// agent/platform).
type platform struct {
	name    string
	id      string
	idLike  string
	version func(string) string
}

func platforms() []platform {
	return []platform{
		{"Amazon Linux", "amzn", "fedora", whole},
		{"Amazon Linux AMI", "amzn", "rhel fedora", whole},
		{"Ubuntu", "ubuntu", "debian", whole},
		{"Debian GNU/Linux", "debian", "", whole},
		{"Raspbian GNU/Linux", "raspbian", "debian", whole},
		{"Red Hat Enterprise Linux", "rhel", "fedora", whole},
		{"Red Hat Enterprise Linux Server", "rhel", "fedora", whole},
		{"CentOS Linux", "centos", "rhel fedora", majorOnly},
		{"CentOS", "centos", "rhel fedora", majorOnly},
		{"CentOS Stream", "centos", "rhel fedora", majorOnly},
		{"AlmaLinux", "almalinux", "rhel centos fedora", whole},
		{"Rocky Linux", "rocky", "rhel centos fedora", whole},
		{"Oracle Linux Server", "ol", "fedora", whole},
		{"Fedora Linux", "fedora", "", whole},
		{"Fedora", "fedora", "", whole},
		{"SLES", "sles", "suse", whole},
		{"SLES_SAP", "sles_sap", "suse", whole},
		{"SUSE Linux Enterprise Server", "sles", "suse", whole},
		{"openSUSE Leap", "opensuse-leap", "suse opensuse", whole},
		{"openSUSE Tumbleweed", "opensuse-tumbleweed", "suse opensuse", whole},
		{"Alpine Linux", "alpine", "", whole},
		{"Bottlerocket", "bottlerocket", "", whole},
		{"macOS", "macos", "", whole},
		{"Mac OS X", "macos", "", whole},
	}
}

func whole(v string) string { return v }

func majorOnly(v string) string {
	major, _, _ := strings.Cut(v, ".")
	return major
}

var windowsServer = regexp.MustCompile(`^Microsoft\W? Windows Server\W? (20[0-9]{2})( R2)?\b`)

// SystemOf tells the operating system by what the agent says of it. It is false for a system that no inventory of hinomi's supports;
// then the name is its ID, so that it can be told.
func SystemOf(platformName, platformVersion string) (inventory.OS, bool) {
	name, version := strings.TrimSpace(platformName), strings.TrimSpace(platformVersion)
	pretty := strings.TrimSpace(name + " " + version)
	if g := windowsServer.FindStringSubmatch(name); g != nil {
		return inventory.OS{ID: "windows", VersionID: g[1] + g[2], PrettyName: name, Build: version}, true
	}
	for _, p := range platforms() {
		if strings.EqualFold(p.name, name) {
			return inventory.OS{ID: p.id, IDLike: p.idLike, VersionID: p.version(version), PrettyName: pretty}, version != "" || p.id == "opensuse-tumbleweed"
		}
	}
	return inventory.OS{PrettyName: pretty}, false
}

// family is how a system's packages are kept.
type family int

const (
	noFamily family = iota
	dpkgFamily
	rpmFamily
	otherFamily // Windows, macOS, Bottlerocket: lists that are no package manager's
)

func familyOf(os inventory.OS) family {
	switch os.ID {
	case "debian", "ubuntu", "raspbian":
		return dpkgFamily
	case "amzn", "rhel", "centos", "almalinux", "rocky", "ol", "fedora", "sles", "sles_sap", "opensuse-leap", "opensuse-tumbleweed":
		return rpmFamily
	case "windows", "macos", "bottlerocket":
		return otherFamily
	}
	return noFamily
}
