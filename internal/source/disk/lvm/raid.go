package lvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"hinomi/internal/source/disk/mapper"
	"hinomi/internal/source/disk/volume"
)

// raidMagic begins the superblock of a metadata volume (Linux,
// drivers/md/dm-raid.c, struct dm_raid_superblock).
const raidMagic = 0x64526D44

// leg is one half of a raid1.
type leg struct {
	image    string
	position int
	blank    bool // no superblock was ever written
	events   uint64
	failed   uint64 // a bit for each leg that has failed
	recovery uint64 // sectors that are in sync
}

// raid1 reads a leg of raids = [ "lv_rmeta_0", "lv_rimage_0", … ] that is in
// sync: of those that the newest superblock does not call failed, one with the
// newest events.
func (b *builder) raid1(s segment, depth int) (volume.Device, error) {
	list := s.values["raids"].list
	if len(list) < 2 || len(list)%2 != 0 {
		return nil, fmt.Errorf("raid1 of %d volumes: %w", len(list), volume.ErrCorrupt)
	}
	var legs []leg
	var faults []error
	for i := 0; i < len(list); i += 2 {
		l, err := b.readLeg(list[i].text, list[i+1].text, i/2, depth)
		if err != nil {
			faults = append(faults, fmt.Errorf("leg %d: %w", i/2, err))
			continue
		}
		legs = append(legs, l)
	}
	best := newestLeg(legs, uint64(s.size/sectorSize))
	if best == nil {
		return nil, errors.Join(append(faults, fmt.Errorf("raid1: no leg is there and in sync: %w", volume.ErrCorrupt))...)
	}
	for _, f := range faults {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s: %v; leg %d was read", best.image, f, best.position))
	}
	c, err := b.place(best.image, 0, s.count, depth)
	if err != nil {
		return nil, err
	}
	return mapper.Join(c)
}

// readLeg reads a leg's superblock and makes sure that its image is there.
func (b *builder) readLeg(meta, image string, position, depth int) (leg, error) {
	l := leg{image: image, position: position}
	if _, err := b.deviceAt(image, depth); err != nil {
		return l, err
	}
	dev, err := b.deviceAt(meta, depth)
	if err != nil {
		return l, err
	}
	raw := make([]byte, sectorSize)
	if err := readFull(dev, raw, 0); err != nil {
		return l, fmt.Errorf("read its superblock: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint32(raw) != raidMagic {
		l.blank = true // the volume was never activated
		return l, nil
	}
	if at := le.Uint32(raw[12:]); at != uint32(position) {
		return l, fmt.Errorf("its superblock is that of leg %d: %w", at, volume.ErrCorrupt)
	}
	l.events, l.failed, l.recovery = le.Uint64(raw[16:]), le.Uint64(raw[24:]), le.Uint64(raw[32:])
	return l, nil
}

// newestLeg returns the leg to read, or nil. A leg may be one event behind, as
// its superblock is written after the other's (Linux, md.c, super_1_validate).
func newestLeg(legs []leg, sectors uint64) *leg {
	var newest *leg
	for i := range legs {
		if !legs[i].blank && (newest == nil || legs[i].events > newest.events) {
			newest = &legs[i]
		}
	}
	if newest == nil && len(legs) > 0 && legs[0].position == 0 {
		return &legs[0] // all blank: nothing was written by md yet
	}
	var best *leg
	for i := range legs {
		l := &legs[i]
		failed := newest != nil && l.position < 64 && newest.failed&(1<<l.position) != 0
		synced := l.recovery == math.MaxUint64 || l.recovery >= sectors
		if newest == nil || l.blank || failed || !synced || l.events+1 < newest.events {
			continue
		}
		if best == nil || l.events > best.events {
			best = l
		}
	}
	return best
}
