package lvm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/lvm"
	"hinomi/internal/source/disk/volume"
)

var archive = disktest.Archive("testdata/groups.tar.gz")

// disks returns the disks that Linux wrote, and the two partitions of vde as
// testdata/lvm.sh made them. They must not be changed.
func disks(t testing.TB) map[string][]byte {
	t.Helper()
	all := maps.Clone(archive.All(t))
	all["vde1"], all["vde2"] = all["vde"][2048*512:][:61440*512], all["vde"][65536*512:][:61440*512]
	return all
}

// member reads a physical volume that must be one.
func member(t testing.TB, b []byte) *lvm.Member {
	t.Helper()
	m, err := lvm.Read(disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sum is the SHA-256 of a whole device, and its size.
func sum(dev volume.Device) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(dev, 0, dev.Size()))
	return fmt.Sprintf("%s %d", hex.EncodeToString(h.Sum(nil)), n), err
}

// state says what became of each volume: its name in sums if its content is
// what Linux read, or the error.
func state(t testing.TB, g *lvm.Group, sums map[string]string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, v := range g.Volumes {
		name := g.Name + "/" + v.Name
		switch {
		case v.Pool:
			out[name] = v.Kind
		case v.Err != nil:
			out[name] = v.Err.Error()
		default:
			got, err := sum(v.Device)
			if err != nil {
				got = err.Error()
			}
			if got == sums[v.Name] {
				got = "as Linux reads it"
			}
			out[name] = v.Kind + " " + got
		}
	}
	return out
}

// TestGroups reads every volume of three groups, byte for byte as Linux read it.
func TestGroups(t *testing.T) {
	all := disks(t)
	sums := disktest.Sums(t, "testdata/groups.want")
	const same = " as Linux reads it"
	cases := []struct {
		name, disks string
		want        map[string]string
		gaps        string
	}{
		{"whole", "vda vdb vdc vdd", map[string]string{
			"vg-one/root": "linear" + same, "vg-one/strip-ed": "striped" + same, "vg-one/mirror": "mirror" + same, "vg-one/r1": "raid1" + same,
			"vg-one/r0": "raid0" + same, "vg-one/r0m": "raid0_meta" + same, "vg-one/origin": "linear" + same,
			"vg-one/thin1": "thin" + same, "vg-one/thin2": "thin" + same, "vg-one/thin3": "thin" + same, "vg-one/thin4": "thin" + same,
			"vg-one/pool":    "thin-pool",
			"vg-one/between": "linear 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58 1048576", // a mebibyte of zeros
			"vg-one/zeros":   "zero 5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee 2097152",
			"vg-one/r5":      "logical volume vg-one/r5 (raid5): segment type raid5: not supported",
			"vg-one/r10":     "logical volume vg-one/r10 (raid10): segment type raid10: not supported",
			"vg-one/cached":  "logical volume vg-one/cached (cache): segment type cache: not supported",
			"vg-one/errors":  "logical volume vg-one/errors (error): segment type error: not supported",
			"vg-one/snap":    "logical volume vg-one/snap: snapshot of origin: not supported",
		}, ""},
		{"wrapped_text", "vde1 vde2", map[string]string{"wrap/first": "linear" + same, "wrap/second": "linear" + same}, ""},
		{"both", "vdf vdg", map[string]string{
			"torn/here": "linear" + same, "torn/half": "raid1" + same, "torn/gone": "linear other", "torn/stale": "raid1 other",
		}, ""},
		{"first_missing", "vdg", map[string]string{
			"torn/here": "(linear): physical volume pv0", "torn/half": "raid1" + same, "torn/gone": "linear other", "torn/stale": "raid1 other",
		}, "is not among the disks"},
		{"second_missing", "vdf", map[string]string{
			"torn/here": "linear" + same, "torn/half": "raid1" + same, "torn/gone": "(linear): physical volume pv1", "torn/stale": "raid1 other",
		}, "is not among the disks"},
		{"no_text_of_its_own", "vde2", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var members []*lvm.Member
			for _, name := range strings.Fields(c.disks) {
				members = append(members, member(t, all[name]))
			}
			groups, orphans := lvm.Assemble(members)
			if c.want == nil {
				if len(groups) != 0 || len(orphans) != 1 {
					t.Fatalf("got %d groups, %d orphans", len(groups), len(orphans))
				}
				return
			}
			if len(groups) != 1 || len(orphans) != 0 {
				t.Fatalf("got %d groups, %d orphans", len(groups), len(orphans))
			}
			if gaps := strings.Join(groups[0].Gaps, "; "); !strings.Contains(gaps, c.gaps) || c.gaps == "" && gaps != "" {
				t.Errorf("gaps: got %q, want %q", gaps, c.gaps)
			}
			if got := groups[0].Members; len(got) != len(members) {
				t.Errorf("%d members of %d", len(got), len(members))
			}
			got := state(t, groups[0], sums)
			for name, text := range got { // a part of the text is enough
				switch want, ok := c.want[name]; {
				case ok && strings.HasSuffix(want, " other") && strings.HasPrefix(text, strings.TrimSuffix(want, "other")) && !strings.Contains(text, "error"):
					got[name] = want
				case ok && strings.Contains(text, want):
					got[name] = want
				}
			}
			delete(got, "vg-one/ext") // not active when the sums were made; thin4 reads through it
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// TestStaleMetadata holds that the newest description counts, and that a
// volume that the group has left is named.
func TestStaleMetadata(t *testing.T) {
	all := disks(t)
	one := member(t, all["vdf"])
	// vdg as it was before: its two metadata areas are those of an older text.
	old := bytes.Clone(all["vdg"])
	older(t, old)
	groups, orphans := lvm.Assemble([]*lvm.Member{member(t, old), one})
	if len(groups) != 1 || len(groups[0].Volumes) != 4 || len(orphans) != 0 {
		t.Fatalf("got %+v, %v: want the newest text with four volumes", groups, orphans)
	}
}
