// Package windows decides which of Microsoft's updates a host lacks: what its products are called in Microsoft's advisories, and whether an
// update, or one that replaces it, is there, by the system's build or by the list of installed updates.
package windows

import (
	"slices"
	"strings"

	"hinomi/internal/inventory"
)

// builds names the releases of Windows by the third number of the version, as the Security Update Guide names its products ("Windows Server
// release information", "Windows 10 release information", "Windows 11 release information", Microsoft Learn).
var builds = [...]struct{ build, server, client string }{
	{"6003", "Windows Server 2008 for x64-based Systems Service Pack 2", ""},
	{"7601", "Windows Server 2008 R2 for x64-based Systems Service Pack 1", "Windows 7 for %s Service Pack 1"},
	{"9200", "Windows Server 2012", ""},
	{"9600", "Windows Server 2012 R2", "Windows 8.1 for %s"},
	{"10240", "", "Windows 10 for %s"},
	{"14393", "Windows Server 2016", "Windows 10 Version 1607 for %s"},
	{"17763", "Windows Server 2019", "Windows 10 Version 1809 for %s"},
	{"18362", "Windows Server, version 1903 (Server Core installation)", "Windows 10 Version 1903 for %s"},
	{"18363", "Windows Server, version 1909 (Server Core installation)", "Windows 10 Version 1909 for %s"},
	{"19041", "Windows Server, version 2004 (Server Core installation)", "Windows 10 Version 2004 for %s"},
	{"19042", "Windows Server, version 20H2 (Server Core Installation)", "Windows 10 Version 20H2 for %s"},
	{"19043", "", "Windows 10 Version 21H1 for %s"},
	{"19044", "", "Windows 10 Version 21H2 for %s"},
	{"19045", "", "Windows 10 Version 22H2 for %s"},
	{"20348", "Windows Server 2022", ""},
	{"22000", "", "Windows 11 version 21H2 for %s"},
	{"22621", "", "Windows 11 Version 22H2 for %s"},
	{"22631", "", "Windows 11 Version 23H2 for %s"},
	{"25398", "Windows Server 2022, 23H2 Edition (Server Core installation)", ""},
	{"26100", "Windows Server 2025", "Windows 11 Version 24H2 for %s"},
	{"26200", "", "Windows 11 Version 25H2 for %s"},
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
		return strings.Replace(b.client, "%s", systems(os.Arch), 1)
	}
	return ""
}

// isServer tells the editions of one build apart: servers are named by years, the workstation by its number.
func isServer(os inventory.OS) bool {
	return strings.Contains(os.PrettyName, "Server") || strings.HasPrefix(os.VersionID, "20") && os.VersionID != "2004" && os.VersionID != "20H2"
}

// systems is Microsoft's word for a processor.
func systems(arch string) string {
	switch strings.ToLower(arch) {
	case "x86", "i386", "i686":
		return "32-bit Systems"
	case "arm64", "aarch64":
		return "ARM64-based Systems"
	}
	return "x64-based Systems"
}

// Frameworks returns the names that the advisories have for the .NET Frameworks of a host, which stand by themselves or together, and the
// packages that they are installed as, in step.
func Frameworks(inv *inventory.Inventory, product string) (names []string, packages []*inventory.Package) {
	if product == "" {
		return nil, nil
	}
	var versions []string
	var of []*inventory.Package
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if p.Ecosystem != inventory.Windows || p.Name != ".NET Framework" {
			continue
		}
		if v := framework(p.Version); v != "" && !slices.Contains(versions, v) {
			versions, of = append(versions, v), append(of, p)
		}
	}
	for i, v := range versions {
		names, packages = append(names, "Microsoft .NET Framework "+v+" on "+product), append(packages, of[i])
		if v != "3.5" && slices.Contains(versions, "3.5") {
			names, packages = append(names, "Microsoft .NET Framework 3.5 AND "+v+" on "+product), append(packages, of[i])
		}
	}
	return names, packages
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
