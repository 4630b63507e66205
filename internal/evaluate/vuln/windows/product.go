// Package windows decides which of Microsoft's updates a host lacks: what its products are called in Microsoft's advisories, and whether an
// update, or one that replaces it, is there, by the system's build or by the list of installed updates.
package windows

import (
	"slices"
	"strings"

	"hinomi/internal/inventory"
)

// builds names the releases of Windows by the third number of the version, as the Security Update Guide names its products, without the
// architecture and the kind of installation ("Windows Server release information", "Windows 10 release information", "Windows 11 release
// information", Microsoft Learn).
var builds = [...]struct{ build, server, client string }{
	{"6003", "Windows Server 2008 Service Pack 2", ""},
	{"7601", "Windows Server 2008 R2 Service Pack 1", "Windows 7 Service Pack 1"},
	{"9200", "Windows Server 2012", ""},
	{"9600", "Windows Server 2012 R2", "Windows 8.1"},
	{"10240", "", "Windows 10"},
	{"14393", "Windows Server 2016", "Windows 10 Version 1607"},
	{"17763", "Windows Server 2019", "Windows 10 Version 1809"},
	{"18362", "Windows Server, version 1903", "Windows 10 Version 1903"},
	{"18363", "Windows Server, version 1909", "Windows 10 Version 1909"},
	{"19041", "Windows Server, version 2004", "Windows 10 Version 2004"},
	{"19042", "Windows Server, version 20H2", "Windows 10 Version 20H2"},
	{"19043", "", "Windows 10 Version 21H1"},
	{"19044", "", "Windows 10 Version 21H2"},
	{"19045", "", "Windows 10 Version 22H2"},
	{"20348", "Windows Server 2022", ""},
	{"22000", "", "Windows 11 Version 21H2"},
	{"22621", "", "Windows 11 Version 22H2"},
	{"22631", "", "Windows 11 Version 23H2"},
	{"25398", "Windows Server 2022, 23H2 Edition", ""},
	{"26100", "Windows Server 2025", "Windows 11 Version 24H2"},
	{"26200", "", "Windows 11 Version 25H2"},
}

// Product returns Microsoft's name of the system, "" if its build is not known.
func Product(os inventory.OS) string {
	parts := strings.Split(os.Build, ".")
	if len(parts) < 3 {
		return ""
	}
	for _, b := range builds {
		if b.build != parts[2] {
			continue
		}
		if isServer(os) {
			return b.server
		}
		return b.client
	}
	return ""
}

// Lifecycle names a Windows as endoflife.date does: "windows-server" 2012-r2, 23h2-ac; "windows" 10-22h2, 11-24h2-e (Enterprise and Education),
// 11-24h2-w (Home and Pro), 10-1809-e-lts.
func Lifecycle(os inventory.OS) (product string, releases []string) {
	name := strings.ToLower(Product(os))
	if isServer(os) {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "windows server, version "), "windows server ")
		name = strings.NewReplacer(" service pack ", "-sp", "2022, 23h2 edition", "23h2", " ", "-").Replace(name)
		return "windows-server", []string{name, name + "-ac", name + "-sac"}
	}
	name = strings.NewReplacer(" service pack ", "-sp", " version ", "-", " ", "-").Replace(strings.TrimPrefix(name, "windows "))
	switch {
	case strings.Contains(os.PrettyName, "LTS"):
		return "windows", []string{name + "-e-lts", name}
	case strings.Contains(os.PrettyName, "Enterprise") || strings.Contains(os.PrettyName, "Education"):
		return "windows", []string{name + "-e", name}
	}
	return "windows", []string{name + "-w", name}
}

// isServer tells the editions of one build apart: servers are named by years, the workstation by its number.
func isServer(os inventory.OS) bool {
	return strings.Contains(os.PrettyName, "Server") || strings.HasPrefix(os.VersionID, "20") && os.VersionID != "2004" && os.VersionID != "20H2"
}

// Component is a part of Windows with advisories of its own.
type Component struct {
	Name    string             // as the advisories name it, on the system
	Package *inventory.Package // as which it is installed; nil where it is a part of the system that is not listed
}

// Components returns the parts of a host's Windows: the .NET Frameworks, which are named by themselves or together, and Internet Explorer 11,
// which every system from Windows 8.1 to Server 2022 has under its surface.
func Components(inv *inventory.Inventory) []Component {
	var out []Component
	var versions []string
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if p.Ecosystem != inventory.Windows || p.Name != ".NET Framework" {
			continue
		}
		if v := framework(p.Version); v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
			out = append(out, Component{"Microsoft .NET Framework " + v, p})
		}
	}
	if slices.Contains(versions, "3.5") {
		for _, c := range slices.Clone(out) {
			if v := framework(c.Package.Version); v != "3.5" {
				out = append(out, Component{"Microsoft .NET Framework 3.5 AND " + v, c.Package})
			}
		}
	}
	if b, ok := parseBuild(inv.OS.Build); ok && b[2] >= 9600 && b[2] <= 20348 {
		out = append(out, Component{Name: "Internet Explorer 11"})
	}
	return out
}

// framework turns the version that the registry has into the one that people use ("How to determine which .NET Framework versions are
// installed", Microsoft Learn).
func framework(version string) string {
	for _, f := range []struct{ prefix, name string }{
		{"3.5.", "3.5"},
		{"4.8.09", "4.8.1"},
		{"4.8.", "4.8"},
		{"4.7.03", "4.7.2"},
		{"4.7.02", "4.7.1"},
		{"4.7.", "4.7"},
		{"4.6.015", "4.6.2"},
		{"4.6.01", "4.6.1"},
		{"4.6.", "4.6"},
	} {
		if strings.HasPrefix(version+".", f.prefix) {
			return f.name
		}
	}
	return ""
}
