package export_test

import (
	"time"

	"hinomi/internal/action/export"
	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

func day(n int) time.Time { return time.Date(2026, 8, n, 12, 30, 0, 0, time.UTC) }

func sampleInventory() *inventory.Inventory {
	return &inventory.Inventory{
		OS: inventory.OS{
			ID: "debian", VersionID: "12", Codename: "bookworm", PrettyName: "Debian GNU/Linux 12 (bookworm)", Arch: "x86_64", CPE: "cpe:/o:debian:debian_linux:12",
		},
		Packages: []inventory.Package{
			{
				Ecosystem: inventory.Debian, Name: "libssl3", Version: "3.0.11-1~deb12u2", Arch: "amd64", SourceName: "openssl", FoundBy: "dpkg", Location: "/var/lib/dpkg/status",
				PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
			},
			{
				Ecosystem: inventory.Debian, Name: "bind9-libs", Version: "1:9.18.19-1~deb12u1+b1", Arch: "amd64", SourceName: "bind9", SourceVersion: "1:9.18.19-1~deb12u1",
				FoundBy: "dpkg", Location: "/var/lib/dpkg/status", Repository: "bookworm/main", Vendor: "Debian", Status: "hold ok installed",
				PURL: "pkg:deb/debian/bind9-libs@1:9.18.19-1~deb12u1+b1?arch=amd64&distro=debian-12",
			},
			{Ecosystem: inventory.NPM, Name: "@scope/left-pad", Version: "1.0.0", FoundBy: "node", Location: "/srv/app/node_modules/@scope/left-pad", PURL: "pkg:npm/%40scope/left-pad@1.0.0", Dev: true},
			{
				Ecosystem: inventory.Maven, Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", FoundBy: "java-archive", Location: "/opt/a b/shop.war", Parent: "WEB-INF/lib/log4j-core-2.14.1.jar",
				SHA1: "9141212b8507ab50a45525b545b39d224614528b", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", OwnedBy: "shop",
			},
			{Ecosystem: inventory.Windows, Name: "Tool <b>&amp;</b>", Version: "1", FoundBy: "windows", Location: `C:\Tool`, Module: "m:s"},
		},
		Kernel:  inventory.Kernel{Release: "6.1.0-18-amd64", Running: true, Installed: []string{"6.1.0-17-amd64", "6.1.0-18-amd64"}},
		Repos:   []inventory.Repo{{ID: "bookworm", Enabled: true}, {ID: "extras", Enabled: true, Topic: "docker"}},
		Method:  inventory.Host,
		Covered: []string{"/"},
		Gaps:    []inventory.Gap{{Path: "/srv/data", FoundBy: "walk", Reason: "permission denied: not read"}},
		ReadAt:  day(19),
		Source:  "/",
	}
}

func instance() asset.Ref {
	return asset.Ref{Account: "111122223333", Region: "eu-west-1", Kind: asset.KindInstance, ID: "i-0123456789abcdef0"}
}

// sample has a finding of every type and state, and texts that hurt.
func sample() *export.Document {
	inv := sampleInventory()
	return &export.Document{
		Version: "1.2.3", Now: day(20), Target: "/", Kind: "host", Inventory: inv, Findings: sampleFindings(),
		NotAssessed: []string{"1 packages of Windows: FEED_MISSING (no loaded feed speaks for it)", "/srv/data: permission denied: not read"},
		Feeds:       []advisory.Feed{{Name: "osv/Debian", AsOf: day(19), Complete: true}},
		Names:       map[string]string{"i-0123456789abcdef0": "web-01"},
	}
}

func sampleFindings() []finding.Finding {
	pkg := func(p inventory.Package, fixed string) finding.VulnerablePackage {
		return finding.VulnerablePackage{
			Ecosystem: string(p.Ecosystem), Name: p.Name, Version: p.Version, Arch: p.Arch, SourceName: p.SourceName, FixedVersion: fixed, Path: p.Location, PURL: p.PURL,
		}
	}
	l := sampleInventory().Packages
	return []finding.Finding{
		{
			ID: "0123456789abcdef0123456789abcdef", Type: finding.PackageVulnerability, Title: "Log4Shell <script>alert(1)</script>", Description: "Apache Log4j2 JNDI features do not protect against attacker controlled endpoints.",
			Severity: finding.Critical, Score: 9.4, Resource: instance(), Remediation: "Update log4j-core to 2.17.1.", Why: []string{"2.14.1 < 2.15.0 (Maven)", "introduced 2.0, fixed 2.15.0"},
			Status: finding.Active, FirstSeen: day(1), LastSeen: day(19), UpdatedAt: day(19),
			Package: &finding.Package{
				VulnerabilityID: "CVE-2021-44228", Advisories: []string{"GHSA-jfh8-c2jp-5v3q", "CVE-2021-44228"}, Source: "osv/Maven", SourceURL: "https://osv.dev/vulnerability/GHSA-jfh8-c2jp-5v3q",
				Related: []string{"CVE-2021-45046"}, Packages: []finding.VulnerablePackage{pkg(l[3], "2.15.0")}, VendorSeverity: "CRITICAL", SeveritySource: "osv/Maven, CVSS 3.1",
				CVSS:         []finding.CVSS{{Version: "3.1", Score: 10, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Source: "GHSA"}, {Version: "4.0", Score: 9.3, Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Source: "NVD"}},
				FixAvailable: "YES", ExploitAvailable: "YES", EPSS: 0.97563, EPSSPercentile: 0.99996, KEVAdded: "2021-12-10", KEVDue: "2021-12-24", SSVC: "active", CWEs: []string{"CWE-502", "CWE-20"}, Published: day(1),
			},
		},
		{
			ID: "11111111111111111111111111111111", Type: finding.PackageVulnerability, Title: "openssl: a flaw", Severity: finding.Untriaged, Resource: instance(), Why: []string{"open"}, Status: finding.Suppressed,
			StatusWhy: "accepted until 2026-12-31: =HYPERLINK(\"x\")", FirstSeen: day(2), LastSeen: day(2),
			Package: &finding.Package{VulnerabilityID: "DSA-5764-1", Advisories: []string{"DSA-5764-1"}, Source: "osv/Debian", Packages: []finding.VulnerablePackage{pkg(l[0], "")}, FixAvailable: "NO"},
		},
		{
			ID: "22222222222222222222222222222222", Type: finding.PackageVulnerability, Title: "=cmd|'/c calc'!A0", Severity: finding.Medium, Resource: instance(), Why: []string{"was fixed"}, Status: finding.Closed, StatusWhy: "no longer installed",
			FirstSeen: day(2), LastSeen: day(3), ClosedAt: day(4),
			Package: &finding.Package{
				VulnerabilityID: "CVE-2023-3341", Advisories: []string{"DSA-5504-1"}, Source: "osv/Debian", Packages: []finding.VulnerablePackage{pkg(l[1], "1:9.18.19-1~deb12u2"), pkg(l[0], "")}, FixAvailable: "PARTIAL",
				CVSS: []finding.CVSS{{Version: "2.0", Score: 5, Vector: "AV:N/AC:L/Au:N/C:N/I:N/A:P", Source: "NVD"}},
			},
		},
		{
			ID: "33333333333333333333333333333333", Type: finding.NetworkReachability, Title: "Port 22 is open to the internet", Severity: finding.High, Resource: instance(), Why: []string{"igw-1", "acl-1", "sg-1"}, Status: finding.Active, FirstSeen: day(5), LastSeen: day(6),
			Network: &finding.Network{Protocol: "tcp", FromPort: 22, ToPort: 22, From: "internet", Address: "192.0.2.1", Path: []string{"igw-1", "acl-1", "sg-1", "eni-1"}},
		},
		{
			ID: "44444444444444444444444444444444", Type: finding.Configuration, Title: "Instance answers IMDSv1", Severity: finding.Low, Resource: instance(), Why: []string{"HttpTokens=optional"}, Status: finding.Active, FirstSeen: day(7), LastSeen: day(7),
			Remediation: "Require tokens.", Rule: &finding.Rule{ID: "EC2_IMDSV2_CHECK", Source: "AWS FSBP EC2.8", Detail: "HttpTokens=optional"},
		},
		{
			ID: "55555555555555555555555555555555", Type: finding.EndOfLife, Title: "Debian 10 is out of support", Severity: finding.Critical, Resource: instance(), Why: []string{"support ended 2024-06-30"}, Status: finding.Active, FirstSeen: day(8), LastSeen: day(8),
		},
		{
			ID: "66666666666666666666666666666666", Type: finding.ExposedSecret, Title: "A private key lies in a file", Severity: finding.Informational, Resource: instance(), Why: []string{"not encrypted"}, Status: finding.Active, FirstSeen: day(9), LastSeen: day(9),
			Secret: &finding.Secret{Kind: "private-key", Path: "/home/a:b/id_rsa#1?x=%2f", Line: 3, Fingerprint: "SHA256:abc", Mode: "0644"},
		},
	}
}
