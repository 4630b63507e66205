package kernel_test

import (
	"testing"

	"hinomi/internal/evaluate/vuln/kernel"
	"hinomi/internal/inventory"
)

func pkg(name, version, arch string) *inventory.Package {
	return &inventory.Package{Name: name, Version: version, Arch: arch}
}

// TestOf tells packages of a build from those that are there once. Names and versions are those that the distributions use.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       *inventory.Package
		ok      bool
		image   bool
		release string
	}{
		{"debian", pkg("linux-image-6.1.0-18-amd64", "6.1.76-1", "amd64"), true, true, "6.1.0-18-amd64"},
		{"debian_cloud", pkg("linux-image-6.1.0-18-cloud-amd64", "6.1.76-1", "amd64"), true, true, "6.1.0-18-cloud-amd64"},
		{"debian_13", pkg("linux-image-6.12.43+deb13-amd64", "6.12.43-1", "amd64"), true, true, "6.12.43+deb13-amd64"},
		{"debian_backport", pkg("linux-image-6.1.0-0.deb11.21-amd64", "6.1.90-1~deb11u1", "amd64"), true, true, "6.1.0-0.deb11.21-amd64"},
		{"debian_unsigned", pkg("linux-image-6.1.0-18-amd64-unsigned", "6.1.76-1", "amd64"), true, true, "6.1.0-18-amd64"},
		{"debian_headers", pkg("linux-headers-6.1.0-18-common", "6.1.76-1", "all"), true, false, "6.1.0-18-common"},
		{"debian_newest", pkg("linux-image-amd64", "6.1.76-1", "amd64"), false, false, ""},
		{"debian_libc", pkg("linux-libc-dev", "6.1.76-1", "amd64"), false, false, ""},
		{"debian_kbuild", pkg("linux-kbuild-6.1", "6.1.76-1", "amd64"), false, false, ""},
		{"ubuntu_modules", pkg("linux-modules-extra-5.15.0-1051-aws", "5.15.0-1051.56", "amd64"), true, true, "5.15.0-1051-aws"},
		{"ubuntu_headers", pkg("linux-aws-6.5-headers-6.5.0-1014", "6.5.0-1014.14~22.04.1", "all"), true, false, "6.5.0-1014"},
		{"ubuntu_newest", pkg("linux-image-aws", "5.15.0.1051.56", "amd64"), false, false, ""},
		{"ubuntu_base", pkg("linux-base", "4.5ubuntu9", "all"), false, false, ""},
		{"rhel", pkg("kernel-core", "5.14.0-362.8.1.el9_3", "x86_64"), true, true, "5.14.0-362.8.1.el9_3.x86_64"},
		{"rhel_empty", pkg("kernel", "5.14.0-362.8.1.el9_3", "x86_64"), true, true, "5.14.0-362.8.1.el9_3.x86_64"},
		{"rhel_modules", pkg("kernel-64k-modules-core", "5.14.0-362.8.1.el9_3", "aarch64"), true, true, "5.14.0-362.8.1.el9_3.aarch64"},
		{"rhel_devel", pkg("kernel-devel", "5.14.0-362.8.1.el9_3", "x86_64"), true, false, "5.14.0-362.8.1.el9_3.x86_64"},
		{"rhel_headers", pkg("kernel-headers", "5.14.0-362.8.1.el9_3", "x86_64"), false, false, ""},
		{"rhel_tools", pkg("kernel-tools-libs", "5.14.0-362.8.1.el9_3", "x86_64"), false, false, ""},
		{"rhel_macros", pkg("kernel-srpm-macros", "1.0-13.el9", "noarch"), false, false, ""},
		{"oracle", pkg("kernel-uek-core", "5.15.0-200.131.27.el9uek", "x86_64"), true, true, "5.15.0-200.131.27.el9uek.x86_64"},
		{"amazon_612", pkg("kernel6.12", "6.12.20-23.97.amzn2023", "x86_64"), true, true, "6.12.20-23.97.amzn2023.x86_64"},
		{"amazon_livepatch", pkg("kernel-livepatch-6.1.61-85.141", "1.0-4.amzn2023", "x86_64"), false, false, ""},
		{"suse", pkg("kernel-default", "5.14.21-150500.55.39.1", "x86_64"), true, true, "5.14.21-150500.55.39.1.x86_64"},
		{"other", pkg("bash", "5.1-1", "x86_64"), false, false, ""},
		{"nothing", pkg("kernel-", "1", ""), false, false, ""},
	} {
		b, ok := kernel.Of(c.p)
		if ok != c.ok || b.Image != c.image || b.Release != c.release {
			t.Errorf("%s: got %+v, %v; want image %v, release %q, %v", c.name, b, ok, c.image, c.release, c.ok)
		}
	}
}

// TestIs compares builds with what uname -r tells.
func TestIs(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       *inventory.Package
		running string
		want    bool
	}{
		{"debian", pkg("linux-image-6.1.0-18-amd64", "6.1.76-1", "amd64"), "6.1.0-18-amd64", true},
		{"debian_older", pkg("linux-image-6.1.0-17-amd64", "6.1.69-1", "amd64"), "6.1.0-18-amd64", false},
		{"debian_flavour", pkg("linux-image-6.1.0-18-cloud-amd64", "6.1.76-1", "amd64"), "6.1.0-18-amd64", false},
		{"debian_common", pkg("linux-headers-6.1.0-18-common", "6.1.76-1", "all"), "6.1.0-18-amd64", true},
		{"ubuntu_plain_headers", pkg("linux-headers-5.15.0-91", "5.15.0-91.101", "all"), "5.15.0-91-generic", true},
		{"ubuntu_1_is_not_10", pkg("linux-image-5.15.0-1-aws", "5.15.0-1.1", "amd64"), "5.15.0-10-aws", false},
		{"rhel", pkg("kernel-core", "5.14.0-362.8.1.el9_3", "x86_64"), "5.14.0-362.8.1.el9_3.x86_64", true},
		{"rhel_not_rt", pkg("kernel-core", "5.14.0-362.8.1.el9_3", "x86_64"), "5.14.0-362.8.1.el9_3.x86_64+rt", false},
		{"rhel_rt", pkg("kernel-rt-core", "5.14.0-362.8.1.el9_3", "x86_64"), "5.14.0-362.8.1.el9_3.x86_64+rt", true},
		{"rhel8_rt", pkg("kernel-rt-core", "4.18.0-513.5.1.rt7.307.el8_9", "x86_64"), "4.18.0-513.5.1.rt7.307.el8_9.x86_64", true},
		{"rhel_64k", pkg("kernel-64k-core", "5.14.0-362.8.1.el9_3", "aarch64"), "5.14.0-362.8.1.el9_3.aarch64", false},
		{"oracle_debug", pkg("kernel-uek-debug", "5.15.0-200.131.27.el9uek", "x86_64"), "5.15.0-200.131.27.el9uek.x86_64.debug", true},
		{"amazon", pkg("kernel", "6.1.61-85.141.amzn2023", "x86_64"), "6.1.61-85.141.amzn2023.x86_64", true},
		{"epoch", pkg("kernel", "0:6.1.61-85.141.amzn2023", "x86_64"), "6.1.61-85.141.amzn2023.x86_64", true},
		{"suse", pkg("kernel-default", "5.14.21-150500.55.39.1", "x86_64"), "5.14.21-150500.55.39-default", true},
		{"suse_base", pkg("kernel-default-base", "5.14.21-150500.55.39.1.150500.6.17.1", "x86_64"), "5.14.21-150500.55.39-default", true},
		{"suse_older", pkg("kernel-default", "5.14.21-150500.55.3.1", "x86_64"), "5.14.21-150500.55.39-default", false},
		{"suse_flavour", pkg("kernel-azure", "5.14.21-150500.55.39.1", "x86_64"), "5.14.21-150500.55.39-default", false},
	} {
		b, ok := kernel.Of(c.p)
		if !ok || b.Is(c.running) != c.want {
			t.Errorf("%s: got %v (%+v), want %v", c.name, b.Is(c.running), b, c.want)
		}
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"linux-image-6.1.0-18-amd64", "linux-signed-amd64", "linux"},
		{"linux-image-6.5.0-1014-aws", "linux-signed-aws-6.5", "linux-aws-6.5"},
		{"linux-image-5.15.0-91-generic", "linux-signed", "linux"},
		{"linux-image-6.1.0-18-amd64-unsigned", "linux", ""},
		{"linux-image-amd64", "linux-signed-amd64", ""},
		{"linux-image-6.1.0-18-amd64", "linux-signedness", ""},
	} {
		got, version, ok := kernel.Source(&inventory.Package{Name: c.name, SourceName: c.source, Version: "6.1.76-1", SourceVersion: "6.1.76+1"})
		if got != c.want || ok != (c.want != "") || ok && version != "6.1.76-1" {
			t.Errorf("%s of %s: got %q %q %v, want %q", c.name, c.source, got, version, ok, c.want)
		}
	}
}

func TestPatches(t *testing.T) {
	for _, c := range []struct {
		name, running string
		ok, want      bool
	}{
		{"kernel-livepatch-6.1.61-85.141", "6.1.61-85.141.amzn2023.x86_64", true, true},
		{"kernel-livepatch-6.1.61-85.14", "6.1.61-85.141.amzn2023.x86_64", true, false},
		{"kpatch-patch-5_14_0-362_8_1", "5.14.0-362.8.1.el9_3.x86_64", true, true},
		{"kernel-livepatch-5_14_21-150500_55_39-default", "5.14.21-150500.55.39-default", true, true},
		{"kernel-livepatch-5_14_21-150500_55_39-default", "5.14.21-150500.55.44-default", true, false},
		{"kernel-livepatch-tools", "", false, false},
		{"kpatch", "", false, false},
	} {
		r, ok := kernel.PatchFor(&inventory.Package{Name: c.name})
		if ok != c.ok || ok && kernel.Patches(r, c.running) != c.want {
			t.Errorf("%s on %s: %q %v, want %v %v", c.name, c.running, r, ok, c.ok, c.want)
		}
	}
}

// TestSibling finds the build that takes another's place.
func TestSibling(t *testing.T) {
	a, _ := kernel.Of(pkg("linux-image-6.1.0-17-amd64", "6.1.69-1", "amd64"))
	b, _ := kernel.Of(pkg("linux-image-6.1.0-18-amd64", "6.1.76-1", "amd64"))
	c, _ := kernel.Of(pkg("linux-image-6.1.0-18-cloud-amd64", "6.1.76-1", "amd64"))
	if !a.Sibling(b) || a.Sibling(a) || a.Sibling(c) {
		t.Errorf("a and b %v, a and itself %v, a and c %v", a.Sibling(b), a.Sibling(a), a.Sibling(c))
	}
}

// FuzzOf holds that no name makes a panic, and that a build is the release it names where the package says it whole.
func FuzzOf(f *testing.F) {
	for _, s := range []string{"linux-image-6.1.0-18-amd64", "linux-aws-6.5-headers-6.5.0-1014", "kernel-64k-modules-core", "kernel-uek", "kernel6.12", "linux-1.2.3", "kernel-"} {
		f.Add(s, "5.14.0-362.8.1.el9_3", "x86_64")
	}
	f.Fuzz(func(t *testing.T, name, version, arch string) {
		p := pkg(name, version, arch)
		p.SourceName = name
		kernel.Source(p)
		if r, ok := kernel.PatchFor(p); ok {
			if kernel.Patches(r, "") && r != "" {
				t.Errorf("%q patches nothing", r)
			}
		}
		if b, ok := kernel.Of(p); ok && name[0] == 'l' && !b.Is(b.Release) {
			t.Errorf("%q: %+v is not its own release", name, b)
		}
	})
}
