package lvm

import (
	"fmt"

	"hinomi/internal/source/disk/lvm/thin"
	"hinomi/internal/source/disk/volume"
)

// pool is a thin pool, opened once.
type pool struct {
	pool *thin.Pool
	err  error
}

// thin reads thin_pool = "pool", device_id = 3 and, if what was never written
// comes from another volume, external_origin = "lv".
func (b *builder) thin(s segment, depth int) (volume.Device, error) {
	p := b.pool(s.text("thin_pool"), depth)
	if p.err != nil {
		return nil, fmt.Errorf("pool %s: %w", s.text("thin_pool"), p.err)
	}
	id, err := s.number("device_id", 1<<24-1)
	if err != nil {
		return nil, err
	}
	var below volume.Device
	if name := s.text("external_origin"); name != "" {
		if below, err = b.deviceAt(name, depth); err != nil {
			return nil, fmt.Errorf("external origin: %w", err)
		}
	}
	return p.pool.Volume(uint64(id), s.size, below)
}

// pool opens the pool of a name.
func (b *builder) pool(name string, depth int) *pool {
	if p, ok := b.pools[name]; ok {
		return p
	}
	p := &pool{}
	b.pools[name] = p
	p.pool, p.err = b.openPool(name, depth)
	if p.err == nil {
		for _, n := range p.pool.Notes() {
			b.out.Gaps = append(b.out.Gaps, fmt.Sprintf("thin pool %s/%s: %s", b.text.name, name, n))
		}
	}
	return p
}

// openPool reads metadata = "pool_tmeta" and pool = "pool_tdata".
func (b *builder) openPool(name string, depth int) (*thin.Pool, error) {
	lv := b.logical[name]
	if lv == nil || len(lv.order) != 1 {
		return nil, fmt.Errorf("is not described: %w", volume.ErrCorrupt)
	}
	s := lv.sections[lv.order[0]]
	if kind := s.text("type"); kind != "thin-pool" {
		return nil, fmt.Errorf("is of type %q: %w", kind, volume.ErrCorrupt)
	}
	meta, err := b.deviceAt(s.text("metadata"), depth)
	if err != nil {
		return nil, err
	}
	data, err := b.deviceAt(s.text("pool"), depth)
	if err != nil {
		return nil, err
	}
	sectors, err := s.number("chunk_size", 1<<32)
	if err != nil {
		return nil, err
	}
	p, err := thin.Open(meta, data)
	if err != nil {
		return nil, err
	}
	if p.ChunkSize() != sectors*sectorSize {
		return nil, fmt.Errorf("chunks of %d bytes, of which the pool's own metadata says %d: %w", sectors*sectorSize, p.ChunkSize(), volume.ErrCorrupt)
	}
	return p, nil
}
