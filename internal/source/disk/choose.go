package disk

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// candidate is a volume that looks like the root of an operating system.
type candidate struct {
	volume  *Volume
	score   int
	reasons []string
}

// findRoot returns the volume that is the running system's root, as far as the
// disks tell, and the others that look like one as well. If there are several,
// notes say which was taken and why.
func findRoot(disks []*Disk) (root *Volume, others []*Volume, notes []string) {
	var found []candidate
	for _, d := range disks {
		for _, v := range d.Volumes {
			if v.FS == nil {
				continue
			}
			if note := d.chooseSubvolume(v); note != "" {
				notes = append(notes, note)
			}
			if score := rootScore(v); score >= 2 {
				found = append(found, candidate{volume: v, score: score})
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, nil
	case 1:
		return found[0].volume, nil, notes
	}
	weigh(disks, found)
	best := 0
	for i := range found {
		if found[i].score > found[best].score {
			best = i
		}
	}
	var names []string
	for i, c := range found {
		if i != best {
			others = append(others, c.volume)
			names = append(names, c.volume.Title())
		}
	}
	why := "it comes first"
	if r := found[best].reasons; len(r) > 0 {
		why = strings.Join(r, ", ")
	}
	notes = append(notes, fmt.Sprintf("several volumes hold an operating system: %s is taken as the running one (%s), not %s",
		found[best].volume.Title(), why, strings.Join(names, ", ")))
	return found[best].volume, others, notes
}

// Title names a volume for people: by its number, its name or label, and its UUID.
func (v *Volume) Title() string {
	name := fmt.Sprintf("volume %d", v.Index)
	switch {
	case v.Name != "":
		name += " " + v.Name
	case v.Label != "":
		name += " " + v.Label
	}
	if v.UUID != "" {
		name += " (UUID " + v.UUID + ")"
	}
	return name
}

// rootScore counts what a root file system holds; 2 is the least that counts.
func rootScore(v *Volume) int {
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
	return score
}

// weigh adds what tells one root from another: the disk that the machine boots
// from, the boot loader's command lines, and the root's own fstab.
func weigh(disks []*Disk, found []candidate) {
	named := bootRoots(disks)
	for i := range found {
		c := &found[i]
		add := func(worth int, reason string) {
			c.score += worth
			c.reasons = append(c.reasons, reason)
		}
		for _, d := range disks {
			if d.boots && slices.Contains(d.Volumes, c.volume) {
				add(32, "the machine boots from its disk")
			}
		}
		if slices.Contains(named, c.volume) {
			add(8, "a boot loader's root= names it")
		}
		for _, line := range parseFstab(readText(c.volume.FS, "etc/fstab")) {
			if line.target != "/" {
				continue
			}
			if v, err := match(disks, line.spec); err == nil && v == c.volume {
				add(4, "its own etc/fstab names it")
				break
			}
		}
	}
}

// loaderFiles are the places of a boot loader's configuration, in a root file
// system or in a volume of its own: GRUB, the Boot Loader Specification, its
// command line in a file (kernel-install(8)), and extlinux.
var loaderFiles = []string{
	"boot/grub/grub.cfg", "boot/grub2/grub.cfg", "boot/grub2/grubenv", "boot/grub/menu.lst", "boot/grub/grub.conf", "boot/extlinux/extlinux.conf",
	"grub/grub.cfg", "grub2/grub.cfg", "grub2/grubenv", "grub/menu.lst", "grub/grub.conf", "extlinux/extlinux.conf", "etc/kernel/cmdline",
}

// entryFolders hold one file for each entry of the Boot Loader Specification.
var entryFolders = []string{"boot/loader/entries", "loader/entries"}

const maxEntries = 64 // files of one folder of boot entries that are read

// bootRoots returns the volumes that boot loaders name as root=; the first of a
// file counts, which is its default.
func bootRoots(disks []*Disk) []*Volume {
	var out []*Volume
	look := func(fsys fs.FS, name string) {
		spec := rootOf(readText(fsys, name))
		if spec == "" {
			return
		}
		if v, err := match(disks, spec); err == nil {
			out = append(out, v)
		}
	}
	for _, d := range disks {
		for _, v := range d.Volumes {
			if v.FS == nil {
				continue
			}
			for _, name := range loaderFiles {
				look(v.FS, name)
			}
			for _, folder := range entryFolders {
				entries, err := v.FS.ReadDir(folder)
				if err != nil {
					continue
				}
				for _, e := range entries[:min(len(entries), maxEntries)] {
					if strings.HasSuffix(e.Name(), ".conf") {
						look(v.FS, folder+"/"+e.Name())
					}
				}
			}
		}
	}
	return out
}

// rootOf returns what the first root= of a command line names; GRUB's own
// variables, such as $root, name nothing that can be found here.
func rootOf(text string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			word = strings.TrimPrefix(word, "kernelopts=")
			if spec, ok := strings.CutPrefix(strings.Trim(word, `"'`), "root="); ok && !strings.Contains(spec, "$") && strings.Contains(spec, "=") || ok && strings.HasPrefix(spec, "/dev/") {
				return spec
			}
		}
	}
	return ""
}
