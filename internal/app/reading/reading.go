// Package reading turns the disks of one machine into its inventory: in this process, or in a child that can do nothing but read what it is
// handed, for disks that somebody else filled.
package reading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/extract"
)

// Job says what is read and how. It goes to the child as JSON.
type Job struct {
	Method        inventory.Method `json:"method"`
	Source        string           `json:"source"` // Inventory.Source
	Disks         []Disk           `json:"disks"`
	Exclude       []string         `json:"exclude,omitempty"`       // as in extract.Options
	MaxFileBytes  int64            `json:"maxFileBytes,omitempty"`  // as in extract.Options
	SkipLockFiles bool             `json:"skipLockFiles,omitempty"` // as in extract.Options
	Owned         bool             `json:"owned,omitempty"`         // as in extract.Options
	Secrets       bool             `json:"secrets,omitempty"`       // as in extract.Options
	SecretSalt    []byte           `json:"secretSalt,omitempty"`    // as in extract.Options
	CacheBytes    int64            `json:"cacheBytes,omitempty"`    // of blocks of each disk; DefaultCacheBytes if 0
}

// DefaultCacheBytes is the memory for blocks of a disk.
const DefaultCacheBytes = 64 << 20

// cacheBlock is the size of a block that is kept, in bytes: at 64 KiB a real Debian takes few round trips to the parent, and not many bytes in vain.
const cacheBlock = 64 << 10

// Disk is one disk of the machine.
type Disk struct {
	Name  string `json:"name,omitempty"`  // device name on its machine, such as /dev/sdf; "" if it is not known
	Label string `json:"label,omitempty"` // what errors call it; "" for nothing
	Hints bool   `json:"hints,omitempty"` // the device wants to know what will be read soon
	Boots bool   `json:"boots,omitempty"` // the machine starts from it, if that is known of one
	Local bool   `json:"local,omitempty"` // it is a file of this machine, whose blocks the kernel keeps: no others are kept
}

// Device is where a disk's bytes come from. It is safe for concurrent use. A device with Prefetch(off, length int64) is told what will be
// read soon. One with File() *os.File is a local file, which a child can read by itself.
type Device interface {
	io.ReaderAt
	Size() int64
}

// prefetcher is a Device that reads far away.
type prefetcher interface {
	Prefetch(off, length int64)
}

// Stats say what was read, a volume each.
type Stats struct {
	Volumes []Volume `json:"volumes"`
}

// Volume is a tree of files that was read.
type Volume struct {
	Source string        `json:"source"`
	Stats  extract.Stats `json:"stats"`
}

// ErrOpen marks a disk that could not even be opened, of which nothing is known.
var ErrOpen = errors.New("the disk cannot be opened")

// Fault is an error whose text is all that is shown of it, with what it is told apart by.
type Fault struct {
	text string
	is   []error
}

// Error implements error.
func (f *Fault) Error() string { return f.text }

// Unwrap returns what errors.Is and errors.As find.
func (f *Fault) Unwrap() []error { return f.is }

// Watch is told how far reading is: the files seen so far, and the folder.
type Watch func(files int, path string)

// Read reads the inventory of a machine from its disks in this process; the device of each disk of the job in their order. What of them could
// not be read, or may be stale, is a gap. Errors are disk.ErrNoRoot, ErrOpen and those of the context and the devices.
func Read(ctx context.Context, job Job, devices []Device, now func() time.Time, watch Watch) (*inventory.Inventory, Stats, error) {
	if len(devices) != len(job.Disks) {
		return nil, Stats{}, fmt.Errorf("%d devices for %d disks", len(devices), len(job.Disks))
	}
	r := &reader{options: extract.Options{
		Method: job.Method, Source: job.Source, Exclude: job.Exclude, MaxFileBytes: job.MaxFileBytes, SkipLockFiles: job.SkipLockFiles,
		Owned: job.Owned, Secrets: job.Secrets, SecretSalt: job.SecretSalt,
		Now: now, OnProgress: watch,
	}}
	var disks []*disk.Disk
	defer func() {
		for _, d := range slices.Backward(disks) {
			_ = d.Close() // only read
		}
	}()
	bytes := job.CacheBytes
	if bytes <= 0 {
		bytes = DefaultCacheBytes
	}
	for i, dev := range devices {
		kept := disk.Device(dev)
		if _, far := dev.(prefetcher); far {
			r.far, r.options.Workers = true, farWorkers
			kept = cached(dev, min(bytes, farCacheBytes))
		} else if !job.Disks[i].Local {
			kept = cached(dev, bytes)
		}
		d, err := disk.Open(kept, disk.Options{Name: job.Disks[i].Name, Boots: job.Disks[i].Boots})
		if err != nil {
			f := &Fault{text: err.Error(), is: []error{ErrOpen, err}}
			if label := job.Disks[i].Label; label != "" {
				f.text = "read " + label + ": " + f.text
			}
			return nil, r.stats, f
		}
		disks = append(disks, d)
	}
	inv, err := r.readDisks(ctx, disks)
	return inv, r.stats, err
}

const (
	// farWorkers is how many files of a disk far away are read at once: each mostly waits for a block.
	farWorkers = 16
	// farCacheBytes is the memory for blocks of a disk far away: who fetches them keeps them too, more of them and compressed.
	farCacheBytes = 16 << 20
)

// cachedDevice keeps blocks of a device, and hands its hints on.
type cachedDevice struct {
	disk.Device
	hints prefetcher
}

// Prefetch hands on what will be read soon.
func (d cachedDevice) Prefetch(off, length int64) { d.hints.Prefetch(off, length) }

func cached(dev Device, bytes int64) disk.Device {
	kept := disk.NewCache(dev, cacheBlock, bytes)
	if p, ok := dev.(prefetcher); ok {
		return cachedDevice{kept, p}
	}
	return kept
}
