// Package part keeps inventories in the parts they share, and what is wrong with them once for all who share a part.
//
// An inventory is a set of parts: its frame (the system, how it was read, its gaps), the packages of the operating system, and one part for
// each folder in which packages of languages lie. A part is a set of units. A unit is what is judged as one: the packages of one source
// package of one ecosystem, with as much of the system as their advisories depend on. Parts and units lie under the hash of their content,
// without times, so that equal ones of all inventories are one row, are judged once, and have their findings once.
//
// Which rows of the advisory index a unit's verdict depends on is written down while it is judged (its asks): when the advisories change,
// the changed keys name the units, and only these are judged again.
package part

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"

	"hinomi/internal/inventory"
)

// Part is a set of units that inventories share.
type Part struct {
	Hash  string // of the units' hashes
	Root  string // where it lies: a folder; or Frame, System or Mixed
	Units []Unit
}

// The parts that are of no folder.
const (
	Frame  = "frame"  // the system itself, how it was read and its gaps: one unit
	System = "system" // packages of the operating system
	Mixed  = "mixed"  // packages of languages that lie in more than one folder: a finding names all their places
)

// Unit is what is judged as one. Its Inventory is small, and complete for that purpose.
type Unit struct {
	PK        int64 // the database's; 0 before it is stored
	Hash      string
	Group     int64  // names ecosystem and source package: what a newer unit of the same group replaces
	Ecosystem string // "" of the frame
	Source    string
	Frame     bool
	Inventory inventory.Inventory
}

// Split takes an inventory apart. All packages are in exactly one unit each, all packages of one source in the same one.
func Split(inv *inventory.Inventory) []Part {
	groups := map[groupKey][]inventory.Package{}
	for _, p := range inv.Packages {
		k := groupOf(inv, &p)
		groups[k] = append(groups[k], p)
	}
	parts := map[string][]Unit{Frame: {frame(inv, groups[groupKey{}])}}
	delete(groups, groupKey{})
	for k, packages := range groups {
		root := System
		if !k.system {
			root = rootOf(packages)
		}
		parts[root] = append(parts[root], unit(inv, k, packages))
	}
	out := make([]Part, 0, len(parts))
	for root, units := range parts {
		slices.SortFunc(units, func(a, b Unit) int { return strings.Compare(a.Hash, b.Hash) })
		h := sha256.New()
		for i := range units {
			_, _ = h.Write([]byte(units[i].Hash)) // a hash takes everything
		}
		out = append(out, Part{Hash: hex.EncodeToString(h.Sum(nil)[:16]), Root: root, Units: units})
	}
	slices.SortFunc(out, func(a, b Part) int { return strings.Compare(a.Hash, b.Hash) }) // one order for all writers: they never wait for each other in a circle
	return out
}

// groupKey is a source package; the zero one is the system itself.
type groupKey struct {
	ecosystem inventory.Ecosystem
	source    string
	system    bool
}

func groupOf(inv *inventory.Inventory, p *inventory.Package) groupKey {
	if language(p.Ecosystem) {
		return groupKey{p.Ecosystem, cmp.Or(p.SourceName, p.Name), false}
	}
	if product(inv.OS.ID) {
		return groupKey{}
	}
	if ofKernel(p.Name) || ofKernel(p.SourceName) {
		return groupKey{p.Ecosystem, kernels, true}
	}
	return groupKey{p.Ecosystem, cmp.Or(p.SourceName, p.Name), true}
}

// language reports whether an ecosystem is a language's: its packages are judged without regard to the operating system.
func language(e inventory.Ecosystem) bool {
	return slices.Contains([]inventory.Ecosystem{
		inventory.PyPI, inventory.NPM, inventory.Go, inventory.Maven, inventory.NuGet, inventory.RubyGems, inventory.Cargo,
		inventory.Packagist, inventory.Hex, inventory.Pub, inventory.Swift,
	}, e)
}

// product reports whether a system is one product with a version of its own, so that all of it is judged as one.
func product(id string) bool { return id == "windows" || id == "macos" || id == "bottlerocket" }

// kernels is the source package under which all packages of kernels are judged together.
const kernels = "linux"

// ofKernel reports whether a package may be one of a kernel: several versions of these lie side by side, and which one runs, which is newer
// and what is patched live decides together.
func ofKernel(name string) bool {
	for _, prefix := range []string{"linux", "kernel", "kpatch", "kgraft"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// rootOf returns the folder in which all of the packages lie, Mixed if there are several.
func rootOf(packages []inventory.Package) string {
	root := folder(packages[0].Location)
	for i := range packages[1:] {
		if folder(packages[i+1].Location) != root {
			return Mixed
		}
	}
	return root
}

// folder returns the place that a language's package manager fills as one, or the folder of the file that names the package.
func folder(location string) string {
	for _, mark := range []string{"/node_modules", "/site-packages", "/dist-packages", "/gems", "/specifications", "/vendor"} {
		if i := strings.Index(location, mark+"/"); i >= 0 {
			return location[:i+len(mark)]
		}
	}
	return path.Dir(location)
}

func unit(inv *inventory.Inventory, k groupKey, packages []inventory.Package) Unit {
	// What was read by which method is the frame's matter; as a document a unit claims nothing about what it does not hold.
	small := inventory.Inventory{Packages: packages, Method: inventory.SBOM}
	if k.system {
		small.OS, small.Repos = inv.OS, slices.Clone(inv.Repos)
		if k.source == kernels {
			small.Kernel = inv.Kernel
		}
	}
	return seal(Unit{Ecosystem: string(k.ecosystem), Source: k.source, Inventory: small})
}

// frame is the unit of the system itself. Of the packages it holds those that are judged with the system, and of each ecosystem one that is
// not installed: which kinds of packages were read at all is a part of what is judged.
func frame(inv *inventory.Inventory, packages []inventory.Package) Unit {
	small := inventory.Inventory{OS: inv.OS, Method: inv.Method, Gaps: slices.Clone(inv.Gaps), Packages: slices.Clone(packages)}
	if product(inv.OS.ID) {
		small.Kernel, small.Repos = inv.Kernel, slices.Clone(inv.Repos)
	}
	kinds := map[inventory.Ecosystem]bool{}
	for i := range inv.Packages {
		kinds[inv.Packages[i].Ecosystem] = true
	}
	for _, e := range slices.Sorted(maps.Keys(kinds)) {
		small.Packages = append(small.Packages, inventory.Package{Ecosystem: e, Status: token})
	}
	return seal(Unit{Frame: true, Inventory: small})
}

// token is the dpkg status of the frame's tokens.
const token = "deinstall ok not-installed"

func seal(u Unit) Unit {
	u.Inventory.Sort()
	u.Hash = u.Inventory.Hash()[:32]
	u.Group = key63("group", u.Ecosystem, u.Source)
	return u
}

// join puts the units of an inventory back under its header.
func join(header *inventory.Inventory, units []Unit) *inventory.Inventory {
	inv := *header
	inv.Packages = nil
	for i := range units {
		for _, p := range units[i].Inventory.Packages {
			if p.Status != token || p.Name != "" {
				inv.Packages = append(inv.Packages, p)
			}
		}
	}
	inv.Sort()
	return &inv
}

// key63 hashes words to a positive 64-bit number.
func key63(words ...string) int64 {
	h := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return int64(binary.BigEndian.Uint64(h[:8]) >> 1) // #nosec G115 -- 63 bits remain
}
