package ssm_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm"
	"hinomi/internal/source/ssm/collected"
)

func refOf(id string) asset.Ref {
	return asset.Ref{Account: "111122223333", Region: region, Kind: asset.KindInstance, ID: id}
}

func TestSystems(t *testing.T) {
	for _, tc := range []struct{ name, version, want string }{
		{"Amazon Linux", "2", "amzn 2"},
		{"Amazon Linux", "2023", "amzn 2023"},
		{"Amazon Linux AMI", "2018.03", "amzn 2018.03"},
		{"Ubuntu", "22.04", "ubuntu 22.04"},
		{"Debian GNU/Linux", "12", "debian 12"},
		{"Red Hat Enterprise Linux", "9.4", "rhel 9.4"},
		{"Red Hat Enterprise Linux Server", "7.9", "rhel 7.9"},
		{"CentOS Linux", "7.9.2009", "centos 7"},
		{"SLES", "15.1", "sles 15.1"},
		{"AlmaLinux", "9.4", "almalinux 9.4"},
		{"Rocky Linux", "8.10", "rocky 8.10"},
		{"Oracle Linux Server", "9.3", "ol 9.3"},
		{"openSUSE Leap", "15.6", "opensuse-leap 15.6"},
		{"Fedora Linux", "41", "fedora 41"},
		{"Bottlerocket", "1.19.0", "bottlerocket 1.19.0"},
		{"macOS", "14.5", "macos 14.5"},
		{"Alpine Linux", "3.20.1", "alpine 3.20.1"},
		{"Microsoft Windows Server 2022 Datacenter", "10.0.20348", "windows 2022"},
		{"Microsoft Windows Server 2012 R2 Standard", "6.3.9600", "windows 2012 R2"},
		{"Plan 9", "4", ""},
		{"", "", ""},
		{"Not Available", "Not Available", ""},
		{"Ubuntu", "", ""},
		{"Microsoft Windows 11 Pro", "10.0.22631", ""},
	} {
		os, ok := ssm.SystemOf(tc.name, tc.version)
		if got := strings.TrimSpace(os.ID + " " + os.VersionID); ok != (tc.want != "") || ok && got != tc.want {
			t.Errorf("%s %s: got %q, %v, want %q", tc.name, tc.version, got, ok, tc.want)
		}
	}
}

func compose(t *testing.T, name, version string, items ssm.Items) ssm.Composed {
	t.Helper()
	c, err := ssm.Compose(&ssm.Instance{Ref: refOf("i-1"), Ping: "Online", PlatformName: name, PlatformVersion: version}, items)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeRPM(t *testing.T) {
	c := compose(t, "AlmaLinux", "9.4", ssm.Items{
		ssm.Application: {Captured: noon, Entries: []map[string]string{
			{"Name": "openssl-libs", "Version": "3.0.7", "Release": "27.el9", "Epoch": "1", "Architecture": "x86_64", "Publisher": "AlmaLinux", "PackageId": "openssl-3.0.7-27.el9.src.rpm"},
			{"Name": "bash", "Version": "5.1.8", "Release": "9.el9", "Epoch": "", "Architecture": "x86_64", "PackageId": "bash-5.1.8-9.el9.src.rpm"},
			{"Name": "perl-libs", "Version": "5.32.1", "Release": "481.el9", "Epoch": "4", "Architecture": "x86_64", "PackageId": "perl-5.32.1-480.el9.src.rpm"},
			{"Name": "nodejs", "Version": "18.20.2", "Release": "2.module_el9.4.0+100+71fc9528", "Epoch": "1", "Architecture": "x86_64", "PackageId": "nodejs-18.20.2-2.module_el9.4.0+100+71fc9528.src.rpm"},
			{"Name": "gpg-pubkey", "Version": "b86b3716", "Release": "61e69f29", "PackageId": "(none)"},
			{"Name": strings.Repeat("n", 100), "Version": "1", "Release": "1", "PackageId": "x"},
			{"Name": "broken", "Release": "1"},
		}},
		ssm.Detailed: {Captured: noon, Entries: []map[string]string{{"KernelVersion": "5.14.0-427.el9.x86_64"}}},
	})
	inv := c.Agent
	if inv.Method != inventory.Agent || !inv.ReadAt.Equal(noon) || inv.Source != "i-1" || inv.Kernel.Release != "5.14.0-427.el9.x86_64" || !inv.Kernel.Running {
		t.Errorf("inventory %+v", inv)
	}
	if diff := cmp.Diff([]string{"/usr/lib/sysimage/rpm", "/usr/share/rpm", "/var/lib/rpm"}, inv.Covered); diff != "" {
		t.Errorf("covered (-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range inv.Packages[:4] {
		got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.SourceName, p.SourceVersion, p.PURL}, " "))
	}
	want := []string{
		"bash 5.1.8-9.el9 x86_64 bash  pkg:rpm/almalinux/bash@5.1.8-9.el9?arch=x86_64&distro=almalinux-9.4",
		"nnnn", // checked below
		"nodejs 1:18.20.2-2.module_el9.4.0+100+71fc9528 x86_64 nodejs  pkg:rpm/almalinux/nodejs@18.20.2-2.module_el9.4.0%2B100%2B71fc9528?arch=x86_64&distro=almalinux-9.4&epoch=1",
		"openssl-libs 1:3.0.7-27.el9 x86_64 openssl  pkg:rpm/almalinux/openssl-libs@3.0.7-27.el9?arch=x86_64&distro=almalinux-9.4&epoch=1",
	}
	got[1] = got[1][:4]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if p := inv.Packages[4]; p.Name != "perl-libs" || p.SourceName != "perl" || p.SourceVersion != "5.32.1-480.el9" {
		t.Errorf("source of another version: %+v", p)
	}
	reasons := ""
	for _, g := range inv.Gaps {
		reasons += g.Reason + "\n"
	}
	for _, want := range []string{"1 names or versions are as long as", "1 entries have no name", "module streams of 1 packages"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("gaps %q lack %q", reasons, want)
		}
	}
}

func TestComposeOthers(t *testing.T) {
	c := compose(t, "Ubuntu", "24.04", ssm.Items{ssm.Application: {Captured: noon, Entries: []map[string]string{
		{"Name": "libssl3", "Version": "3.0.13-0ubuntu3", "Architecture": "x86_64", "PackageId": "libssl3_3.0.13-0ubuntu3_amd64.deb"},
		{"Name": "core22", "Version": "20240408", "Publisher": "canonical**", "PackageId": "pkg:snap/canonical**/core22@20240408"},
	}}})
	if p := c.Agent.Packages; len(p) != 2 || p[0].Ecosystem != inventory.Snap || p[0].Vendor != "canonical" || p[1].Arch != "amd64" || p[1].Version != "3.0.13-0ubuntu3" {
		t.Errorf("got %+v", p)
	}
	if len(c.Agent.Gaps) != 1 || !strings.Contains(c.Agent.Gaps[0].Reason, "from which source packages the 1 packages were built") {
		t.Errorf("gaps %+v", c.Agent.Gaps)
	}
	if c := compose(t, "Ubuntu", "24.04", ssm.Items{ssm.Application: {Captured: noon}}); len(c.Agent.Gaps) != 1 || !strings.Contains(c.Agent.Gaps[0].Reason, "is empty") {
		t.Errorf("an empty list is not clean: %+v", c.Agent)
	}
	c = compose(t, "Microsoft Windows Server 2022 Datacenter", "10.0.20348", ssm.Items{
		ssm.Application:   {Captured: noon, Entries: []map[string]string{{"Name": "7-Zip", "Version": "23.01"}, {"Name": "Tool"}}},
		ssm.WindowsUpdate: {Captured: noon.Add(-time.Hour), Entries: []map[string]string{{"HotFixId": "KB5034439", "InstalledTime": "2024-01-10T00:00:00Z"}, {"HotFixId": "File 1"}}},
		ssm.Network:       {Captured: noon, Entries: []map[string]string{{"IPV4": "10.0.0.5, 10.0.0.6", "IPV6": "fe80::1"}}},
	})
	if len(c.Agent.Packages) != 3 || c.Agent.Packages[1].Name != "KB5034439" || !c.Agent.ReadAt.Equal(noon.Add(-time.Hour)) || len(c.Agent.Gaps) != 1 {
		t.Errorf("windows: %+v", c.Agent)
	}
	if diff := cmp.Diff([]string{"10.0.0.5", "10.0.0.6", "fe80::1"}, c.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	c = compose(t, "Microsoft Windows Server 2022 Datacenter", "10.0.20348", ssm.Items{ssm.Application: {Captured: noon, Entries: []map[string]string{{"Name": "7-Zip", "Version": "23.01"}}}})
	if len(c.Agent.Gaps) != 1 || len(c.Missing) != 1 || c.Missing[0] != ssm.WindowsUpdate {
		t.Errorf("windows without updates: %+v", c)
	}
	c = compose(t, "Plan 9", "4", ssm.Items{ssm.Application: {Captured: noon, Entries: apps(2)}})
	if c.Supported || len(c.Agent.Packages) != 0 || len(c.Agent.Gaps) != 1 || c.Agent.OS.Known() {
		t.Errorf("unknown system: %+v", c.Agent)
	}
	for _, os := range []string{"Bottlerocket", "macOS", "Alpine Linux"} {
		c := compose(t, os, "1.2", ssm.Items{ssm.Application: {Captured: noon, Entries: []map[string]string{{"Name": "a", "Version": "1", "Release": "2"}}}})
		if len(c.Agent.Packages)+len(c.Agent.Gaps) == 0 {
			t.Errorf("%s: neither packages nor a gap", os)
		}
	}
}

// TestRealHost makes the agent's list of this machine as the agent does, with its dpkg-query, and holds what is composed of it against dpkg.
func TestRealHost(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${Maintainer}\n").Output()
	if err != nil {
		t.Skipf("SKIPPED: no dpkg-query here: %v", err)
	}
	var entries []map[string]string
	want := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		arch := f[2]
		if arch == "amd64" {
			arch = "x86_64"
		}
		id := f[0] + "_" + f[1] + "_" + f[2] + ".deb"
		entries = append(entries, map[string]string{"Name": f[0], "Version": f[1], "Architecture": arch, "Publisher": f[3], "PackageId": id[:min(len(id), 100)]})
		if f[1] != "" {
			want[f[0]+" "+f[1]+" "+f[2]] = true
		}
	}
	c := compose(t, "Debian GNU/Linux", "12", ssm.Items{ssm.Application: {Captured: noon, Entries: entries}})
	got := map[string]bool{}
	for _, p := range c.Agent.Packages {
		got[p.Name+" "+p.Version+" "+p.Arch] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Logf("%d packages", len(got))
}

func TestBest(t *testing.T) {
	pkg := func(names ...string) (out []inventory.Package) {
		for _, n := range names {
			out = append(out, inventory.Package{Name: n, Version: "1", FoundBy: "dpkg"})
		}
		return out
	}
	now, stale := noon, 24*time.Hour
	at := func(h int, names ...string) *inventory.Inventory {
		return &inventory.Inventory{ReadAt: noon.Add(-time.Duration(h) * time.Hour), Packages: pkg(names...), Covered: []string{"/var/lib/dpkg/status"}}
	}
	agent, mine := at(1, "a"), at(2, "a", "b")
	if ssm.Best(nil, nil, now, stale) != nil || ssm.Best(agent, nil, now, stale) != agent || ssm.Best(nil, mine, now, stale) != mine || ssm.Best(agent, mine, now, stale) != mine {
		t.Error("the wrong one of two was chosen")
	}
	if old := at(30, "a"); ssm.Best(agent, old, now, stale) != agent || ssm.Best(at(40, "a"), old, now, stale) != old {
		t.Error("a stale one was chosen before a fresh one")
	}
	if got := ssm.Best(at(1, "a", "c"), mine, now, stale); len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Reason, "1 packages were installed or changed since the collector ran") || len(mine.Gaps) != 0 {
		t.Errorf("changed since: %+v", got)
	}
}

// TestDeep tells by who found the gap why an instance's language packages are not seen where they should be.
func TestDeep(t *testing.T) {
	at := func(age time.Duration) *inventory.Inventory { return &inventory.Inventory{ReadAt: noon.Add(-age)} }
	for _, tc := range []struct {
		name   string
		c      ssm.Composed
		reason coverage.Reason
		words  string
	}{
		{"fresh", ssm.Composed{Delivered: true, Collected: at(time.Hour)}, "", ""},
		{"never", ssm.Composed{}, coverage.DeepNoInventory, "has not delivered"},
		{"stale", ssm.Composed{Delivered: true, Collected: at(8 * 24 * time.Hour)}, coverage.DeepNoInventory, "more than 7 days ago"},
		{"damaged", ssm.Composed{Delivered: true}, coverage.DeepNoInventory, "cannot be read"},
		{"packages", ssm.Composed{Delivered: true, Limit: &collected.Head{Limit: coverage.GapDeepPackages, Detail: "too many"}}, coverage.DeepPackageLimit, "too many"},
		{"daily", ssm.Composed{Delivered: true, Limit: &collected.Head{Limit: coverage.GapDeepDaily, Detail: "enough"}}, coverage.DeepDailyLimit, "enough"},
		{"time", ssm.Composed{Delivered: true, Limit: &collected.Head{Limit: coverage.GapDeepTime, Detail: "too long"}}, coverage.DeepTimeLimit, "too long"},
	} {
		gap, lacks := ssm.Deep(tc.c, noon, ssm.DefaultStale)
		if lacks != (tc.reason != "") || lacks && coverage.ReasonOfGap(gap.FoundBy) != tc.reason || !strings.Contains(gap.Reason, tc.words) {
			t.Errorf("%s: got %+v %v, want %s %q", tc.name, gap, lacks, tc.reason, tc.words)
		}
		for _, database := range []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm", "/var/lib/dpkg/status"} {
			if strings.HasPrefix(database, gap.Path) {
				t.Errorf("%s: a gap at %s says that %s was not read", tc.name, gap.Path, database)
			}
		}
	}
}

// TestRefused composes what a collector says that could not deliver.
func TestRefused(t *testing.T) {
	item := collected.Refuse(noon, coverage.GapDeepDaily, "no more today")
	c := compose(t, "Debian GNU/Linux", "12", ssm.Items{collected.TypeName: {Captured: noon, Entries: item.Entries}})
	if c.Collected != nil || !c.Delivered || c.Limit == nil || c.Limit.Limit != coverage.GapDeepDaily || c.Limit.Detail != "no more today" {
		t.Errorf("got %+v", c)
	}
}

// TestDebianSources holds that what AWS's list of Debian cannot say, the source packages by which advisories name what they mend, is a gap over
// every one of these packages: nothing of them is taken for mended, nor for clean.
func TestDebianSources(t *testing.T) {
	for _, system := range []string{"Debian GNU/Linux", "Ubuntu"} {
		c := compose(t, system, "12", ssm.Items{ssm.Application: {Captured: noon, Entries: []map[string]string{
			{"Name": "libssl3", "Version": "3.0.11-1", "Architecture": "x86_64", "PackageId": "libssl3_3.0.11-1_amd64.deb"},
			{"Name": "openssl", "Version": "3.0.11-1", "Architecture": "x86_64", "PackageId": "openssl_3.0.11-1_amd64.deb"},
		}}})
		if len(c.Agent.Packages) != 2 || len(c.Agent.Gaps) != 1 {
			t.Fatalf("%s: %+v", system, c.Agent)
		}
		for _, p := range c.Agent.Packages {
			if g := c.Agent.Gaps[0]; p.SourceName != "" || g.Path != p.Location || !strings.Contains(g.Reason, "from which source packages the 2 packages were built") {
				t.Errorf("%s: %+v is not in the gap %+v", system, p, g)
			}
		}
		mine := &inventory.Inventory{ReadAt: noon.Add(-24 * time.Hour), Covered: []string{"/usr/lib"}, Packages: []inventory.Package{
			{Name: "libssl3", Version: "3.0.11-1", Arch: "amd64", SourceName: "openssl", FoundBy: "dpkg"},
			{Name: "openssl", Version: "3.0.11-1", Arch: "amd64", SourceName: "openssl", FoundBy: "dpkg"},
		}}
		if best := ssm.Best(c.Agent, mine, noon, ssm.DefaultStale); best != mine {
			t.Errorf("%s: the list without sources was preferred to the collector's: %+v", system, best)
		}
	}
}

func FuzzCompose(f *testing.F) {
	for _, os := range []string{"Ubuntu", "AlmaLinux", "Bottlerocket", "Microsoft Windows Server 2022 Datacenter", "x"} {
		b, _ := json.Marshal(apps(3))
		f.Add(os, b)
		f.Add(os, []byte(`[{"Name":"a","Version":"1","Release":"1","PackageId":"--.src.rpm","Epoch":"x"},{"HotFixId":"KB1"}]`))
	}
	f.Fuzz(func(t *testing.T, os string, b []byte) {
		var entries []map[string]string
		if json.Unmarshal(b, &entries) != nil {
			return
		}
		items := ssm.Items{}
		for _, k := range ssm.Types() {
			items[k] = ssm.Item{Captured: noon, Entries: entries}
		}
		c, _ := ssm.Compose(&ssm.Instance{Ref: refOf("i-1"), PlatformName: os, PlatformVersion: "1"}, items)
		if c.Agent != nil && len(c.Agent.Packages) == 0 && len(c.Agent.Gaps) == 0 && len(entries) > 0 {
			allKeys := true
			for _, e := range entries {
				allKeys = allKeys && e["Name"] == "gpg-pubkey"
			}
			if !allKeys {
				t.Errorf("%q of %s: no package and no gap", b, os)
			}
		}
	})
}
