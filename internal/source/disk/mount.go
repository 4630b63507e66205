package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// ErrNoRoot is returned by Mount if no volume holds an operating system.
var ErrNoRoot = errors.New("no volume holds a root file system")

// Root is the tree of files as the machine saw it: the root file system, with
// the other volumes at the places where its etc/fstab puts them. It is an FS.
type Root struct {
	// Volume is the root file system.
	Volume *Volume
	// Mounts are the other volumes, in the order in which they were mounted.
	Mounts []MountPoint
	// Unmounted is what is not in the tree, and why.
	Unmounted []Unmounted

	mu    sync.RWMutex
	dirs  map[string]string // a name that was asked for → the folder it leads to
	joins []join
}

// MountPoint is a volume in the tree.
type MountPoint struct {
	Path   string // in the tree, as io/fs has it
	Volume *Volume
	Source string // of a bind mount: the folder in the tree, else ""
}

// Unmounted is a volume, or a line of fstab, that is not in the tree.
type Unmounted struct {
	Path   string  // where fstab puts it, "" if nowhere
	Spec   string  // what fstab calls it, "" if it does not
	Kind   string  // what fstab or the volume says that it is
	Volume *Volume // nil if none was found
	// Err says why. It wraps ErrNoFiles if nothing is missing by it.
	Err error
}

// join is a file system at its place.
type join struct {
	path string // "." for the root
	fs   FS
	sub  string // the folder of fs that stands there
	vol  *Volume
}

// Mount finds the root file system among the volumes of a machine's disks, and
// mounts the others as its etc/fstab says. A volume that nothing names, or that
// cannot be mounted, is listed in Unmounted. It returns ErrNoRoot if no volume
// holds an operating system; the volumes can then still be read one by one.
func Mount(disks ...*Disk) (*Root, error) {
	root, others := findRoot(disks)
	if root == nil {
		return nil, ErrNoRoot
	}
	r := &Root{Volume: root, dirs: map[string]string{}, joins: []join{{".", root.FS, ".", root}}}
	for _, v := range others {
		r.Unmounted = append(r.Unmounted, Unmounted{Kind: v.Type, Volume: v, Err: errors.New("another root file system is used")})
	}
	text, err := r.readFstab()
	if err != nil {
		r.Unmounted = append(r.Unmounted, Unmounted{Spec: "etc/fstab", Err: err})
	}
	for _, line := range parseFstab(text) {
		if line.target != "/" {
			r.mount(disks, line)
		}
	}
	r.listRest(disks)
	return r, nil
}

// findRoot returns the volume that looks most like a root file system, and the
// others that look like one as well.
func findRoot(disks []*Disk) (root *Volume, others []*Volume) {
	best := 0
	for _, d := range disks {
		for _, v := range d.Volumes {
			if v.FS == nil {
				continue
			}
			score := rootScore(disks, v)
			if score < 2 {
				continue
			}
			if score > best {
				if root != nil {
					others = append(others, root)
				}
				best, root = score, v
				continue
			}
			others = append(others, v)
		}
	}
	return root, others
}

// rootScore counts what a root file system holds; 2 is the least that counts.
func rootScore(disks []*Disk, v *Volume) int {
	score := 0
	for name, worth := range map[string]int{
		"etc/os-release": 4, "usr/lib/os-release": 4, "etc/passwd": 2, "etc/fstab": 1,
		"sbin/init": 1, "usr/sbin/init": 1, "bin": 1, "etc/alpine-release": 2, "etc/system-release": 2, "etc/debian_version": 2,
		"Windows/System32/config/SOFTWARE": 4, "System/Library/CoreServices/SystemVersion.plist": 4,
	} {
		if _, err := v.FS.Lstat(name); err == nil {
			score += worth
		}
	}
	for _, line := range parseFstab(readText(v.FS, "etc/fstab")) {
		if line.target != "/" {
			continue
		}
		if named, err := match(disks, line.spec); err == nil && named == v {
			score += 4
		}
	}
	return score
}

// readText reads a small file, or "" if there is none.
func readText(fsys fs.FS, name string) string {
	text, err := readSmall(fsys, name)
	if err != nil {
		return ""
	}
	return text
}

func readSmall(fsys fs.FS, name string) (text string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxFstab+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFstab {
		return "", fmt.Errorf("%s is longer than %d bytes: %w", name, maxFstab, ErrLimit)
	}
	return string(data), nil
}

// readFstab reads etc/fstab; that there is none is no fault.
func (r *Root) readFstab() (string, error) {
	text, err := readSmall(r.Volume.FS, "etc/fstab")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return text, err
}

// mount does what one line of fstab says, or notes why not.
func (r *Root) mount(disks []*Disk, line fstabLine) {
	if slices.Contains(pseudo, line.kind) {
		return
	}
	target := strings.Trim(line.target, "/")
	refuse := func(v *Volume, err error) {
		r.Unmounted = append(r.Unmounted, Unmounted{Path: target, Spec: line.spec, Kind: line.kind, Volume: v, Err: err})
	}
	if slices.Contains(remote, line.kind) || line.has("_netdev") && !strings.Contains(line.spec, "=") && !strings.HasPrefix(line.spec, "/dev/") {
		refuse(nil, fmt.Errorf("lies on another machine: %w", ErrUnsupported))
		return
	}
	place, err := r.folder(target)
	if err != nil {
		refuse(nil, fmt.Errorf("mount point: %w", err))
		return
	}
	if line.has("bind") || line.has("rbind") {
		source, err := r.folder(strings.Trim(line.spec, "/"))
		if err != nil {
			refuse(nil, fmt.Errorf("bind mount: %w", err))
			return
		}
		from, sub := r.at(source)
		r.join(join{place, from.fs, sub, from.vol}, source)
		return
	}
	v, err := match(disks, line.spec)
	switch {
	case err != nil:
		refuse(nil, err)
	case v.FS == nil:
		refuse(v, v.Err)
	case line.has("noauto"):
		refuse(v, errors.New("fstab says noauto"))
	default:
		r.join(join{place, v.FS, ".", v}, "")
	}
}

// join puts a file system at its place.
func (r *Root) join(j join, source string) {
	r.joins = append(r.joins, j)
	clear(r.dirs)
	r.Mounts = append(r.Mounts, MountPoint{Path: j.path, Volume: j.vol, Source: source})
}

// folder returns where a name leads, which must be a folder.
func (r *Root) folder(name string) (string, error) {
	if name == "" {
		name = "."
	}
	place, info, err := r.resolve(name, true)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", errNotDir
	}
	return place, nil
}

// listRest lists the volumes that are not in the tree and not listed yet.
func (r *Root) listRest(disks []*Disk) {
	listed := map[*Volume]bool{r.Volume: true}
	for _, m := range r.Mounts {
		listed[m.Volume] = true
	}
	for _, u := range r.Unmounted {
		listed[u.Volume] = true
	}
	for _, d := range disks {
		for _, v := range d.Volumes {
			if listed[v] {
				continue
			}
			err := v.Err
			if v.FS != nil {
				err = errors.New("no line of etc/fstab names it")
			}
			r.Unmounted = append(r.Unmounted, Unmounted{Kind: v.Type, Volume: v, Err: err})
		}
	}
}
