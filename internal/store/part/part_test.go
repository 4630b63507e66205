package part_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/store/part"
)

func host(packages ...inventory.Package) *inventory.Inventory {
	return &inventory.Inventory{
		OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agentless, Covered: []string{"/"},
		Kernel: inventory.Kernel{Release: "6.1.0-18-amd64"}, Packages: packages,
	}
}

func deb(name, source, version string) inventory.Package {
	return inventory.Package{Ecosystem: inventory.Debian, Name: name, SourceName: source, Version: version, Location: "/var/lib/dpkg/status"}
}

func npm(name, version, root string) inventory.Package {
	return inventory.Package{Ecosystem: inventory.NPM, Name: name, Version: version, Location: root + "/node_modules/" + name + "/package.json"}
}

// layout is each part's root with the names of its units' packages.
func layout(parts []part.Part) map[string][]string {
	out := map[string][]string{}
	for _, p := range parts {
		names := []string{}
		for _, u := range p.Units {
			for _, q := range u.Inventory.Packages {
				if q.Name != "" {
					names = append(names, u.Source+"/"+q.Name)
				}
			}
		}
		slices.Sort(names)
		out[p.Root] = names
	}
	return out
}

func hashes(parts []part.Part) map[string]string {
	out := map[string]string{}
	for _, p := range parts {
		out[p.Root] = p.Hash
	}
	return out
}

func TestSplit(t *testing.T) {
	inv := host(
		deb("openssl", "openssl", "3"), deb("libssl3", "openssl", "3"), deb("bash", "", "5"),
		deb("linux-image-6.1.0-18-amd64", "linux-signed-amd64", "6"), deb("linux-headers-6.1.0-18-common", "linux", "6"),
		npm("lodash", "4", "/srv/a"), npm("lodash", "4", "/srv/b"), npm("left-pad", "1", "/srv/a"),
		inventory.Package{Ecosystem: inventory.Go, Name: "stdlib", Version: "1.22", Location: "/usr/local/bin/tool"},
	)
	parts := part.Split(inv)
	want := map[string][]string{
		part.Frame:            {},
		part.System:           {"bash/bash", "linux/linux-headers-6.1.0-18-common", "linux/linux-image-6.1.0-18-amd64", "openssl/libssl3", "openssl/openssl"},
		part.Mixed:            {"lodash/lodash", "lodash/lodash"},
		"/srv/a/node_modules": {"left-pad/left-pad"},
		"/usr/local/bin":      {"stdlib/stdlib"},
	}
	if d := cmp.Diff(want, layout(parts)); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
	for _, p := range parts {
		for _, u := range p.Units {
			kernel := u.Inventory.Kernel.Release != ""
			if kernel != (u.Source == "linux") {
				t.Errorf("unit %s: knows the running kernel %v", u.Source, kernel)
			}
			if system := u.Inventory.OS.ID != ""; system != (p.Root == part.System || u.Frame) {
				t.Errorf("unit %s in %s: knows the system %v", u.Source, p.Root, system)
			}
		}
	}
}

// TestSplitShares: hosts that differ in one thing share all other parts, whatever the order in which packages were read.
func TestSplitShares(t *testing.T) {
	base := []inventory.Package{deb("bash", "", "5"), deb("openssl", "", "3"), npm("left-pad", "1", "/srv/a")}
	one := hashes(part.Split(host(base...)))
	for _, c := range []struct {
		name   string
		inv    *inventory.Inventory
		differ []string
	}{
		{"order", host(base[2], base[1], base[0]), nil},
		{"gap", func() *inventory.Inventory {
			h := host(base...)
			h.Gaps = []inventory.Gap{{Path: "/opt", Reason: "bad block"}}
			return h
		}(), []string{part.Frame}},
		{"system_package", host(base[0], deb("openssl", "", "3.1"), base[2]), []string{part.System}},
		{"library", host(base[0], base[1], npm("left-pad", "2", "/srv/a")), []string{"/srv/a/node_modules"}},
		{"running_kernel", func() *inventory.Inventory {
			h := host(base...)
			h.Kernel.Release = "6.1.0-19-amd64"
			return h
		}(), nil}, // no package of these is a kernel's
		{"release", func() *inventory.Inventory {
			h := host(base...)
			h.OS.VersionID = "13"
			return h
		}(), []string{part.Frame, part.System}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var differ []string
			for root, hash := range hashes(part.Split(c.inv)) {
				if one[root] != hash {
					differ = append(differ, root)
				}
			}
			slices.Sort(differ)
			slices.Sort(c.differ)
			if d := cmp.Diff(c.differ, differ); d != "" {
				t.Errorf("parts that differ (-want +got):\n%s", d)
			}
		})
	}
}

// TestSplitProduct: a system that is one product is judged as one, with everything that its own package manager brought.
func TestSplitProduct(t *testing.T) {
	inv := &inventory.Inventory{OS: inventory.OS{ID: "windows", VersionID: "Windows Server 2019", Build: "10.0.17763.5329"}, Packages: []inventory.Package{
		{Ecosystem: inventory.Windows, Name: "KB5034127", Location: "registry"}, npm("left-pad", "1", "/srv/a"),
	}}
	if d := cmp.Diff(map[string][]string{part.Frame: {"/KB5034127"}, "/srv/a/node_modules": {"left-pad/left-pad"}}, layout(part.Split(inv))); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
}
