package disk

import (
	"fmt"
	"slices"
	"strings"
)

// maxSubvolumes is how many subvolumes of one file system are looked at for a root; the oldest come first.
const maxSubvolumes = 256

// subvolumed is an FS of several trees, such as btrfs.
type subvolumed interface {
	// Subvolume opens the tree that mount options choose ("subvol=@home", "subvolid=257"), or the default one.
	Subvolume(options []string) (FS, error)
	// Subvolumes lists the paths that subvol= takes.
	Subvolumes() ([]string, error)
}

// tree returns the tree of a volume's file system that mount options choose.
func (v *Volume) tree(options []string) (FS, error) {
	chosen := slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "subvol") })
	if s, ok := v.FS.(subvolumed); ok {
		return s.Subvolume(options)
	}
	if chosen {
		return nil, fmt.Errorf("%s has no subvolumes: %w", v.Type, ErrUnsupported)
	}
	return v.FS, nil
}

// chooseSubvolume makes the subvolume that holds an operating system a volume's FS, where the default one holds none: Fedora, Debian and Ubuntu
// install into one and name it on the kernel's command line and in its own etc/fstab. Of several, such as snapshots of it, the one that its own
// etc/fstab names is taken, or else the oldest. What it returns says so, or is "".
func (d *Disk) chooseSubvolume(v *Volume) (note string) {
	s, ok := v.FS.(subvolumed)
	if !ok || rootScore(v) >= 2 {
		return ""
	}
	paths, err := s.Subvolumes()
	if err != nil {
		d.Gaps = append(d.Gaps, fmt.Sprintf("%s: subvolumes: %v", v.Title(), err))
	}
	if len(paths) > maxSubvolumes {
		d.Gaps = append(d.Gaps, fmt.Sprintf("%s: %d subvolumes, of which %d were looked at for a root", v.Title(), len(paths), maxSubvolumes))
		paths = paths[:maxSubvolumes]
	}
	var chosen FS
	name, named, count := "", false, 0
	for _, path := range paths {
		fsys, err := s.Subvolume([]string{"subvol=" + path})
		if err != nil {
			d.Gaps = append(d.Gaps, fmt.Sprintf("%s: subvolume %.64q: %v", v.Title(), path, err))
			continue
		}
		if rootScore(&Volume{FS: fsys}) < 2 {
			continue
		}
		count++
		own := rootSubvolume(fsys) == path
		if chosen == nil || own && !named {
			chosen, name, named = fsys, path, own
		}
	}
	if chosen == nil {
		return ""
	}
	v.FS = chosen
	note = fmt.Sprintf("subvolume %q of %s is the root", name, v.Title())
	if named {
		note += ", as its own etc/fstab says"
	}
	if count > 1 {
		note += fmt.Sprintf("; %d more hold an operating system", count-1)
	}
	return note
}

// rootSubvolume returns the subvolume that a root's own etc/fstab names for it, or "".
func rootSubvolume(fsys FS) string {
	for _, line := range parseFstab(readText(fsys, "etc/fstab")) {
		if line.target != "/" {
			continue
		}
		for _, o := range line.options {
			if path, ok := strings.CutPrefix(o, "subvol="); ok {
				return strings.Trim(path, "/")
			}
		}
	}
	return ""
}
