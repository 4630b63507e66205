package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hinomi/internal/app"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// keptFeeds is how many imported folders the cache keeps, the newest: one has about half the size of the feeds.
const keptFeeds = 4

// feedsOf returns the advisory database of a folder of feeds, imported now or before, and what to call when done with it. It is kept in the
// user's cache (XDG Base Directory Specification) as long as neither the folder nor this program changes.
func (c *command) feedsOf(ctx context.Context, dir string) (path string, done func(), err error) {
	key, err := feedsKey(dir)
	if err != nil {
		return "", nil, err
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "hinomi", "feeds")
		err = os.MkdirAll(cache, 0o700)
	}
	done = func() {}
	if err != nil { // a user without a home, or a full disk: for this once
		if cache, err = os.MkdirTemp("", "hinomi-feeds-*"); err != nil {
			return "", nil, fmt.Errorf("make a folder for the advisories: %w", err)
		}
		gone := cache
		done = func() { _ = os.RemoveAll(gone) } // a temporary folder
	}
	path = filepath.Join(cache, key+".db")
	if db, err := advisorydb.Open(path); err == nil {
		return path, done, db.Close()
	}
	if err := c.importFeeds(ctx, dir, path); err != nil {
		done()
		return "", nil, err
	}
	forget(cache, path)
	return path, done, nil
}

// importFeeds imports a folder of feeds into a new database, with a bar where a person watches.
func (c *command) importFeeds(ctx context.Context, dir, path string) (err error) {
	bars := c.newBars()
	defer func() { bars.close(err) }()
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: c.cfg.Now()})
	if err != nil {
		return fmt.Errorf("begin the advisory database: %w", err)
	}
	defer b.Close() //nolint:errcheck // removes what Finish did not install
	report, err := feed.Import(ctx, dir, b, feed.Options{Now: c.cfg.Now(), Progress: func(p feed.Progress) {
		bars.step(pipeline.Step{Stage: "feeds", Done: int(p.BytesDone >> 10), Total: int(p.BytesTotal >> 10), What: p.File})
	}})
	if err != nil {
		return fmt.Errorf("import the feeds of %s: %w", dir, err)
	}
	if len(report.Feeds) == 0 {
		return hinted(fmt.Errorf("%s holds no feed", dir), "hinomi feed list names the files and their layout")
	}
	for _, p := range report.Problems {
		fmt.Fprintln(c.errs, "not understood: "+printable(p.File+" "+p.Document+": "+p.Reason))
	}
	_, err = b.Finish()
	return err
}

// feedsKey names the state of a folder of feeds as this program imports it: from names, sizes and times of its files and of the program.
func feedsKey(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, abs, app.Version, app.Commit)
	if exe, err := os.Executable(); err == nil {
		if info, err := os.Stat(exe); err == nil {
			fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
		}
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return "", fmt.Errorf("open the folder of feeds: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(h, name, info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look at the folder of feeds: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// forget removes all but the newest imported folders from the cache.
func forget(cache, current string) {
	names, err := filepath.Glob(filepath.Join(cache, "*.db"))
	if err != nil {
		return
	}
	age := map[string]int64{}
	for _, n := range names {
		if info, err := os.Stat(n); err == nil {
			age[n] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(age[b], age[a]) })
	for _, n := range names[min(len(names), keptFeeds):] {
		if n != current {
			_ = os.Remove(n) // another process may have removed it
		}
	}
}
