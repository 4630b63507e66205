package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/feed"
)

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
func (a *App) feedDir() string { return filepath.Join(a.cfg.DataDir, "feeds") }

// UpdateFeeds fetches what publishers have new, rebuilds the advisory database if anything changed, and judges the kept inventories again.
// A feed that cannot be fetched is told and stays as it was.
func (a *App) UpdateFeeds(ctx context.Context, by auth.Principal, o UpdateOptions) (FeedUpdate, error) {
	if err := allow(by, auth.WriteFeeds, ""); err != nil {
		return FeedUpdate{}, err
	}
	if err := os.MkdirAll(a.feedDir(), 0o700); err != nil {
		return FeedUpdate{}, fmt.Errorf("make the folder of feeds: %w", err)
	}
	var out FeedUpdate
	var fetch error
	out.Files, fetch = feed.Download(ctx, a.cfg.FeedClient, a.feedDir(), feed.Catalogue(ecosystems(o.Ecosystems)), feed.UpdateOptions{
		Now: a.now(), Base: o.Mirror, Progress: func(file string, done, total int64) {
			a.cfg.Progress(pipeline.Step{Stage: "feeds", Done: int(done >> 10), Total: int(max(total, 0) >> 10), What: file})
		},
	})
	changed := false
	for _, f := range out.Files {
		changed = changed || f.Status == "updated"
		if f.Err != nil {
			if err := a.db.FeedFailed(ctx, f.File, f.Err.Error()); err != nil {
				return out, err
			}
		}
	}
	if !changed && !errors.Is(a.haveAdvisories(), ErrNoAdvisories) {
		return out, fetch
	}
	begun := a.now()
	report, err := a.ImportFeeds(ctx, by, a.feedDir(), o.Import)
	out.Report, out.Imported = report, err == nil
	if err != nil {
		return out, errors.Join(fetch, err)
	}
	out.Rejudged, err = a.RejudgeInventories(ctx, begun)
	return out, errors.Join(fetch, err)
}

// haveAdvisories returns ErrNoAdvisories if none were ever imported.
func (a *App) haveAdvisories() error {
	_, release, err := a.lib().use()
	if err == nil {
		release()
	}
	return err
}

func ecosystems(chosen []string) []string {
	if len(chosen) == 0 {
		return feed.DefaultEcosystems()
	}
	return chosen
}

func (a *App) doFeeds(ctx context.Context, _ *job.Job) error {
	_, err := a.UpdateFeeds(ctx, auth.System(), UpdateOptions{Mirror: a.cfg.FeedMirror})
	return err
}

// feedTimeout bounds one request for a feed's headers; the body may take as long as it takes.
const feedTimeout = 60 * time.Second

// feedClient is the client for publishers: proxies of the environment, a bound on waiting for an answer.
func feedClient(roots *x509.CertPool) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = feedTimeout
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	t.ForceAttemptHTTP2 = true
	return &http.Client{Transport: t}
}
