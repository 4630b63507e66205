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

// readDisks reads the inventory of a machine from its disks, the root's first or not. What of them could not be read, or may be stale, is a gap.
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
		if err := a.readUnmounted(ctx, inv, u, o); err != nil {
			return nil, err
		}
	}
	for _, d := range disks {
		addMissingEnd(inv, d)
	}
	info := root.Info()
	for _, g := range info.Gaps {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: "/", FoundBy: "disk", Reason: g})
	}
	inv.Notes = append(inv.Notes, info.Notes...)
	inv.Sort()
	return inv, nil
}

// readUnmounted deals with a volume that is not in the tree. One that can be read, and that fstab does not place, is read by itself: what lies
// on it is found at "/volume 2/…". One that should lie at a path is a gap there; one that cannot be read and has no known place may have lain
// anywhere, so the gap is everything.
func (a *App) readUnmounted(ctx context.Context, inv *inventory.Inventory, u disk.Unmounted, o extract.Options) error {
	if errors.Is(u.Err, disk.ErrNoFiles) || u.Volume != nil && errors.Is(u.Volume.Err, disk.ErrNoFiles) {
		return nil // swap, a boot loader's partition: nothing is missing by it
	}
	if u.Volume == nil || u.Volume.FS == nil {
		path := "/"
		reason := u.Err.Error()
		if u.Path != "" {
			path = "/" + u.Path
		} else if u.Volume != nil {
			reason = fmt.Sprintf("volume %d (%s): %s", u.Volume.Index, u.Volume.Type, reason)
		}
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: path, FoundBy: "disk", Reason: reason})
		return nil
	}
	at := fmt.Sprintf("/volume %d", u.Volume.Index)
	if u.Path != "" {
		at = "/" + u.Path
	}
	more, stats, err := extract.Extract(ctx, u.Volume.FS, o)
	if err != nil {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: at, FoundBy: "disk", Reason: err.Error()})
		return ctx.Err()
	}
	a.logStats(ctx, o.Source+" "+at, stats)
	for _, p := range more.Packages {
		if systemPackage(p) {
			continue // a second system that is not the one that runs
		}
		p.Location = at + p.Location
		inv.Packages = append(inv.Packages, p)
	}
	for _, g := range more.Gaps {
		if g.FoundBy != "os" { // that a data volume holds no whole system is no gap
			g.Path = at + g.Path
			inv.Gaps = append(inv.Gaps, g)
		}
	}
	inv.Notes = append(inv.Notes, fmt.Sprintf("volume %d (%s) is not in the tree of files and was read by itself: %v", u.Volume.Index, u.Volume.Type, u.Err))
	return nil
}

// addMissingEnd adds what may be unseen because a disk is shorter than its partition table or a file system on it says, as that of a copy that
// was cut. Reading itself only notices where a file lies beyond the end.
func addMissingEnd(inv *inventory.Inventory, d *disk.Disk) {
	gap := func(path, reason string) {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: path, FoundBy: "disk", Reason: reason})
	}
	for _, g := range d.Gaps {
		gap("/", g)
	}
	for _, v := range d.Volumes {
		if v.FS == nil {
			continue
		}
		if size, have := v.FS.Info().Size, min(v.Size, d.Size-v.Offset); size > have {
			gap("/", fmt.Sprintf("volume %d: the file system has %d bytes, of which %d are there: the copy was cut", v.Index, size, have))
		}
	}
}

// systemPackage reports whether a package belongs to a distribution's own database.
func systemPackage(p inventory.Package) bool {
	return p.FoundBy == "dpkg" || p.FoundBy == "rpm" || p.FoundBy == "apk"
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

// readTree reads the inventory of a folder, or of this host's own file system.
func (a *App) readTree(ctx context.Context, fsys fs.FS, o extract.Options) (*inventory.Inventory, error) {
	inv, stats, err := extract.Extract(ctx, fsys, o)
	if err == nil {
		a.logStats(ctx, o.Source, stats)
	}
	return inv, err
}
