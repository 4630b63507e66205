package target

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hinomi/internal/app/core"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// keptFeeds is how many imported folders the cache keeps, the newest: one has about half the size of the feeds.
const keptFeeds = 4

// ErrNoFeed says that a folder holds no feed.
var ErrNoFeed = errors.New("the folder holds no feed")

// Feeds returns the advisory database of a folder of feeds, imported now or before, and what to call when done with it. It is kept in the
// folder cache as long as neither the feeds nor this program change; where that cannot be written it is made for this once. problems are the
// documents that were not understood.
func Feeds(ctx context.Context, c core.Config, dir, cache string) (path string, problems []feed.Problem, done func(), err error) {
	key, err := feedsKey(dir)
	if err != nil {
		return "", nil, nil, err
	}
	done = func() {}
	if cache == "" || os.MkdirAll(cache, 0o700) != nil {
		if cache, err = os.MkdirTemp("", "hinomi-feeds-*"); err != nil {
			return "", nil, nil, fmt.Errorf("make a folder for the advisories: %w", err)
		}
		gone := cache
		done = func() { _ = os.RemoveAll(gone) } // a temporary folder
	}
	path = filepath.Join(cache, key+".db")
	if db, err := advisorydb.Open(path); err == nil {
		return path, nil, done, db.Close()
	}
	if problems, err = importFeeds(ctx, c, dir, path); err != nil {
		done()
		return "", nil, nil, err
	}
	forget(cache, path)
	return path, problems, done, nil
}

// importFeeds imports a folder of feeds into a new database.
func importFeeds(ctx context.Context, c core.Config, dir, path string) ([]feed.Problem, error) {
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: c.Now()})
	if err != nil {
		return nil, fmt.Errorf("begin the advisory database: %w", err)
	}
	defer b.Close() //nolint:errcheck // removes what Finish did not install
	o := feed.Options{Now: c.Now()}
	if c.Progress != nil {
		o.Progress = func(p feed.Progress) {
			c.Progress(pipeline.Step{Stage: "feeds", Done: int(p.BytesDone >> 10), Total: int(p.BytesTotal >> 10), What: p.File})
		}
	}
	report, err := feed.Import(ctx, dir, b, o)
	if err != nil {
		return nil, fmt.Errorf("import the feeds of %s: %w", dir, err)
	}
	if len(report.Feeds) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoFeed)
	}
	_, err = b.Finish()
	return report.Problems, err
}

// feedsKey names the state of a folder of feeds as this program imports it: from names, sizes and times of its files and of the program.
func feedsKey(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write([]byte(abs + "\n"))
	if exe, err := os.Executable(); err == nil {
		if info, err := os.Stat(exe); err == nil {
			h.Write(fmt.Appendln(nil, info.Size(), info.ModTime().UnixNano()))
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
