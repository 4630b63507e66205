package windows_test

import (
	"slices"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/windows"
	"hinomi/internal/inventory"
)

// TestProduct names systems as the Security Update Guide does.
func TestProduct(t *testing.T) {
	for _, c := range []struct {
		os   inventory.OS
		want string
	}{
		{inventory.OS{VersionID: "2019", Build: "10.0.17763.5329", PrettyName: "Windows Server 2019 Datacenter"}, "Windows Server 2019"},
		{inventory.OS{VersionID: "2022", Build: "10.0.20348.2227"}, "Windows Server 2022"},
		{inventory.OS{VersionID: "2025", Build: "10.0.26100.1742", PrettyName: "Windows Server 2025 Datacenter"}, "Windows Server 2025"},
		{inventory.OS{VersionID: "11", Build: "10.0.26100.1742", PrettyName: "Windows 11 Pro", Arch: "arm64"}, "Windows 11 Version 24H2"},
		{inventory.OS{VersionID: "10", Build: "10.0.17763.5329", PrettyName: "Windows 10 Enterprise LTSC 2019", Arch: "amd64"}, "Windows 10 Version 1809"},
		{inventory.OS{VersionID: "10", Build: "10.0.19045.3803", PrettyName: "Windows 10 Pro 22H2", Arch: "x86"}, "Windows 10 Version 22H2"},
		{inventory.OS{VersionID: "2012 R2", Build: "6.3.9600.20000", PrettyName: "Windows Server 2012 R2 Standard"}, "Windows Server 2012 R2"},
		{inventory.OS{VersionID: "2016", Build: "10.0.14393"}, "Windows Server 2016"},
		{inventory.OS{VersionID: "", Build: "10.0.99999.1"}, ""},
		{inventory.OS{VersionID: "2019"}, ""},
	} {
		if got := windows.Product(c.os); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.os, got, c.want)
		}
	}
}

func TestComponents(t *testing.T) {
	inv := &inventory.Inventory{OS: inventory.OS{Build: "10.0.17763.1"}, Packages: []inventory.Package{
		{Ecosystem: inventory.Windows, Name: ".NET Framework", Version: "4.8.03761"},
		{Ecosystem: inventory.Windows, Name: ".NET Framework", Version: "3.5.30729.4926"},
		{Ecosystem: inventory.NPM, Name: ".NET Framework", Version: "4.7.2"},
	}}
	var names []string
	for _, c := range windows.Components(inv) {
		names = append(names, c.Name)
	}
	want := []string{"Microsoft .NET Framework 4.8", "Microsoft .NET Framework 3.5", "Microsoft .NET Framework 3.5 AND 4.8", "Internet Explorer 11"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if l := windows.Components(&inventory.Inventory{OS: inventory.OS{Build: "10.0.26100.1"}}); len(l) != 0 {
		t.Errorf("of Server 2025: %+v", l)
	}
	for version, want := range map[string]string{"4.8.09032": "4.8.1", "4.7.03062": "4.7.2", "4.7.02558": "4.7.1", "4.6.01590": "4.6.2", "2.0.50727": ""} {
		l := windows.Components(&inventory.Inventory{Packages: []inventory.Package{{Ecosystem: inventory.Windows, Name: ".NET Framework", Version: version}}})
		if want == "" && len(l) != 0 || want != "" && (len(l) != 1 || l[0].Name != "Microsoft .NET Framework "+want) {
			t.Errorf("%s: got %+v, want %q", version, l, want)
		}
	}
}

func TestKB(t *testing.T) {
	for in, want := range map[string]string{"5034127": "KB5034127", "KB5034127": "KB5034127", " kb958644": "KB958644", "KB": "", "RollupFix": "", "12345": "", "KB123456789": "", "": ""} {
		if got := windows.KB(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func host(build string, installed ...string) *inventory.Inventory {
	inv := &inventory.Inventory{OS: inventory.OS{ID: "windows", Build: build}}
	for _, kb := range installed {
		inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Windows, Name: kb, Version: "1"})
	}
	return inv
}

// TestHas judges a fix by the build where it can, else by the chain of updates that replace it.
func TestHas(t *testing.T) {
	chain := []windows.Fix{
		{KB: "KB5000002", Supersedes: []string{"KB5000001"}},
		{KB: "KB5000003", Supersedes: []string{"KB5000002", "KB5000003"}},
		{KB: "KB5000004", Supersedes: []string{"KB5000003"}},
		{KB: "KB5000002", Supersedes: []string{"KB5000004"}}, // a circle, as a faulty feed may have
		{KB: "KB6000001"},
		{KB: "KB7000001", Supersedes: []string{"KB7000000"}, Build: "10.0.17763.5600"},
	}
	fix := func(kb, build string) windows.Fix { return windows.Fix{KB: kb, Build: build} }
	for _, c := range []struct {
		name    string
		inv     *inventory.Inventory
		f       windows.Fix
		has, ok bool
		why     string
	}{
		{"build_before", host("10.0.17763.5122"), fix("KB5000001", "10.0.17763.5329"), false, true, "10.0.17763.5122 < 10.0.17763.5329 (OS build)"},
		{"build_at", host("10.0.17763.5329"), fix("KB5000001", "10.0.17763.5329"), true, true, "10.0.17763.5329 >= 10.0.17763.5329 (OS build)"},
		{"build_by_number", host("10.0.17763.999"), fix("KB5000001", "10.0.17763.5329"), false, true, "10.0.17763.999 < 10.0.17763.5329 (OS build)"},
		{"build_goes_before_list", host("10.0.17763.5122", "KB5000001"), fix("KB5000001", "10.0.17763.5329"), false, true, "10.0.17763.5122 < 10.0.17763.5329 (OS build)"},
		{"build_of_another_line", host("10.0.20348.1", "KB5000001"), fix("KB5000001", "10.0.17763.5329"), true, true, "KB5000001 is installed"},
		{"build_of_a_part", host("10.0.17763.5329"), fix("KB5000001", "4.8.4690.2"), false, true, "KB5000001 is not installed, nor what replaces it"},
		{"build_by_update", host("10.0.17763.6000"), fix("KB7000001", ""), true, true, "10.0.17763.6000 >= 10.0.17763.5600 (OS build)"},
		{"build_of_what_replaces_it", host("10.0.17763.6000"), fix("KB7000000", ""), true, true, "KB7000001, which replaces KB7000000, is installed"},
		{"installed", host("", "KB5000001"), fix("KB5000001", ""), true, true, "KB5000001 is installed"},
		{"replaced", host("", "KB5000002"), fix("KB5000001", ""), true, true, "KB5000002, which replaces KB5000001, is installed"},
		{"replaced_three_times", host("", "KB5000004"), fix("KB5000001", ""), true, true, "KB5000004, which replaces KB5000001, is installed"},
		{"older_is_not_enough", host("", "KB5000001"), fix("KB6000001", ""), false, true, "KB6000001 is not installed, nor what replaces it"},
		{"no_revision", host("10.0.17763", "KB5000001"), fix("KB5000001", "10.0.17763.5329"), true, true, "KB5000001 is installed"},
		{"nothing_known_of_host", host(""), fix("KB5000001", "10.0.17763.5329"), false, false, ""},
		{"nothing_known_of_fix", host("10.0.17763.5329", "KB1"), fix("", ""), false, false, ""},
	} {
		h := windows.NewHost(c.inv, chain)
		has, why, ok := h.Has(c.f)
		if has != c.has || ok != c.ok || why != c.why {
			t.Errorf("%s: got %v %q %v, want %v %q %v", c.name, has, why, ok, c.has, c.why, c.ok)
		}
	}
	h := windows.NewHost(host("", "KB1"), chain[:3])
	if got := h.Latest("KB5000001"); got != "KB5000004" {
		t.Errorf("latest %q", got)
	}
	if got := h.Latest("KB6000001"); got != "" {
		t.Errorf("latest of what nothing replaces: %q", got)
	}
}

// TestCumulative takes a later cumulative update for an earlier one where the chain between them has a hole, and for nothing else.
func TestCumulative(t *testing.T) {
	day := func(month int) time.Time { return time.Date(2026, time.Month(month), 10, 0, 0, 0, 0, time.UTC) }
	var all []windows.Fix
	month := func(kb string, n, advisories int) {
		for range advisories {
			all = append(all, windows.Fix{KB: kb, System: true, At: day(n)})
		}
	}
	month("KB5000010", 1, 20)
	month("KB5000020", 2, 20)
	month("KB5000030", 3, 20)
	month("KB5000015", 1, 3) // the boot loader's list, say: one thing alone
	all = append(
		all, windows.Fix{KB: "KB5000020", System: true, At: day(12)}, windows.Fix{KB: "KB5000010", System: true, At: day(1).AddDate(-9, 0, 0)}, // told late, and an old one told again
		windows.Fix{KB: "KB5000011", Supersedes: []string{"KB5000009"}, System: true, At: day(1)}, windows.Fix{KB: "KB5000010", Supersedes: []string{"KB5000011"}, System: true, At: day(1)},
	)
	for _, c := range []struct {
		name, build, installed, asked string
		want                          bool
	}{
		{"earlier", "10.0.17763", "KB5000020", "KB5000010", true},
		{"itself", "10.0.17763", "KB5000020", "KB5000020", true},
		{"later", "10.0.17763", "KB5000020", "KB5000030", false},
		{"one_thing_alone", "10.0.17763", "KB5000020", "KB5000015", false},
		{"one_thing_installed_holds_nothing", "10.0.17763", "KB5000015", "KB5000010", false},
		{"unknown_installed", "10.0.17763", "KB5999999", "KB5000010", false},
		{"by_chain_to_what_it_holds", "10.0.17763", "KB5000020", "KB5000009", true},
		{"before_windows_10", "6.3.9600", "KB5000020", "KB5000010", false},
	} {
		h := windows.NewHost(host(c.build, c.installed), all)
		if has, why, ok := h.Has(windows.Fix{KB: c.asked}); has != c.want || !ok {
			t.Errorf("%s: got %v %q %v, want %v", c.name, has, why, ok, c.want)
		}
	}
}

// TestLifecycle names systems as endoflife.date does.
func TestLifecycle(t *testing.T) {
	for _, c := range []struct {
		os            inventory.OS
		product, want string
	}{
		{inventory.OS{VersionID: "2019", Build: "10.0.17763.1", PrettyName: "Windows Server 2019 Datacenter"}, "windows-server", "2019"},
		{inventory.OS{VersionID: "2012 R2", Build: "6.3.9600", PrettyName: "Windows Server 2012 R2 Standard"}, "windows-server", "2012-r2"},
		{inventory.OS{VersionID: "2008 R2", Build: "6.1.7601", PrettyName: "Windows Server 2008 R2 Standard"}, "windows-server", "2008-r2-sp1"},
		{inventory.OS{VersionID: "23H2", Build: "10.0.25398.1", PrettyName: "Windows Server 2022 Datacenter"}, "windows-server", "23h2-ac"},
		{inventory.OS{VersionID: "2004", Build: "10.0.19041.1", PrettyName: "Windows Server Datacenter"}, "windows-server", "2004-sac"},
		{inventory.OS{VersionID: "10", Build: "10.0.19045.1", PrettyName: "Windows 10 Pro 22H2"}, "windows", "10-22h2"},
		{inventory.OS{VersionID: "11", Build: "10.0.26100.1", PrettyName: "Windows 11 Enterprise"}, "windows", "11-24h2-e"},
		{inventory.OS{VersionID: "11", Build: "10.0.26100.1", PrettyName: "Windows 11 Pro"}, "windows", "11-24h2-w"},
		{inventory.OS{VersionID: "10", Build: "10.0.17763.1", PrettyName: "Windows 10 Enterprise LTSC 2019"}, "windows", "10-1809-e-lts"},
		{inventory.OS{VersionID: "7", Build: "6.1.7601", PrettyName: "Windows 7 Professional"}, "windows", "7-sp1"},
	} {
		product, names := windows.Lifecycle(c.os)
		if product != c.product || !slices.Contains(names, c.want) {
			t.Errorf("%+v: got %q %q, want %q %q", c.os, product, names, c.product, c.want)
		}
	}
}

func TestNewer(t *testing.T) {
	l := []windows.Fix{{KB: "KB5000003"}, {KB: "KB5000001", Build: "10.0.17763.5000"}, {KB: "KB5000002", Build: "10.0.17763.5329"}, {KB: "KB999999"}}
	slices.SortFunc(l, func(a, b windows.Fix) int {
		if windows.Newer(a, b) {
			return -1
		}
		return 1
	})
	var got []string
	for _, f := range l {
		got = append(got, f.KB)
	}
	if want := []string{"KB5000002", "KB5000001", "KB5000003", "KB999999"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzHas holds that no chain and no build make a panic or an endless walk.
func FuzzHas(f *testing.F) {
	f.Add("10.0.17763.5122", "10.0.17763.5329", "5034127", "KB5034127", "5031361")
	f.Add("", "x", "", "KB", "5031361")
	f.Fuzz(func(t *testing.T, build, fixed, kb, installed, old string) {
		row := &advisory.Row{Affected: advisory.Affected{KB: kb, Supersedes: []string{old, kb}, Ranges: []advisory.Range{{Events: []advisory.Event{{Fixed: fixed}}}}}}
		fix := windows.FixOf(row)
		back := windows.Fix{KB: windows.KB(old), Supersedes: []string{windows.KB(kb)}}
		h := windows.NewHost(host(build, installed), []windows.Fix{fix, back})
		has, why, ok := h.Has(fix)
		if has && !ok || ok && why == "" {
			t.Errorf("%v %q %v", has, why, ok)
		}
		h.Latest(fix.KB)
		if windows.Newer(fix, back) && windows.Newer(back, fix) {
			t.Errorf("both %+v and %+v are newer", fix, back)
		}
	})
}
