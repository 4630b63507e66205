package lvm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// Group is a volume group: its newest description, and its logical volumes.
type Group struct {
	Name, UUID string
	Volumes    []Volume
	// Members are the physical volumes that were found.
	Members []*Member
	// Notes are facts about the read that leave nothing unseen.
	Notes []string
	// Gaps are what may be stale or unseen.
	Gaps []string
}

// Volume is a logical volume that a machine would see under /dev. What only
// serves others (the halves of a mirror, a pool's data) is not listed.
type Volume struct {
	Name, UUID string
	Kind       string // of its first segment, as lvs(8) calls it: "linear", "striped", "raid1", "thin", …
	Size       int64  // bytes
	// Device is its content, or nil, and then Err says why.
	Device volume.Device
	Err    error
	// Pool says that it holds no files of its own: a pool of thin volumes.
	Pool bool
}

// Assemble makes volume groups of the physical volumes of a machine. All that
// are known must be given at once. A member that belongs to no group is listed
// in orphans with its reason; nil says that it is empty.
func Assemble(members []*Member) (groups []*Group, orphans map[*Member]error) {
	newest := map[string]*metadata{}
	for _, m := range members {
		if m.text != nil && (newest[m.text.uuid] == nil || m.text.serial > newest[m.text.uuid].serial) {
			newest[m.text.uuid] = m.text
		}
	}
	orphans = map[*Member]error{}
	claimed := map[*Member]bool{}
	for _, text := range newest {
		b := newBuilder(text, members, claimed)
		groups = append(groups, b.group())
	}
	for _, m := range members {
		switch {
		case claimed[m]:
		case m.err != nil:
			orphans[m] = m.err
		case m.text != nil:
			orphans[m] = fmt.Errorf("volume group %s has left physical volume %s behind: %w", m.text.name, hyphened(m.UUID), volume.ErrUnsupported)
		default:
			orphans[m] = nil
		}
	}
	slices.SortFunc(groups, func(a, b *Group) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	return groups, orphans
}

// maxExtents bounds sizes, in extents and in sectors, so that no product overflows.
const maxExtents = 1 << 40

// physical is a physical volume as the group describes it.
type physical struct {
	dev    volume.Device // nil if missing
	err    error         // why
	start  int64         // bytes, of the first extent
	extent int64         // bytes
	count  int64         // extents
}

// builder makes the devices of one group.
type builder struct {
	text     *metadata
	extent   int64 // bytes
	physical map[string]*physical
	logical  map[string]*section
	cows     map[string]string // a snapshot's store → its origin
	merging  map[string]string // an origin that a snapshot flows back into → the snapshot
	made     map[string]*result
	pools    map[string]*pool
	out      *Group
	err      error // the group cannot be read at all
}

// result is a logical volume's device; while it is being made, neither.
type result struct {
	dev volume.Device
	err error
}

func newBuilder(text *metadata, members []*Member, claimed map[*Member]bool) *builder {
	b := &builder{
		text: text, physical: map[string]*physical{}, logical: map[string]*section{},
		cows: map[string]string{}, merging: map[string]string{}, made: map[string]*result{}, pools: map[string]*pool{},
		out: &Group{Name: text.name, UUID: hyphened(text.uuid)},
	}
	sectors, err := text.group.number("extent_size", 1<<32)
	if err != nil || sectors == 0 {
		b.err = fmt.Errorf("volume group %s: extent size of %d sectors: %w", text.name, sectors, volume.ErrCorrupt)
	}
	b.extent = sectors * sectorSize
	if pvs := text.group.sections["physical_volumes"]; pvs != nil {
		for _, name := range pvs.order {
			b.physical[name] = b.find(name, pvs.sections[name], members, claimed)
		}
	}
	if lvs := text.group.sections["logical_volumes"]; lvs != nil {
		b.logical = lvs.sections
		for _, name := range lvs.order {
			b.noteSnapshot(lvs.sections[name])
		}
	}
	return b
}

// find looks for a physical volume among the members.
func (b *builder) find(name string, s *section, members []*Member, claimed map[*Member]bool) *physical {
	id := strings.ReplaceAll(s.text("id"), "-", "")
	p := &physical{extent: b.extent}
	var found []*Member
	for _, m := range members {
		if m.UUID == id && id != "" {
			found = append(found, m)
			claimed[m] = true
			b.out.Members = append(b.out.Members, m)
		}
	}
	what := fmt.Sprintf("physical volume %s (%s, once %s)", name, s.text("id"), s.text("device"))
	start, err1 := s.number("pe_start", maxExtents)
	count, err2 := s.number("pe_count", maxExtents)
	switch {
	case errors.Join(err1, err2) != nil:
		p.err = fmt.Errorf("%s: %w", what, errors.Join(err1, err2))
	case len(found) == 0:
		p.err = fmt.Errorf("%s is not among the disks: %w", what, fs.ErrNotExist)
	case len(found) > 1:
		p.err = fmt.Errorf("%s stands on %d devices: %w", what, len(found), volume.ErrUnsupported)
	case s.has("flags", "MISSING") || s.has("status", "MISSING"):
		p.err = fmt.Errorf("%s was missing when the group was changed, so that it may be stale: %w", what, volume.ErrUnsupported)
	default:
		p.dev, p.start, p.count = found[0].dev, start*sectorSize, count
		b.out.Notes = append(b.out.Notes, found[0].Notes...)
		if size, err := s.number("dev_size", maxExtents); err == nil && size*sectorSize > p.dev.Size() {
			b.out.Gaps = append(b.out.Gaps, fmt.Sprintf("%s has %d bytes, of which %d are there", what, size*sectorSize, p.dev.Size()))
		}
		return p
	}
	b.out.Gaps = append(b.out.Gaps, p.err.Error())
	return p
}

// noteSnapshot keeps what a snapshot's own volume says of others.
func (b *builder) noteSnapshot(lv *section) {
	for _, name := range lv.order {
		seg := lv.sections[name]
		if seg.text("type") != "snapshot" {
			continue
		}
		if store := seg.text("cow_store"); store != "" {
			b.cows[store] = seg.text("origin")
		}
		if store := seg.text("merging_store"); store != "" {
			b.cows[store] = seg.text("origin")
			b.merging[seg.text("origin")] = store
		}
	}
}

// group makes every volume that a machine would see.
func (b *builder) group() *Group {
	lvs := b.text.group.sections["logical_volumes"]
	if lvs == nil {
		return b.out
	}
	for _, name := range lvs.order {
		lv := lvs.sections[name]
		kind := firstKind(lv)
		if kind == "snapshot" { // it stands for its store, which is called what the machine sees
			b.out.Volumes = append(b.out.Volumes, b.snapshot(lv))
			continue
		}
		if _, store := b.cows[name]; store || !lv.has("status", "VISIBLE") {
			continue
		}
		v := Volume{Name: name, UUID: lv.text("id"), Kind: kind, Pool: kind == "thin-pool" || kind == "cache-pool" || kind == "vdo-pool"}
		v.Size, v.Err = b.size(lv)
		if v.Err == nil && !v.Pool {
			v.Device, v.Err = b.seen(name)
		}
		if v.Err != nil {
			v.Device = nil
			v.Err = fmt.Errorf("logical volume %s/%s (%s): %w", b.text.name, name, v.Kind, v.Err)
		}
		b.out.Volumes = append(b.out.Volumes, v)
	}
	return b.out
}

// snapshot describes a snapshot: its store holds only what differs from its
// origin, which is not read.
func (b *builder) snapshot(lv *section) Volume {
	seg := lv.sections["segment1"]
	v := Volume{Name: seg.text("cow_store") + seg.text("merging_store"), UUID: lv.text("id"), Kind: "snapshot"}
	v.Size, _ = b.size(lv)
	v.Err = fmt.Errorf("logical volume %s/%s: snapshot of %s: %w", b.text.name, v.Name, seg.text("origin"), volume.ErrUnsupported)
	return v
}

// seen makes the device of a volume as the machine sees it.
func (b *builder) seen(name string) (volume.Device, error) {
	if store, ok := b.merging[name]; ok {
		return nil, fmt.Errorf("snapshot %s is flowing back into it: %w", store, volume.ErrUnsupported)
	}
	return b.device(name)
}

// firstKind names a volume by its first segment.
func firstKind(lv *section) string {
	seg := lv.sections["segment1"]
	if seg == nil {
		return "unknown"
	}
	kind := seg.text("type")
	if kind == "striped" && len(seg.values["stripes"].list) <= 2 {
		return "linear"
	}
	return kind
}
