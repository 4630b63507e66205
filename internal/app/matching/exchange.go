package matching

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"hinomi/internal/advisory"
	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// ExportAdvisories writes the advisories in use into one file that ImportDatabase of another installation takes.
func (a *Advisories) ExportAdvisories(ctx context.Context, by auth.Principal, to string) (advisorydb.Meta, error) {
	if err := core.Allow(by, auth.ReadInstallation, ""); err != nil {
		return advisorydb.Meta{}, err
	}
	if err := a.HaveAdvisories(); err != nil {
		return advisorydb.Meta{}, err
	}
	return advisorydb.Copy(ctx, a.Advisories, to, a.Now(), nil)
}

// ImportDatabase takes the advisories of a file that ExportAdvisories wrote, in one step; if anything is wrong with it the old ones stay in use.
// The file's feeds must not have shrunk, unless the options say that it is right.
func (a *Advisories) ImportDatabase(ctx context.Context, by auth.Principal, file string, o FeedOptions) (feed.Report, error) {
	if err := core.Allow(by, auth.WriteFeeds, ""); err != nil {
		return feed.Report{}, err
	}
	previous := a.previousFeeds()
	a.before.hold(a.Library)
	meta, err := advisorydb.Copy(ctx, file, a.Advisories, a.Now(), func(m advisorydb.Meta) error {
		if o.AllowShrink {
			return nil
		}
		return feed.Shrunk(m.Feeds, previous)
	})
	report := feed.Report{Feeds: meta.Feeds, Rows: meta.Rows}
	if errors.Is(err, fs.ErrNotExist) {
		return report, err
	}
	if err != nil {
		return report, fmt.Errorf("import %s: %w", file, err)
	}
	return report, a.recordImport(ctx, by, report.Feeds, report.Rows)
}

// recordImport writes down what was imported, and by whom.
func (a *Advisories) recordImport(ctx context.Context, by auth.Principal, feeds []advisory.Feed, rows int) error {
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		for _, f := range feeds {
			if err := a.DB.PutFeed(ctx, f); err != nil {
				return err
			}
		}
		return a.Audit(ctx, by, "feed.import", "feeds", "", fmt.Sprintf("%d feeds, %d rows", len(feeds), rows))
	})
}
