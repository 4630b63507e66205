package extract

import (
	"bytes"
	"strings"

	"hinomi/internal/inventory"
)

// ownership tells which packages found on the walk lie in files that the distribution put there, and so patches.
type ownership struct {
	byPath map[string][]int // path of a language package → its indexes
	bases  map[string]struct{}
	owner  map[int]string
	buf    []byte
}

func newOwnership(found []inventory.Package) *ownership {
	o := &ownership{byPath: map[string][]int{}, bases: map[string]struct{}{}, owner: map[int]string{}}
	for i := range found {
		key := usrMerged(strings.TrimPrefix(found[i].Location, "/"))
		o.byPath[key] = append(o.byPath[key], i)
		o.bases[key[strings.LastIndexByte(key, '/')+1:]] = struct{}{}
	}
	return o
}

func (o *ownership) empty() bool { return len(o.byPath) == 0 }

// claim says that owner has the file dir + base. Either may hold the whole path.
func (o *ownership) claim(dir, base []byte, owner string) {
	last := base
	if len(base) == 0 {
		last = dir
	}
	if _, ok := o.bases[string(last[bytes.LastIndexByte(last, '/')+1:])]; !ok {
		return
	}
	o.buf = append(append(o.buf[:0], dir...), base...)
	for _, i := range o.byPath[usrMerged(strings.TrimPrefix(string(o.buf), "/"))] {
		o.owner[i] = owner
	}
}

// apply writes the owners into the packages that were found first.
func (o *ownership) apply(found []inventory.Package) {
	for i, owner := range o.owner {
		found[i].OwnedBy = owner
	}
}

// usrMerged writes a path as a system with a merged /usr has it (systemd, "The Case for the /usr Merge"): package lists still say /lib.
func usrMerged(name string) string {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32":
		return "usr/" + name
	}
	return name
}
