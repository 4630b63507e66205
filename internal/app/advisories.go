package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"hinomi/internal/advisory"
	"hinomi/internal/auth"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// library hands out the advisory database and opens a newer one when the file was swapped. Whoever uses it calls the release function.
type library struct {
	mu   sync.Mutex
	path string
	open *openLibrary
}

type openLibrary struct {
	db    *advisorydb.DB
	info  os.FileInfo
	users int
	old   bool // a newer one is open: the last user closes it
}

// ErrNoAdvisories is returned where no advisories were ever imported: nothing can be assessed then.
var ErrNoAdvisories = errors.New("no advisories have been imported")

// use returns the current advisory database and what to call when done with it.
func (l *library) use() (*advisorydb.DB, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: there is no %s", ErrNoAdvisories, l.path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the advisories: %w", err)
	}
	if l.open == nil || !os.SameFile(l.open.info, info) {
		db, err := advisorydb.Open(l.path)
		if err != nil {
			return nil, nil, fmt.Errorf("open the advisories: %w", err)
		}
		l.retire()
		l.open = &openLibrary{db: db, info: info}
	}
	o := l.open
	o.users++
	return o.db, func() { l.done(o) }, nil
}

func (l *library) done(o *openLibrary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.users--
	if o.old && o.users == 0 {
		_ = o.db.Close() // a read-only mapping: nothing can be lost
	}
}

// retire gives the open database up; called with the lock held.
func (l *library) retire() {
	if l.open == nil {
		return
	}
	l.open.old = true
	if l.open.users == 0 {
		_ = l.open.db.Close() // a read-only mapping: nothing can be lost
	}
	l.open = nil
}

func (l *library) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retire()
}

// lib returns the app's library.
func (a *App) lib() *library {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.advisories == nil {
		a.advisories = &library{path: a.cfg.Advisories}
	}
	return a.advisories
}

// ImportFeeds reads a folder of feeds into the advisory database, which it replaces in one step; if anything fails the old one stays in use.
func (a *App) ImportFeeds(ctx context.Context, by auth.Principal, dir string, o FeedOptions) (feed.Report, error) {
	if err := allow(by, auth.WriteFeeds, ""); err != nil {
		return feed.Report{}, err
	}
	report, err := buildAdvisories(ctx, dir, a.cfg.Advisories, a.previousFeeds(), o.options(a))
	if err != nil {
		return report, err
	}
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		for _, f := range report.Feeds {
			if err := a.db.PutFeed(ctx, f); err != nil {
				return err
			}
		}
		return a.audit(ctx, by, "feed.import", "feeds", "", fmt.Sprintf("%d feeds, %d rows", len(report.Feeds), report.Rows))
	})
	return report, err
}

// previousFeeds returns what the database in use was made of, so that a feed that shrank is noticed.
func (a *App) previousFeeds() []advisory.Feed {
	db, release, err := a.lib().use()
	if err != nil {
		return nil // the first import, or a file that is damaged: there is nothing to compare with
	}
	defer release()
	return db.Feeds()
}

// FeedOptions are what a user decides about an import.
type FeedOptions struct {
	Unlisted    bool // also files that the manifest does not name
	AllowShrink bool // a feed that lost more than a fifth is right
}

func (o FeedOptions) options(a *App) feed.Options {
	return feed.Options{
		Now: a.now(), Unlisted: o.Unlisted, AllowShrink: o.AllowShrink,
		Progress: func(p feed.Progress) {
			a.cfg.Progress(pipeline.Step{Stage: "feeds", Done: int(p.BytesDone >> 10), Total: int(p.BytesTotal >> 10), What: p.File})
		},
	}
}
