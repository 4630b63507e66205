package ext4

import (
	"errors"
	"fmt"

	"hinomi/internal/source/disk/ext4/jbd2"
	"hinomi/internal/source/disk/volume"
)

// replayJournal does in memory what the kernel does at a mount: it puts the journal's
// committed blocks over those of the file system.
func (r *reader) replayJournal() error {
	s := &r.super
	if !s.has(incompatRecover) {
		if s.compat&compatHasJournal == 0 && s.state&stateClean == 0 {
			r.notes.gap("not cleanly unmounted and without a journal: the last writes may be missing or torn")
		}
		return nil
	}
	if s.compat&compatHasJournal == 0 {
		return fmt.Errorf("journal needs recovery and does not exist: %w", volume.ErrCorrupt)
	}
	if s.journalInode == 0 {
		return fmt.Errorf("journal needs recovery and is on another device, %s: %w", formatUUID(s.journalUUID), volume.ErrUnsupported)
	}
	in, public, err := r.inode(s.journalInode)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if !public.Mode.IsRegular() || in.has(flagInline|flagEncrypt) {
		return fmt.Errorf("journal inode %d is not a plain file: %w", in.ino, volume.ErrCorrupt)
	}
	log := jbd2.Log{
		BlockSize: s.blockSize,
		Len:       uint32(min(uint64(in.size)>>s.blockBits, 1<<32-1)),
		Read:      func(i uint32) ([]byte, error) { return r.logBlock(in, i) },
	}
	replay, err := jbd2.Load(log)
	if err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	if err := r.overlay(in, replay); err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	for _, g := range replay.Gaps {
		r.notes.gap("%s", g)
	}
	r.notes.fact("journal replayed: %d transactions, %d blocks", replay.Transactions, len(replay.Blocks))
	err = r.replayFast(replay)
	replay.Blocks, replay.Fast = nil, nil // the overlay holds what is needed
	return err
}

// logBlock reads block i of the journal.
func (r *reader) logBlock(in *inode, i uint32) ([]byte, error) {
	at, err := r.logPlace(in, i)
	if err != nil {
		return nil, err
	}
	data := make([]byte, r.super.blockSize)
	return data, r.blocks.raw(data, at, 0)
}

// logPlace says where block i of the journal lies on the disk.
func (r *reader) logPlace(in *inode, i uint32) (uint64, error) {
	found, err := r.storedRun(in, uint64(i))
	if err != nil {
		return 0, err
	}
	if found.hole {
		return 0, fmt.Errorf("journal has a hole at block %d: %w", i, volume.ErrCorrupt)
	}
	return found.phys, nil
}

// overlay lays the copies over the file system and reads its superblock again.
func (r *reader) overlay(in *inode, replay *jbd2.Replay) error {
	overlay := make(map[uint64]logged, len(replay.Blocks))
	for block, c := range replay.Blocks {
		if block >= r.super.blocks {
			return fmt.Errorf("copy of block %d of %d: %w", block, r.super.blocks, volume.ErrCorrupt)
		}
		at, err := r.logPlace(in, c.Log)
		if err != nil {
			return err
		}
		overlay[block] = logged{at, c}
	}
	r.blocks.setOverlay(replay, overlay)
	if r.super.fromBackup != 0 {
		return nil
	}
	raw := make([]byte, superSize)
	block := uint64(superOffset >> r.super.blockBits)
	if err := r.blocks.readAt(raw, block, superOffset&(r.super.blockSize-1)); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	s, err := parseSuper(raw)
	if err != nil {
		return err
	}
	if s.blockBits != r.super.blockBits {
		return fmt.Errorf("superblock of the journal has another block size: %w", volume.ErrCorrupt)
	}
	r.super = s
	return nil
}

// replayFast applies the fast commits that follow the last transaction. What
// cannot be applied is a gap: the file system is then as of that transaction.
func (r *reader) replayFast(replay *jbd2.Replay) error {
	ops, err := scanFast(replay.Fast, replay.NextID)
	if err == nil {
		err = r.applyFast(ops)
	}
	if err != nil {
		if !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrUnsupported) && !errors.Is(err, volume.ErrLimit) {
			return err // the device failed
		}
		r.notes.gap("fast commits after transaction %d not replayed: %v", replay.NextID-1, err)
		return nil
	}
	if len(ops) > 0 {
		r.notes.fact("fast commits replayed: %d changes", len(ops))
	}
	return nil
}
