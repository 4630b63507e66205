package lvm

import (
	"cmp"
	"fmt"
	"slices"

	"hinomi/internal/source/disk/mapper"
	"hinomi/internal/source/disk/volume"
)

// maxChain bounds how deep volumes may lie on volumes; LVM itself makes five
// (thin on pool on cache on raid on image).
const maxChain = 16

// segment is a run of a logical volume.
type segment struct {
	*section
	kind         string
	start, count int64 // extents of the logical volume
	size         int64 // bytes
}

// kinds lists how each type of segment is read; a type that is not here is
// refused by its name.
func kinds() map[string]func(*builder, segment, int) (volume.Device, error) {
	return map[string]func(*builder, segment, int) (volume.Device, error){
		"striped":    (*builder).striped,
		"linear":     (*builder).striped,
		"mirror":     (*builder).mirror,
		"raid1":      (*builder).raid1,
		"raid0":      (*builder).raid0,
		"raid0_meta": (*builder).raid0,
		"thin":       (*builder).thin,
		"zero":       func(_ *builder, s segment, _ int) (volume.Device, error) { return mapper.Zero(s.size), nil },
	}
}

// segments returns a volume's segments in order; they must lie one behind the
// other, from its start.
func (b *builder) segments(lv *section) ([]segment, error) {
	if b.err != nil {
		return nil, b.err
	}
	var out []segment
	for _, name := range lv.order {
		s := segment{section: lv.sections[name], kind: lv.sections[name].text("type")}
		var err error
		if s.start, err = s.number("start_extent", maxExtents); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if s.count, err = s.number("extent_count", maxExtents); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	next := int64(0)
	for i := range out {
		if out[i].start != next || out[i].count == 0 {
			return nil, fmt.Errorf("segment of %d extents at %d where one at %d is due: %w", out[i].count, out[i].start, next, volume.ErrCorrupt)
		}
		next += out[i].count
		if next > (1<<62)/b.extent {
			return nil, fmt.Errorf("%d extents of %d bytes: %w", next, b.extent, volume.ErrCorrupt)
		}
		out[i].size = out[i].count * b.extent
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no segments: %w", volume.ErrCorrupt)
	}
	return out, nil
}

// size returns a volume's size in bytes.
func (b *builder) size(lv *section) (int64, error) {
	segs, err := b.segments(lv)
	if err != nil {
		return 0, err
	}
	last := segs[len(segs)-1]
	return (last.start + last.count) * b.extent, nil
}

// device makes a volume's device, once.
func (b *builder) device(name string) (volume.Device, error) { return b.deviceAt(name, 0) }

func (b *builder) deviceAt(name string, depth int) (volume.Device, error) {
	if r, ok := b.made[name]; ok {
		if r.dev == nil && r.err == nil {
			return nil, fmt.Errorf("%s lies on itself: %w", name, volume.ErrCorrupt)
		}
		return r.dev, r.err
	}
	lv := b.logical[name]
	switch {
	case lv == nil:
		return nil, fmt.Errorf("%q is no volume of the group: %w", name, volume.ErrCorrupt)
	case depth > maxChain:
		return nil, fmt.Errorf("%s: more than %d volumes on each other: %w", name, maxChain, volume.ErrLimit)
	}
	r := &result{}
	b.made[name] = r
	r.dev, r.err = b.assemble(lv, depth)
	return r.dev, r.err
}

// assemble joins the segments of a volume.
func (b *builder) assemble(lv *section, depth int) (volume.Device, error) {
	segs, err := b.segments(lv)
	if err != nil {
		return nil, err
	}
	pieces := make([]mapper.Piece, 0, len(segs))
	for _, s := range segs {
		open := kinds()[s.kind]
		if open == nil {
			return nil, fmt.Errorf("segment type %s: %w", s.kind, volume.ErrUnsupported)
		}
		dev, err := open(b, s, depth+1)
		if err != nil {
			return nil, err
		}
		if dev.Size() < s.size {
			return nil, fmt.Errorf("segment of %d bytes on %d: %w", s.size, dev.Size(), volume.ErrCorrupt)
		}
		pieces = append(pieces, mapper.Piece{Dev: dev, Size: s.size})
	}
	if len(pieces) == 1 && pieces[0].Dev.Size() == pieces[0].Size {
		return pieces[0].Dev, nil
	}
	return mapper.Join(pieces...)
}

// place returns count extents of a physical or logical volume.
func (b *builder) place(name string, extent, count int64, depth int) (mapper.Piece, error) {
	p, ok := b.physical[name]
	if !ok {
		dev, err := b.deviceAt(name, depth)
		if err != nil {
			return mapper.Piece{}, err
		}
		if extent < 0 || extent > maxExtents || (extent+count) > dev.Size()/b.extent {
			return mapper.Piece{}, fmt.Errorf("extents %d to %d of %s: %w", extent, extent+count, name, volume.ErrCorrupt)
		}
		return mapper.Piece{Dev: dev, Offset: extent * b.extent, Size: count * b.extent}, nil
	}
	switch {
	case p.err != nil:
		return mapper.Piece{}, p.err
	case extent < 0 || extent > maxExtents || extent+count > p.count || extent+count > (1<<61)/b.extent:
		return mapper.Piece{}, fmt.Errorf("extents %d to %d of %s, which has %d: %w", extent, extent+count, name, p.count, volume.ErrCorrupt)
	}
	return mapper.Piece{Dev: p.dev, Offset: p.start + extent*b.extent, Size: count * b.extent}, nil
}

// striped reads stripes = [ "pv0", 12, "pv1", 40 ]; a linear segment is one stripe.
func (b *builder) striped(s segment, depth int) (volume.Device, error) {
	list := s.values["stripes"].list
	n := int64(len(list) / 2)
	if n == 0 || len(list)%2 != 0 || s.count%n != 0 {
		return nil, fmt.Errorf("%d extents in stripes %d: %w", s.count, len(list), volume.ErrCorrupt)
	}
	columns := make([]mapper.Piece, 0, n)
	for i := 0; i < len(list); i += 2 {
		c, err := b.place(list[i].text, list[i+1].number, s.count/n, depth)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	if n == 1 {
		return mapper.Join(columns...)
	}
	sectors, err := s.number("stripe_size", 1<<32)
	if err != nil {
		return nil, err
	}
	return mapper.Stripe(sectors*sectorSize, columns...)
}

// mirror reads the first leg of mirrors = [ "lv_mimage_0", 0, "lv_mimage_1", 0 ]
// that is there. The first is the one that the others are copied from (Linux,
// dm-raid1.c); another may lack what was not copied yet, so it is not used.
func (b *builder) mirror(s segment, depth int) (volume.Device, error) {
	list := s.values["mirrors"].list
	if len(list) < 2 {
		return nil, fmt.Errorf("mirror without legs: %w", volume.ErrCorrupt)
	}
	leg, err := b.place(list[0].text, list[1].number, s.count, depth)
	if err != nil {
		return nil, fmt.Errorf("first leg of the mirror: %w", err)
	}
	return mapper.Join(leg)
}

// raid0 reads raid0_lvs = [ "lv_rimage_0", … ], or raids with metadata volumes between.
func (b *builder) raid0(s segment, depth int) (volume.Device, error) {
	images, step := s.values["raid0_lvs"].list, 1
	if len(images) == 0 {
		images, step = s.values["raids"].list, 2
	}
	var columns []mapper.Piece
	n := int64(len(images) / step)
	if n == 0 || s.count%n != 0 {
		return nil, fmt.Errorf("%d extents on %d images: %w", s.count, n, volume.ErrCorrupt)
	}
	for i := step - 1; i < len(images); i += step {
		c, err := b.place(images[i].text, 0, s.count/n, depth)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	sectors, err := s.number("stripe_size", 1<<32)
	if err != nil {
		return nil, err
	}
	return mapper.Stripe(sectors*sectorSize, columns...)
}
