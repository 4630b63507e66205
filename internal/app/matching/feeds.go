package matching

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hinomi/internal/advisory"
	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/feed"
)

// ImportFeeds reads a folder of feeds into the advisory database, which it replaces in one step; if anything fails the old one stays in use.
func (a *Advisories) ImportFeeds(ctx context.Context, by auth.Principal, dir string, o FeedOptions) (feed.Report, error) {
	if err := core.Allow(by, auth.WriteFeeds, ""); err != nil {
		return feed.Report{}, err
	}
	a.before.hold(a.Library)
	report, err := buildAdvisories(ctx, dir, a.Advisories, a.previousFeeds(), o.options(a))
	if err != nil {
		return report, err
	}
	return report, a.recordImport(ctx, by, report.Feeds, report.Rows)
}

// previousFeeds returns what the database in use was made of, so that a feed that shrank is noticed.
func (a *Advisories) previousFeeds() []advisory.Feed {
	db, release, err := a.Library.Use()
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

func (o FeedOptions) options(a *Advisories) feed.Options {
	return feed.Options{
		Now: a.Now(), Unlisted: o.Unlisted, AllowShrink: o.AllowShrink,
		Progress: func(p feed.Progress) {
			a.Progress(pipeline.Step{Stage: "feeds", Done: int(p.BytesDone >> 10), Total: int(p.BytesTotal >> 10), What: p.File})
		},
	}
}

// FeedUpdate is the outcome of UpdateFeeds.
type FeedUpdate struct {
	Files    []feed.Update `json:"files"`
	Imported bool          `json:"imported"` // something was new, and the advisory database was built again
	Report   feed.Report   `json:"report"`
	Rejudged int           `json:"rejudged"` // inventories that were judged again with it
}

// UpdateOptions say where feeds come from.
type UpdateOptions struct {
	Mirror string // base URL of a mirror; "" is each publisher's own
	// Ecosystems are the OSV archives to fetch; empty: all that run on EC2 instances.
	Ecosystems []string
	Import     FeedOptions
}

// feedDir is where downloaded feeds are kept, so that the next update transfers only what is new.
func (a *Advisories) feedDir() string { return filepath.Join(a.DataDir, "feeds") }

// UpdateFeeds fetches what publishers have new, rebuilds the advisory database if anything changed, and judges the kept inventories again.
// A feed that cannot be fetched is told and stays as it was.
func (a *Advisories) UpdateFeeds(ctx context.Context, by auth.Principal, o UpdateOptions) (FeedUpdate, error) {
	if err := core.Allow(by, auth.WriteFeeds, ""); err != nil {
		return FeedUpdate{}, err
	}
	if err := os.MkdirAll(a.feedDir(), 0o700); err != nil {
		return FeedUpdate{}, fmt.Errorf("make the folder of feeds: %w", err)
	}
	var out FeedUpdate
	var fetch error
	out.Files, fetch = feed.Download(ctx, a.FeedClient, a.feedDir(), feed.Catalogue(ecosystems(o.Ecosystems)), feed.UpdateOptions{
		Now: a.Now(), Base: o.Mirror, Progress: func(file string, done, total int64) {
			a.Progress(pipeline.Step{Stage: "feeds", Done: int(done >> 10), Total: int(max(total, 0) >> 10), What: file})
		},
	})
	changed := false
	for _, f := range out.Files {
		changed = changed || f.Status == "updated"
		if f.Err != nil {
			if err := a.DB.FeedFailed(ctx, f.File, f.Err.Error()); err != nil {
				return out, err
			}
		}
	}
	if !changed && a.HaveAdvisories() == nil {
		var err error
		out.Rejudged, err = a.RejudgeInventories(ctx) // a feed may have gone stale, or an earlier run was cut off
		return out, errors.Join(fetch, err)
	}
	report, err := a.ImportFeeds(ctx, by, a.feedDir(), o.Import)
	out.Report, out.Imported = report, err == nil
	if err != nil {
		return out, errors.Join(fetch, err)
	}
	out.Rejudged, err = a.RejudgeInventories(ctx)
	return out, errors.Join(fetch, err)
}

func ecosystems(chosen []string) []string {
	if len(chosen) == 0 {
		return feed.DefaultEcosystems()
	}
	return chosen
}

func (a *Advisories) doFeeds(ctx context.Context, _ *job.Job) error {
	_, err := a.UpdateFeeds(ctx, auth.System(), UpdateOptions{Mirror: a.FeedMirror})
	return err
}
