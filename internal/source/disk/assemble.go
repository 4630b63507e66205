package disk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/source/disk/lvm"
	"hinomi/internal/source/disk/md"
	"hinomi/internal/source/disk/volume"
)

// maxLayers bounds arrays on volumes on arrays.
const maxLayers = 8

// The schemes of disks that are made of others.
const (
	SchemeLVM = "lvm2"
	SchemeMD  = "md"
)

// Assemble puts together what lies on several volumes: arrays of md and volume
// groups of LVM2, on each other too. It returns the disks it was given and,
// after them, one Disk for each array and group that it found; those belong to
// the first disk and are closed with it. All disks of a machine must be given
// at once: what is missing is an error of the volumes that need it. To call it
// again with the same disks changes nothing.
func Assemble(disks ...*Disk) []*Disk {
	all := slices.Clone(disks)
	for _, d := range disks {
		for _, m := range d.made {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	mirroredDisks(all)
	for range maxLayers {
		made := assembleArrays(all)
		if len(made) == 0 { // a group may lie on arrays, so they come first
			made = assembleGroups(all)
		}
		if len(made) == 0 {
			break
		}
		all[0].made = append(all[0].made, made...)
		all = append(all, made...)
	}
	return all
}

// partOf marks a volume that is read as a part of another.
func (v *Volume) partOf(what string) {
	v.joined = true
	v.Err = fmt.Errorf("%s: part of %s, and by itself it %w", v.Type, what, ErrNoFiles)
}

// assembleArrays makes a Disk of each array whose members were not used yet.
func assembleArrays(all []*Disk) []*Disk {
	var members []*md.Member
	owners := map[*md.Member]*Volume{}
	boots := map[*md.Member]bool{}
	for _, d := range all {
		for _, v := range d.Volumes {
			if v.raid != nil && !v.joined {
				members = append(members, v.raid)
				owners[v.raid], boots[v.raid] = v, d.boots
			}
		}
	}
	var made []*Disk
	for _, a := range md.Assemble(members) {
		d := openArray(a)
		for _, m := range a.Members {
			owners[m].partOf("md array " + a.UUID)
			d.boots = d.boots || boots[m]
		}
		made = append(made, d)
	}
	return made
}

// openArray finds the volumes of an array: a file system, or partitions.
func openArray(a *md.Array) *Disk {
	d := &Disk{Scheme: SchemeMD}
	err := a.Err
	if err == nil {
		if d, err = Open(a.Device, Options{}); err != nil {
			d = &Disk{Scheme: SchemeMD, Size: a.Device.Size()}
		}
	}
	if err != nil {
		d.Volumes = []*Volume{{Type: "md " + a.Level, Err: err}}
	}
	d.assembled = true
	d.names = append(slices.Clone(a.Names), "disk/by-id/md-uuid-"+a.UUID)
	d.Name = "/dev/" + d.names[0]
	for _, v := range d.Volumes {
		if v.Name == "" && v.Number == 0 {
			v.Name = d.names[0]
		}
		d.cut(v)
	}
	d.Notes, d.Gaps = append(d.Notes, a.Notes...), append(d.Gaps, a.Gaps...)
	return d
}

// assembleGroups makes a Disk of each volume group whose members were not used yet.
func assembleGroups(all []*Disk) []*Disk {
	var members []*lvm.Member
	owners := map[*lvm.Member]*Volume{}
	boots := map[*lvm.Member]bool{}
	for _, d := range all {
		for _, v := range d.Volumes {
			if v.physical != nil && !v.joined {
				members = append(members, v.physical)
				owners[v.physical], boots[v.physical] = v, d.boots
			}
		}
	}
	var made []*Disk
	groups, orphans := lvm.Assemble(members)
	for _, g := range groups {
		d := openGroup(g)
		for _, m := range g.Members {
			owners[m].partOf("volume group " + g.Name)
			d.boots = d.boots || boots[m]
		}
		made = append(made, d)
	}
	for m, err := range orphans {
		v := owners[m]
		v.joined = true
		if v.Err = err; err == nil {
			v.Err = fmt.Errorf("%s: belongs to no volume group, and so it %w", v.Type, ErrNoFiles)
		}
	}
	return made
}

// openGroup opens the file systems on a group's logical volumes.
func openGroup(g *lvm.Group) *Disk {
	d := &Disk{Name: "/dev/" + g.Name, Scheme: SchemeLVM, assembled: true, Notes: g.Notes, Gaps: g.Gaps}
	for _, lv := range g.Volumes {
		v := &Volume{Size: lv.Size, Name: g.Name + "/" + lv.Name, names: logicalNames(g, lv)}
		d.Size += lv.Size
		switch {
		case lv.Err == nil && lv.Pool:
			v.Err = fmt.Errorf("%s: a %s, which %w", v.Name, lv.Kind, ErrNoFiles)
		case lv.Err != nil:
			v.Err = lv.Err
		default:
			d.add(lv.Device, v)
			d.cut(v)
			continue
		}
		v.Index, v.Type = len(d.Volumes), "LVM2 "+lv.Kind
		d.Volumes = append(d.Volumes, v)
	}
	return d
}

// cut notes a file system that is longer than what it lies on.
func (d *Disk) cut(v *Volume) {
	if v.FS == nil {
		return
	}
	if size := v.FS.Info().Size; size > v.Size {
		d.Gaps = append(d.Gaps, fmt.Sprintf("%s: the file system has %d bytes, of which %d are there", v.Name, size, v.Size))
	}
}

// logicalNames are the names of a logical volume without /dev/. In those of the
// device mapper a hyphen of a name is doubled.
func logicalNames(g *lvm.Group, lv lvm.Volume) []string {
	double := func(s string) string { return strings.ReplaceAll(s, "-", "--") }
	mapped := double(g.Name) + "-" + double(lv.Name)
	id := strings.ReplaceAll(g.UUID, "-", "") + strings.ReplaceAll(lv.UUID, "-", "")
	return []string{"mapper/" + mapped, g.Name + "/" + lv.Name, "disk/by-id/dm-name-" + mapped, "disk/by-id/dm-uuid-LVM-" + id}
}

// mirroredDisks finds disks that as a whole are members of one mirror whose
// superblock stands at the end: each then shows the array's partition table as
// its own, and without this a stale one could be taken for the newest.
func mirroredDisks(all []*Disk) {
	tables := map[string]int{}
	for _, d := range all {
		tables[d.tableID]++
	}
	for _, d := range all {
		if d.tableID == "" || tables[d.tableID] < 2 || d.dev == nil {
			continue
		}
		m, err := md.ReadEnd(d.dev)
		if err != nil {
			if !errors.Is(err, md.ErrNone) {
				d.Gaps = append(d.Gaps, fmt.Sprintf("another disk has the same partition table: %v", err))
			}
			d.tableID = "" // looked at
			continue
		}
		for _, v := range d.Volumes {
			if v.FS != nil {
				_ = v.FS.Close() // only read
			}
		}
		whole := &Volume{Size: d.Size, Type: typeRAID, dev: d.dev, raid: m}
		d.Volumes, d.tableID, d.Scheme = []*Volume{whole}, "", ""
	}
}

// readRAID looks for md at the end of a volume that is recognised as something
// of used bytes, if that leaves room for it: on the member of a mirror the
// content begins where the member does. A file system that ends where its
// volume ends leaves no room, which spares the read; one that is longer than
// its volume may be the first part of a stripe.
func (d *Disk) readRAID(dev Device, v *Volume, used int64) bool {
	atNew, _ := md.EndOffsets(dev.Size())
	if atNew < 0 || used > atNew && used <= dev.Size() {
		return false
	}
	m, err := md.ReadEnd(dev)
	switch {
	case errors.Is(err, md.ErrNone):
		return false
	case err != nil:
		d.Gaps = append(d.Gaps, fmt.Sprintf("volume %d may be a member of an array: %v", v.Index, err))
		return false
	}
	v.setRAID(m)
	return true
}

func (v *Volume) setRAID(m *md.Member) {
	v.raid, v.FS = m, nil
	v.Type, v.Label, v.UUID = typeRAID, "", ""
	v.Err = fmt.Errorf("%s of version %s, which is not assembled: %w", typeRAID, m.Version, volume.ErrUnsupported)
}
