package extract

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"sort"
	"strings"

	"hinomi/internal/inventory"
)

// maxOwned bounds the files that packages are known to own: beyond that files are read as if nobody owned them. A large host has some 500,000.
const maxOwned = 4 << 20

// ownership tells which files the distribution put on the disk, and so patches. It is known before the walk, so that these files need not be
// opened: of a disk far away they are most of what would be fetched.
//
// Paths are kept as 64-bit hashes under a seed of this process: nobody can make a file that is taken for another's, and among a million paths
// two that meet by chance are less likely than a bit that falls over in memory.
type ownership struct {
	seed   maphash.Seed
	files  []ownedFile // sorted by path once it is complete
	owners []string
	passed int64 // files that were not opened
}

type ownedFile struct {
	path  uint64
	owner uint32
}

// claims are the files of some packages, gathered by one goroutine.
type claims struct {
	seed  maphash.Seed
	files []ownedFile
	buf   []byte
}

func newOwnership() *ownership { return &ownership{seed: maphash.MakeSeed()} }

// owner numbers a package that is about to claim files.
func (o *ownership) owner(name string) uint32 {
	if n := len(o.owners); n == 0 || o.owners[n-1] != name {
		o.owners = append(o.owners, name)
	}
	return uint32(len(o.owners) - 1) //nolint:gosec // at most maxPackages
}

func (o *ownership) claims() *claims { return &claims{seed: o.seed} }

// claim says that owner has the file dir + base. Either may hold the whole path.
func (c *claims) claim(dir, base []byte, owner uint32) {
	if len(c.files) >= maxOwned {
		return
	}
	c.buf = append(append(c.buf[:0], dir...), base...)
	c.files = append(c.files, ownedFile{sumPath(c.seed, "", bytes.TrimLeft(c.buf, "/")), owner})
}

// add takes what one goroutine gathered. It is called by one goroutine.
func (o *ownership) add(c *claims) {
	o.files = append(o.files, c.files[:min(len(c.files), maxOwned-len(o.files))]...)
}

// complete ends the gathering.
func (o *ownership) complete() {
	slices.SortFunc(o.files, func(a, b ownedFile) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.owner, b.owner)) })
	o.files = slices.CompactFunc(o.files, func(a, b ownedFile) bool { return a.path == b.path })
}

// of returns the package that owns a file, once the gathering is complete. It is safe for concurrent use.
func (o *ownership) of(dir, base string) (string, bool) {
	if len(o.files) == 0 {
		return "", false
	}
	sum := sumPath(o.seed, dir, base)
	i := sort.Search(len(o.files), func(i int) bool { return o.files[i].path >= sum })
	if i == len(o.files) || o.files[i].path != sum {
		return "", false
	}
	return o.owners[o.files[i].owner], true
}

// apply writes the owners into the packages that were found on the walk.
func (o *ownership) apply(found []inventory.Package) {
	for i := range found {
		if !systemExtractor(found[i].FoundBy) {
			found[i].OwnedBy, _ = o.of("", strings.TrimPrefix(found[i].Location, "/"))
		}
	}
}

// note says what was not opened, and why that hides nothing.
func (o *ownership) note() string {
	return fmt.Sprintf("%d files of software belong to packages of the distribution and were not opened: the distribution patches them, and its packages are judged", o.passed)
}

// sumPath hashes dir/base without a slash before it, as a system with a merged /usr has it (systemd, "The Case for the /usr Merge"): package
// lists still say /lib. Either part may be empty.
func sumPath[T string | []byte](seed maphash.Seed, dir string, base T) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	if dir != "" {
		if topOfUsr(dir) {
			_, _ = h.WriteString("usr/") // never fails
		}
		_, _ = h.WriteString(dir)
		_ = h.WriteByte('/')
	} else if topOfUsr(base) {
		_, _ = h.WriteString("usr/")
	}
	switch part := any(base).(type) {
	case string:
		_, _ = h.WriteString(part)
	case []byte:
		_, _ = h.Write(part)
	}
	return h.Sum64()
}

// topOfUsr says whether a path lies in one of the folders that a merged /usr took in.
func topOfUsr[T string | []byte](name T) bool {
	n := 0
	for n < len(name) && name[n] != '/' {
		n++
	}
	switch string(name[:n]) {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32":
		return true
	}
	return false
}
