package inventory_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
)

func TestEcosystem(t *testing.T) {
	for _, c := range []struct {
		id    string
		want  inventory.Ecosystem
		known bool
	}{
		{"debian", inventory.Debian, true},
		{"ubuntu", inventory.Ubuntu, true},
		{"rhel", inventory.RedHat, true},
		{"rocky", inventory.Rocky, true},
		{"amzn", inventory.Amazon, true},
		{"ol", inventory.Oracle, true},
		{"sles", inventory.SUSE, true},
		{"sles_sap", inventory.SUSE, true},
		{"sle_hpc", inventory.SUSE, true},
		{"sle-micro-rancher", inventory.SUSE, true},
		{"opensuse-leap", inventory.OpenSUSE, true},
		{"opensuse-tumbleweed", inventory.OpenSUSE, true},
		{"linuxmint", "linuxmint", false},
		{"", "", false},
	} {
		t.Run(c.id, func(t *testing.T) {
			if got, known := (inventory.OS{ID: c.id}).Ecosystem(); got != c.want || known != c.known {
				t.Errorf("got %q, %v, want %q, %v", got, known, c.want, c.known)
			}
		})
	}
}

func example() *inventory.Inventory {
	return &inventory.Inventory{
		OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Host, Covered: []string{"/", "/opt"},
		Packages: []inventory.Package{{Ecosystem: inventory.PyPI, Name: "b"}, {Ecosystem: inventory.Debian, Name: "a", Version: "2"}, {Ecosystem: inventory.Debian, Name: "a", Version: "1"}},
		Kernel:   inventory.Kernel{Release: "6.1", Installed: []string{"6.1"}},
		Gaps:     []inventory.Gap{{Path: "/b"}, {Path: "/a", Reason: "z"}, {Path: "/a", Reason: "y"}},
		ReadAt:   time.Unix(1, 0), Source: "x", Notes: []string{"n"},
	}
}

func TestHash(t *testing.T) {
	a, b := example(), example()
	slices.Reverse(b.Packages)
	slices.Reverse(b.Gaps)
	slices.Reverse(b.Covered)
	b.ReadAt, b.Source, b.Notes = time.Unix(2, 0), "y", nil
	before := slices.Clone(b.Packages)
	if a.Hash() != b.Hash() {
		t.Error("order, time, source and notes change the hash")
	}
	if diff := cmp.Diff(before, b.Packages); diff != "" {
		t.Error("Hash changes its receiver: ", diff)
	}
	for name, change := range map[string]func(*inventory.Inventory){
		"package": func(i *inventory.Inventory) { i.Packages[0].Version = "9" },
		"owner":   func(i *inventory.Inventory) { i.Packages[0].OwnedBy = "x" },
		"gap":     func(i *inventory.Inventory) { i.Gaps[0].Reason = "x" },
		"kernel":  func(i *inventory.Inventory) { i.Kernel.Running = true },
		"method":  func(i *inventory.Inventory) { i.Method = inventory.Agent },
		"covered": func(i *inventory.Inventory) { i.Covered = i.Covered[:1] },
	} {
		c := example()
		if change(c); c.Hash() == a.Hash() {
			t.Errorf("%s: a change leaves the hash", name)
		}
	}
}

func TestSort(t *testing.T) {
	a := example()
	a.Sort()
	text, err := json.Marshal(a.Gaps)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"path":"/a","reason":"y"},{"path":"/a","reason":"z"},{"path":"/b","reason":""}]`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if a.Packages[0].Version != "1" || a.Packages[2].Name != "b" {
		t.Errorf("got %+v", a.Packages)
	}
}
