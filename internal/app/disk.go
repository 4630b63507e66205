package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/extract"
)

// readCache bounds the blocks of a disk that are kept in memory while it is read.
const readCache = 64 << 20

// readDisks reads the inventory of a machine from its disks, the root's first or not. What of them is not in the tree, or may be stale, is a gap.
func (a *App) readDisks(ctx context.Context, disks []*disk.Disk, o extract.Options) (*inventory.Inventory, error) {
	root, err := disk.Mount(disks...)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, volumeFaults(disks))
	}
	defer root.Close() //nolint:errcheck // only read
	inv, stats, err := extract.Extract(ctx, root, o)
	if err != nil {
		return nil, err
	}
	a.logStats(ctx, o.Source, stats)
	for _, u := range root.Unmounted {
		if errors.Is(u.Err, disk.ErrNoFiles) {
			continue // swap, a boot loader's partition: nothing is missing by it
		}
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: unmountedPath(u), FoundBy: "disk", Reason: u.Err.Error()})
	}
	info := root.Info()
	for _, g := range info.Gaps {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: "/", FoundBy: "disk", Reason: g})
	}
	inv.Notes = append(inv.Notes, info.Notes...)
	inv.Sort()
	return inv, nil
}

// volumeFaults says of each volume why it is no root.
func volumeFaults(disks []*disk.Disk) string {
	text := ""
	for _, d := range disks {
		for _, v := range d.Volumes {
			what := v.Type
			if what == "" {
				what = "content not recognised"
			}
			text += fmt.Sprintf("; volume %d (%s, %d MiB)", v.Index, what, v.Size>>20)
			if v.Err != nil && !errors.Is(v.Err, disk.ErrNoFiles) {
				text += ": " + v.Err.Error()
			}
		}
	}
	return text
}

func unmountedPath(u disk.Unmounted) string {
	switch {
	case u.Path != "":
		return u.Path
	case u.Volume != nil:
		return fmt.Sprintf("volume %d (%s)", u.Volume.Index, u.Volume.Type)
	default:
		return u.Spec
	}
}

// readTree reads the inventory of a folder, or of this host's own file system.
func (a *App) readTree(ctx context.Context, fsys fs.FS, o extract.Options) (*inventory.Inventory, error) {
	inv, stats, err := extract.Extract(ctx, fsys, o)
	if err == nil {
		a.logStats(ctx, o.Source, stats)
	}
	return inv, err
}
