package distro_test

import (
	"slices"
	"strings"
	"testing"

	"hinomi/internal/evaluate/vuln/distro"
	"hinomi/internal/inventory"
)

// TestReleases names releases as the feeds do; nil is an unknown release, never an empty answer.
func TestReleases(t *testing.T) {
	for _, c := range []struct {
		os   inventory.OS
		want []string // the first ones
	}{
		{inventory.OS{ID: "debian", VersionID: "12"}, []string{"12"}},
		{inventory.OS{ID: "debian", VersionID: ""}, nil},
		{inventory.OS{ID: "ubuntu", VersionID: "24.04", Pro: true}, []string{"24.04:LTS", "Pro:24.04:LTS"}},
		{inventory.OS{ID: "ubuntu", VersionID: "rolling"}, nil},
		{inventory.OS{ID: "amzn", VersionID: "2023"}, []string{"2023"}},
		{inventory.OS{ID: "alpine", VersionID: "3.22_alpha20250108"}, nil},
		{inventory.OS{ID: "rhel", VersionID: "9.4"}, []string{"enterprise_linux:9::baseos"}},
		{inventory.OS{ID: "rhel", VersionID: "10.1"}, []string{"enterprise_linux:10.1::baseos"}},
		{inventory.OS{ID: "rhel", VersionID: "7.9"}, []string{"enterprise_linux:7::server"}},
		{inventory.OS{ID: "sles", VersionID: "15.6"}, []string{"Linux Enterprise Server 15 SP6"}},
		{inventory.OS{ID: "sled", VersionID: "15.6"}, []string{"Linux Enterprise Desktop 15 SP6"}},
		{inventory.OS{ID: "sle-micro", VersionID: "5.5"}, []string{"Linux Enterprise Micro 5.5"}},
		{inventory.OS{ID: "sle-micro-rancher", VersionID: "5.3"}, []string{"Linux Enterprise Micro 5.3", "Linux Enterprise Micro for Rancher 5.3"}},
		{inventory.OS{ID: "sle_hpc", VersionID: "15.3"}, []string{"Linux Enterprise High Performance Computing 15 SP3"}},
		{inventory.OS{ID: "sles", VersionID: "16.0"}, []string{"Linux Enterprise Server 16.0"}},
		{inventory.OS{ID: "sl-micro", VersionID: "6.1"}, []string{"Linux Micro 6.1"}},
		{inventory.OS{ID: "sl-micro", VersionID: "x"}, nil},
		{inventory.OS{ID: "bottlerocket", VersionID: "1.19.2"}, []string{""}},
		{inventory.OS{ID: "bottlerocket"}, nil},
		{inventory.OS{ID: "macos", VersionID: "14.4.1"}, []string{"14"}},
		{inventory.OS{ID: "macos", VersionID: "10.15.7"}, []string{"10.15"}},
		{inventory.OS{ID: "macos", VersionID: "10"}, nil},
		{inventory.OS{ID: "windows", VersionID: "2022", Build: "10.0.20348.2227"}, []string{"Windows Server 2022"}},
		{inventory.OS{ID: "windows", VersionID: "2022"}, nil},
	} {
		d, ok := distro.Of(c.os.ID)
		if !ok || !distro.Is(d.Ecosystem) {
			t.Fatalf("%s is not known", c.os.ID)
		}
		got := d.Releases(c.os)
		if (got == nil) != (c.want == nil) || len(got) < len(c.want) || !slices.Equal(got[:len(c.want)], c.want) {
			t.Errorf("%+v: got %q, want %q", c.os, got, c.want)
		}
	}
	if _, ok := distro.Of("slackware"); ok {
		t.Error("an unknown system is known")
	}
}

// TestRedHat10 asks for what earlier minor releases fixed, too: a host that was updated in part may lack it.
func TestRedHat10(t *testing.T) {
	got := distro.RedHat(inventory.OS{VersionID: "10.2"})
	for _, want := range []string{"enterprise_linux:10.2::baseos", "enterprise_linux:10.1::appstream", "enterprise_linux:10.0::baseos", "enterprise_linux:10", "enterprise_linux:10.2"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if slices.Contains(got, "enterprise_linux:10.3::baseos") {
		t.Error("a later release is among them")
	}
	if n := len(distro.RedHat(inventory.OS{VersionID: "10.99999"})); n > 20 {
		t.Errorf("%d names for a release that cannot be", n)
	}
}

func TestRedHatProduct(t *testing.T) {
	for _, c := range []struct{ id, version, want string }{
		{"rhel-9-for-x86_64-baseos-rpms", "9.4", "enterprise_linux:9::baseos"},
		{"rhel-9-for-aarch64-appstream-eus-rpms", "9.4", "rhel_eus:9.4::appstream"},
		{"rhel-8-for-x86_64-baseos-e4s-rpms", "8.6", "rhel_e4s:8.6::baseos"},
		{"rhui-rhel-8-for-x86_64-highavailability-rhui-rpms", "8.10", "enterprise_linux:8::highavailability"},
		{"rhel-8-appstream-rhui-rpms", "8.10", "enterprise_linux:8::appstream"},
		{"codeready-builder-for-rhel-9-x86_64-rpms", "9.4", "enterprise_linux:9::crb"},
		{"rhel-9-for-x86_64-rt-rpms", "9.4", "enterprise_linux:9::realtime"},
		{"rhel-8-for-x86_64-sap-netweaver-rpms", "8.10", "enterprise_linux:8::sap"},
		{"rhel-8-for-x86_64-sap-solutions-rpms", "8.10", "enterprise_linux:8::sap_hana"},
		{"rhel-7-server-rpms", "7.9", "enterprise_linux:7::server"},
		{"rhel-10-for-x86_64-baseos-rpms", "10.1", "enterprise_linux:10.1::baseos"},
		{"rhel-8-for-x86_64-baseos-rpms", "9.4", ""},
		{"epel", "9.4", ""},
		{"", "", ""},
	} {
		if got := distro.RedHatProduct(c.id, c.version); got != c.want {
			t.Errorf("%s on %s: got %q, want %q", c.id, c.version, got, c.want)
		}
	}
}

// FuzzReleases holds that no os-release makes a panic or a flood of names.
func FuzzReleases(f *testing.F) {
	f.Add("rhel", "10.1", "", "rhel-10-for-x86_64-baseos-rpms")
	f.Add("windows", "2019", "10.0.17763.5329", "")
	f.Add("sles", "15.5", "", "")
	f.Fuzz(func(t *testing.T, id, version, build, repo string) {
		distro.RedHatProduct(repo, version)
		d, ok := distro.Of(id)
		if !ok {
			return
		}
		if l := d.Releases(inventory.OS{ID: id, VersionID: version, Build: build}); len(l) > 250 {
			t.Errorf("%d names", len(l))
		}
	})
}

// TestExtended asks for longer support where the enabled repositories carry it.
func TestExtended(t *testing.T) {
	on := func(ids ...string) (l []inventory.Repo) {
		for _, id := range ids {
			l = append(l, inventory.Repo{ID: id, Enabled: true})
		}
		return append(l, inventory.Repo{ID: "SLE-Product-SLES15-SP4-ESPOS-Updates"})
	}
	for _, c := range []struct {
		os    inventory.OS
		repos []inventory.Repo
		want  string
	}{
		{inventory.OS{ID: "sles", VersionID: "15.4"}, on("SLE-Product-SLES15-SP4-Updates"), ""},
		{inventory.OS{ID: "sles", VersionID: "15.4"}, on("SUSE_Linux_Enterprise_Server_LTSS_x86_64:SLE-Product-SLES15-SP4-LTSS-Updates", "SLES15-SP4-LTSS-Updates"), "Linux Enterprise Server 15 SP4-LTSS"},
		{inventory.OS{ID: "sles", VersionID: "15.4"}, on("SLE-Product-SLES15-SP4-LTSS-Debuginfo-Updates", "no-ltssupport"), ""},
		{inventory.OS{ID: "sles_sap", VersionID: "12.5"}, on("SLES12-SP5-LTSS-Extended-Security-Updates"), "Linux Enterprise Server 12 SP5-LTSS|Linux Enterprise Server LTSS Extended Security 12 SP5"},
		{inventory.OS{ID: "sle_hpc", VersionID: "15.3"}, on("SLE-Product-HPC-15-SP3-ESPOS-Updates"), "Linux Enterprise High Performance Computing 15 SP3-ESPOS"},
		{inventory.OS{ID: "sles", VersionID: "x"}, on("SLES15-SP4-LTSS-Updates"), ""},
		{inventory.OS{ID: "opensuse-leap", VersionID: "15.4"}, on("SLES15-SP4-LTSS-Updates"), ""},
	} {
		if got := strings.Join(distro.Extended(c.os, c.repos), "|"); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.os.ID, c.os.VersionID, got, c.want)
		}
	}
}
