// Package extract reads what is installed out of a file system: one walk over every path, and the databases of the package managers.
// What was there and could not be read is a gap with its reason; nothing is dropped without a word.
package extract

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"runtime"
	"sync"
	"time"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/jar"
	"hinomi/internal/source/extract/secret"
)

// The defaults of Options.
const (
	// DefaultMaxFileBytes bounds what is read of one file from its beginning to its end. The largest package database of a current
	// distribution is near 200 MiB. Archives and executables, which are read in places, are not bound by it.
	DefaultMaxFileBytes = 512 << 20
	maxWorkers          = 4
)

// Options say what to read. The zero value of each field but Method is useful.
type Options struct {
	Method        inventory.Method
	Source        string            // what is read, for Inventory.Source
	Now           func() time.Time  // for Inventory.ReadAt and Stats.Elapsed; nil leaves both zero
	Logger        *slog.Logger      // nil: no log
	MaxFileBytes  int64             // 0: DefaultMaxFileBytes
	Roots         []string          // "/"-rooted folders in which files are looked for; nil: everywhere. Package databases are read in any case.
	Exclude       []string          // path.Match patterns of "/"-rooted paths; a folder that matches is not entered. Each match is a gap.
	OnProgress    func(int, string) // called once a folder, from one goroutine, with the files seen so far and the folder
	Workers       int               // files read at once; 0: the processors, at most 4. The file system must be safe for that, or give 1.
	SkipLockFiles bool              // each lock file that is met becomes a gap; by default they are read
	Secrets       bool              // look for private keys and tokens too
	SecretSalt    []byte            // of this installation: makes the fingerprints of tokens its own; nil: tokens have none
	Owned         bool              // read the software that the distribution's own packages brought too, and say whose it is; by default it is not opened
	RunningKernel string            // uname -r of a live host; "": concluded from the boot configuration
}

// Stats are the figures of one extraction.
type Stats struct {
	Folders, Files int64          // met on the walk
	Opened         int64          // files opened
	BytesRead      int64          // from files
	Found          map[string]int // packages by extractor, before duplicates were taken out
	Elapsed        time.Duration  // zero without Options.Now
}

// Extract reads the inventory of the system whose root is fsys: an image, a folder, or a host's own "/".
//
// Symbolic links are not followed on the walk; the known places of databases are resolved inside fsys, never outside of it, if fsys is an
// fs.ReadLinkFS. Files should be io.ReaderAt; others are read whole up to Options.MaxFileBytes. The error is the context's, or says that
// the root cannot be listed; everything else is a Gap. Equal systems give equal inventories, but for ReadAt.
func Extract(ctx context.Context, fsys fs.FS, opts Options) (*inventory.Inventory, Stats, error) {
	opts = opts.withDefaults()
	start := opts.Now()
	if err := checkRoots(opts.Roots); err != nil {
		return nil, Stats{}, err
	}
	for _, pattern := range opts.Exclude {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, Stats{}, fmt.Errorf("exclude %q: %w", pattern, err)
		}
	}
	r := &run{opts: opts, host: host.New(fsys, opts.MaxFileBytes), log: opts.Logger, owned: newOwnership(), jars: jar.NewReader(opts.MaxFileBytes), found: map[string]int{}}
	r.inv = &inventory.Inventory{Method: opts.Method, Source: opts.Source, ReadAt: start}
	r.guard("os", "/etc/os-release", func() error { r.inv.OS = readOS(r.host, r); return nil })
	for _, x := range r.extractors() {
		if x.System == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, r.stats(start), fmt.Errorf("extract %s: %w", x.ID, err)
		}
		out := &Output{run: r, id: x.ID}
		r.guard(x.ID, "/", func() error { return x.System(ctx, r.host, out) })
		r.merge(out)
	}
	r.owned.complete()
	if err := r.walk(ctx); err != nil {
		return nil, r.stats(start), err
	}
	r.finish()
	return r.inv, r.stats(start), nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Time{} }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.Workers <= 0 {
		o.Workers = min(maxWorkers, runtime.GOMAXPROCS(0))
	}
	if o.OnProgress == nil {
		o.OnProgress = func(int, string) {}
	}
	return o
}

// The bounds of one inventory. A host has some thousand packages; a disk made to hurt has as many as fit.
const (
	maxPackages = 1_000_000
	maxGaps     = 10_000
)

// run is one extraction.
type run struct {
	opts  Options
	host  *host.Host
	log   *slog.Logger
	owned *ownership
	jars  *jar.Reader

	folders, files int64 // written by the walking goroutine only

	mu          sync.Mutex
	inv         *inventory.Inventory
	found       map[string]int
	lostPkgs    int
	lostGaps    int
	lostSecrets int
	databases   []string // package databases that were read, by path
}

// extractors lists those that the options ask for.
func (r *run) extractors() []Extractor {
	list := extractors()
	if r.opts.Secrets {
		for _, x := range secret.Extractors(r.opts.SecretSalt, insidePackage, r.secret) {
			of := ofFile(x)
			of.Any = true // a key in a file of the distribution is no less a key
			list = append([]Extractor{of}, list...)
		}
	}
	return list
}

// maxSecrets bounds what is kept: more than that on one host are not looked at one by one.
const maxSecrets = 10_000

// secret keeps where a secret lies, never the secret.
func (r *run) secret(s inventory.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inv.Secrets) >= maxSecrets {
		r.lostSecrets++
		return
	}
	r.inv.Secrets = append(r.inv.Secrets, s)
}

// guard runs fn and makes a gap of its error, or of its panic: libraries that read outside bytes have faults too.
func (r *run) guard(id, path string, fn func() error) {
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("extractor panicked", slog.String("extractor", id), slog.String("path", path), slog.Any("panic", v))
			r.gap(path, id, fmt.Sprintf("the extractor panicked: %v", v))
		}
	}()
	if err := fn(); err != nil {
		r.gap(path, id, err.Error())
	}
}

// gap records what was there and could not be read.
func (r *run) gap(path, id, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inv.Gaps) >= maxGaps {
		r.lostGaps++
		return
	}
	r.inv.Gaps = append(r.inv.Gaps, inventory.Gap{Path: path, FoundBy: id, Reason: clip(reason)})
}

func (r *run) note(text string) {
	r.mu.Lock()
	r.inv.Notes = append(r.inv.Notes, text)
	r.mu.Unlock()
}

func (r *run) merge(out *Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if room := maxPackages - len(r.inv.Packages); len(out.packages) > room {
		r.lostPkgs += len(out.packages) - room
		out.packages = out.packages[:room]
	}
	r.inv.Packages = append(r.inv.Packages, out.packages...)
	r.found[out.id] += len(out.packages)
}

func (r *run) stats(start time.Time) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{
		Folders: r.folders, Files: r.files, Opened: r.host.Opened(), BytesRead: r.host.BytesRead(),
		Found: r.found, Elapsed: r.opts.Now().Sub(start),
	}
}

// clip bounds a reason: it may quote outside bytes.
func clip(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}
