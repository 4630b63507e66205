package reading

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/extract"
)

// reader reads one machine.
type reader struct {
	options extract.Options
	far     bool // a read takes long: much is asked for at a time
	stats   Stats
}

// warmFolders is how many folders of a disk far away are asked for at a time, beside the walk.
const warmFolders = 64

// warm lists folders ahead of the walk until the function it returns is called.
func warm(ctx context.Context, root *disk.Root) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		root.Warm(ctx, warmFolders)
	}()
	return func() {
		cancel()
		<-done
	}
}

// count adds the figures of a tree.
func (r *reader) count(where string, s extract.Stats) {
	r.stats.Volumes = append(r.stats.Volumes, Volume{r.options.Source + where, s})
}

// readDisks reads the inventory of a machine, the root's disk first or not. What of them could not be read, or may be stale, is a gap.
func (r *reader) readDisks(ctx context.Context, disks []*disk.Disk) (*inventory.Inventory, error) {
	root, err := disk.Mount(disks...)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, volumeFaults(disks))
	}
	defer root.Close() //nolint:errcheck // only read
	if r.far {
		defer warm(ctx, root)()
	}
	inv, stats, err := extract.Extract(ctx, root, r.options)
	if err != nil {
		return nil, err
	}
	r.count("", stats)
	for _, u := range root.Unmounted {
		if err := r.readUnmounted(ctx, inv, u); err != nil {
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
func (r *reader) readUnmounted(ctx context.Context, inv *inventory.Inventory, u disk.Unmounted) error {
	if errors.Is(u.Err, disk.ErrNoFiles) || u.Volume != nil && errors.Is(u.Volume.Err, disk.ErrNoFiles) {
		return nil // swap, a boot loader's partition: nothing is missing by it
	}
	if u.Volume == nil || u.Volume.FS == nil {
		path := "/"
		reason := u.Err.Error()
		if u.Path != "" {
			path = "/" + u.Path
		} else if u.Volume != nil {
			reason = fmt.Sprintf("%s, %s: %s", u.Volume.Title(), u.Volume.Type, reason)
		}
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: path, FoundBy: "disk", Reason: reason})
		return nil
	}
	at := fmt.Sprintf("/volume %d", u.Volume.Index)
	if u.Path != "" {
		at = "/" + u.Path
	}
	more, stats, err := extract.Extract(ctx, u.Volume.FS, r.options)
	if err != nil {
		inv.Gaps = append(inv.Gaps, inventory.Gap{Path: at, FoundBy: "disk", Reason: err.Error()})
		return ctx.Err()
	}
	r.count(" "+at, stats)
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
	inv.Notes = append(inv.Notes, fmt.Sprintf("%s, %s, is not in the tree of files and was read by itself: %v", u.Volume.Title(), u.Volume.Type, u.Err))
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
			gap("/", fmt.Sprintf("%s: the file system has %d bytes, of which %d are there: the copy was cut", v.Title(), size, have))
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
			text += fmt.Sprintf("; %s (%s, %d MiB)", v.Title(), what, v.Size>>20)
			if v.Err != nil && !errors.Is(v.Err, disk.ErrNoFiles) {
				text += ": " + v.Err.Error()
			}
		}
	}
	return text
}
