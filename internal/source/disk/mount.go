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
	// Disks are those that Mount was given, and those that it assembled.
	Disks []*Disk
	// Notes say how the tree was put together, where there was a choice.
	Notes []string

	mu    sync.RWMutex
	dirs  map[string]string // a name that was asked for → the folder it leads to
	joins []join
	crypt map[string]string // of etc/crypttab
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

// Mount assembles arrays and volume groups (Assemble), finds the root file system among the volumes of a machine's disks, and
// mounts the others as its etc/fstab, its mount units and the types of its GPT
// partitions say. A volume that nothing names, or that
// cannot be mounted, is listed in Unmounted. It returns ErrNoRoot if no volume
// holds an operating system; the volumes can then still be read one by one.
func Mount(disks ...*Disk) (*Root, error) {
	all := Assemble(disks...)
	root, others, notes := findRoot(all)
	if root == nil {
		return nil, noRoot(all[len(disks):])
	}
	r := &Root{Volume: root, Disks: all, dirs: map[string]string{}, joins: []join{{".", root.FS, ".", root}}}
	r.Notes = notes
	for _, v := range others {
		r.Unmounted = append(r.Unmounted, Unmounted{Kind: v.Type, Volume: v, Err: errors.New("another root file system is used")})
	}
	text, err := r.readFstab()
	if err != nil {
		r.Unmounted = append(r.Unmounted, Unmounted{Spec: "etc/fstab", Err: err})
	}
	r.crypt = crypttab(readText(root.FS, "etc/crypttab"))
	said := map[string]bool{}
	for _, line := range deepLast(append(parseFstab(text), mountUnits(root.FS)...)) {
		unit := line.from != ""
		if line.target != "/" && (!unit || !said[line.target]) { // a line of fstab stands before a unit of the same place
			r.mount(all, line)
		}
		said[line.target] = true
	}
	r.mountDiscovered(said)
	r.listRest(all)
	return r, nil
}

// noRoot is ErrNoRoot, with what is wrong with volumes that were assembled.
func noRoot(assembled []*Disk) error {
	err := ErrNoRoot
	for _, d := range assembled {
		for _, v := range d.Volumes {
			if v.Err != nil && !errors.Is(v.Err, ErrNoFiles) {
				err = fmt.Errorf("%w; %w", err, v.Err)
			}
		}
	}
	return err
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
	v, err := r.match(disks, line.spec)
	if err != nil {
		refuse(nil, err)
		return
	}
	if v.FS == nil {
		refuse(v, v.Err)
		return
	}
	if line.has("noauto") {
		refuse(v, fmt.Errorf("%s says noauto", line.origin()))
		return
	}
	fsys, err := v.tree(line.options)
	if err != nil {
		refuse(v, err)
		return
	}
	r.join(join{place, fsys, ".", v}, "")
}

// match finds the volume that a line names; what crypttab names is the
// encrypted volume below it.
func (r *Root) match(disks []*Disk, spec string) (*Volume, error) {
	v, err := match(disks, spec)
	if name, ok := strings.CutPrefix(spec, "/dev/mapper/"); ok && err != nil && r.crypt[name] != "" {
		return match(disks, r.crypt[name])
	}
	return v, err
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
				err = errors.New("nothing on the disk says where it is mounted")
			}
			r.Unmounted = append(r.Unmounted, Unmounted{Kind: v.Type, Volume: v, Err: err})
		}
	}
}
