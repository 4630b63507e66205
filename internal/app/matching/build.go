package matching

import (
	"context"
	"fmt"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed"
	"hinomi/internal/store/advisorydb"
)

// buildAdvisories imports a folder of feeds into a new database at path. The old one stays until the new one is complete.
func buildAdvisories(ctx context.Context, dir, path string, previous []advisory.Feed, o feed.Options) (feed.Report, error) {
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: o.Now})
	if err != nil {
		return feed.Report{}, fmt.Errorf("begin the advisory database: %w", err)
	}
	defer b.Close() //nolint:errcheck // removes what Finish did not install
	o.Previous = previous
	report, err := feed.Import(ctx, dir, b, o)
	if err != nil {
		return report, fmt.Errorf("import the feeds of %s: %w", dir, err)
	}
	if _, err := b.Finish(); err != nil {
		return report, fmt.Errorf("finish the advisory database: %w", err)
	}
	return report, nil
}
