package btrfs

import (
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// readData reads whole sectors of data and holds them against their checksums, of which every sector has one unless the file has none.
func (f *filesystem) readData(s *subvolume, b []byte, at uint64, unsummed bool) error {
	sector, size := f.super.sectorSize, f.super.csum.size
	if at%uint64(sector) != 0 || len(b)%sector != 0 {
		return fmt.Errorf("data of %d bytes at address %#x: %w", len(b), at, volume.ErrCorrupt)
	}
	if unsummed {
		return f.read(b, at, func([]byte) string { return "" })
	}
	sums, err := f.checksums(s, at, len(b)/sector)
	if err != nil {
		return err
	}
	good := func(b []byte, from int) string {
		for i := 0; i < len(b); i += sector {
			if n := (from + i) / sector; !f.super.csum.matches(sums[n*size:], b[i:i+sector]) {
				return fmt.Sprintf("data checksum mismatch in the sector at address %#x", at+uint64(from+i))
			}
		}
		return ""
	}
	err = f.read(b, at, func(b []byte) string { return good(b, 0) })
	if err == nil {
		return nil
	}
	for i := 0; i < len(b); i += sector { // each copy may be damaged elsewhere
		if one := f.read(b[i:i+sector], at+uint64(i), func(b []byte) string { return good(b, i) }); one != nil {
			return one
		}
	}
	return nil
}

// checksums returns those of count sectors, of the log first.
func (f *filesystem) checksums(s *subvolume, at uint64, count int) ([]byte, error) {
	sums, have := make([]byte, count*f.super.csum.size), make([]bool, count)
	missing := count
	if s.log != nil {
		n, err := f.gather(s.log.tree, at, sums, have)
		if err != nil {
			return nil, fmt.Errorf("checksums in the log: %w", err)
		}
		missing -= n
	}
	if missing > 0 && f.sums.at != 0 {
		n, err := f.gather(f.sums, at, sums, have)
		if err != nil {
			return nil, fmt.Errorf("checksum tree: %w", err)
		}
		missing -= n
	}
	if missing > 0 {
		return nil, fmt.Errorf("%d of %d sectors at address %#x have no checksum: %w", missing, count, at, volume.ErrCorrupt)
	}
	return sums, nil
}

// gather takes the checksums of a tree that are missing yet, and returns how many.
func (f *filesystem) gather(t tree, at uint64, sums []byte, have []bool) (got int, err error) {
	sector, size := uint64(f.super.sectorSize), uint64(f.super.csum.size)
	last := at + uint64(len(have)-1)*sector
	take := func(k key, b []byte) error {
		if k.object != checksumsOf || k.kind != itemChecksum || k.offset%sector != 0 {
			return nil
		}
		first := k.offset
		if first < at {
			skip := (at - first) / sector
			if skip >= uint64(len(b))/size {
				return nil
			}
			b, first = b[skip*size:], at
		}
		for ; uint64(len(b)) >= size && first <= last; b, first = b[size:], first+sector {
			if i := (first - at) / sector; !have[i] {
				copy(sums[i*size:(i+1)*size], b)
				have[i] = true
				got++
			}
		}
		return nil
	}
	from := key{checksumsOf, itemChecksum, at}
	k, b, ok, err := f.floor(t, from)
	if err != nil {
		return 0, err
	}
	if ok && k != from {
		_ = take(k, b)
	}
	err = f.walk(t, from, key{checksumsOf, itemChecksum, last}, take)
	return got, err
}
