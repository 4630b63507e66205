package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/finding"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

// stateAge is how long the state in /metrics is served again: several scrapers cost one reading.
const stateAge = 10 * time.Second

// Bounds of what /metrics reads and says.
const (
	jobsCounted  = 10_000 // jobs of one state; so many means "at least"
	callsCounted = 500    // APIs of AWS
)

// stateCache keeps the last reading of the state.
type stateCache struct {
	mu   sync.Mutex
	at   time.Time
	list []prometheus.Metric
}

// metricList is a collector of metrics that were read before.
type metricList []prometheus.Metric

// Describe sends nothing: the metrics are not known beforehand.
func (metricList) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics.
func (l metricList) Collect(to chan<- prometheus.Metric) {
	for _, m := range l {
		to <- m
	}
}

// stateRegistry returns a registry with the state. What could not be read is absent, never 0, and hinomi_state_read says so.
func (s *server) stateRegistry(ctx context.Context) *prometheus.Registry {
	c := &s.measure.state
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.now()
	if c.list == nil || now.Sub(c.at) >= stateAge || now.Before(c.at) {
		g := &gauges{}
		read := 1.0
		if err := s.readState(ctx, g); err != nil {
			s.log.WarnContext(ctx, "state not read for metrics", slog.Any("err", err))
			g, read = &gauges{}, 0
		}
		g.add("hinomi_state_read", "Whether the state could be read; if not, the metrics of it are absent.", read)
		c.list, c.at = g.list, now
	}
	r := prometheus.NewRegistry()
	r.MustRegister(metricList(c.list))
	return r
}

// gauges gathers metrics.
type gauges struct {
	list []prometheus.Metric
	errs []error
}

// add adds one value with its labels, given as name and value in turn.
func (g *gauges) add(name, help string, value float64, labels ...string) {
	g.put(prometheus.GaugeValue, name, help, value, labels...)
}

func (g *gauges) put(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, strings.ToValidUTF8(labels[i+1], "\uFFFD"))
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
	if err != nil {
		g.errs = append(g.errs, fmt.Errorf("metric %s: %w", name, err))
		return
	}
	g.list = append(g.list, m)
}

// readState reads everything, of all accounts.
func (s *server) readState(ctx context.Context, g *gauges) error {
	for _, read := range []func(context.Context, *gauges) error{s.assetState, s.findingState, s.coverageState, s.syncState, s.jobState, s.feedState} {
		if err := read(ctx, g); err != nil {
			return err
		}
	}
	s.callState(g)
	return errors.Join(g.errs...)
}

func (s *server) assetState(ctx context.Context, g *gauges) error {
	counts, err := s.db.CountAssets(ctx, auth.Everything(), store.AssetFilter{})
	if err != nil {
		return err
	}
	for _, k := range sortedKeys(counts) {
		g.add("hinomi_assets", "Assets that exist, by kind.", float64(counts[k]), "kind", string(k))
	}
	gaps, err := s.db.Gaps(ctx, auth.Everything())
	if err != nil {
		return err
	}
	byReason := map[string]int{}
	for _, gap := range gaps {
		byReason[string(gap.Reason)]++
	}
	g.add("hinomi_gaps", "Accounts, regions and kinds of asset that could not be read at the last try.", float64(len(gaps)))
	for _, r := range sortedKeys(byReason) {
		g.add("hinomi_gaps_by_reason", "The same by reason.", float64(byReason[r]), "reason", r)
	}
	return nil
}

func (s *server) findingState(ctx context.Context, g *gauges) error {
	counts, err := s.db.CountFindings(ctx, auth.Everything(), store.FindingFilter{Statuses: []finding.Status{finding.Active, finding.Suppressed}})
	for _, c := range counts {
		g.add("hinomi_findings", "Findings that are not closed.", float64(c.Count), "type", string(c.Type), "severity", string(c.Severity), "status", string(c.Status))
	}
	return err
}

func (s *server) coverageState(ctx context.Context, g *gauges) error {
	counts, err := s.db.CountCoverage(ctx, auth.Everything(), store.CoverageFilter{})
	for _, c := range counts {
		g.add("hinomi_coverage", "Assets by type of scan, its status and the reason.", float64(c.Count), "scan_type", string(c.Scan), "status", string(c.Status), "reason", string(c.Reason))
	}
	return err
}

// syncState counts the connectors by the state of their last sync.
func (s *server) syncState(ctx context.Context, g *gauges) error {
	byState, enabled := map[string]int{}, 0
	for from := ""; ; {
		list, next, err := s.db.Connectors(ctx, auth.Everything(), from, 1000)
		if err != nil {
			return err
		}
		for _, c := range list {
			if c.Enabled {
				enabled++
			}
			last, err := s.db.LastSync(ctx, auth.Everything(), c.ID)
			switch {
			case errors.Is(err, store.ErrNotFound):
				last.State = "NONE"
			case err != nil:
				return err
			}
			byState[string(last.State)]++
		}
		if from = next; next == "" {
			break
		}
	}
	for _, v := range []connector.SyncState{"NONE", connector.Queued, connector.Running, connector.FinishedSuccess, connector.FinishedErrors} {
		g.add("hinomi_connectors", "Connectors by the state of their last sync; NONE before the first.", float64(byState[string(v)]), "last_sync", string(v))
	}
	g.add("hinomi_connectors_enabled", "Connectors that are synced by their period.", float64(enabled))
	return nil
}

// jobState counts the jobs that have not ended, and those that failed and are remembered.
func (s *server) jobState(ctx context.Context, g *gauges) error {
	for _, v := range []job.State{job.Queued, job.Running, job.Retrying, job.Failed} {
		n := 0
		for from := ""; n < jobsCounted; {
			list, next, err := s.db.Jobs().List(ctx, "", v, from, 1000)
			if err != nil {
				return err
			}
			n += len(list)
			if from = next; next == "" {
				break
			}
		}
		g.add("hinomi_jobs", fmt.Sprintf("Jobs by state, as far as they are remembered; %d means that or more.", jobsCounted), float64(n), "state", string(v))
	}
	return nil
}

func (s *server) feedState(ctx context.Context, g *gauges) error {
	feeds, err := s.db.Feeds(ctx)
	now := s.now()
	for _, f := range feeds {
		failed := 0.0
		if f.Error != "" {
			failed = 1
		}
		g.add("hinomi_feed_failed", "Whether the last try to load the feed failed.", failed, "feed", f.Name)
		g.add("hinomi_feed_rows", "Documents that are loaded.", float64(f.Rows), "feed", f.Name)
		at := f.AsOf
		if at.IsZero() {
			at = f.LoadedAt
		}
		if !at.IsZero() { // a feed that was never loaded has no age
			g.add("hinomi_feed_age_seconds", "Time since the publisher's state was last known to be what is loaded.", now.Sub(at).Seconds(), "feed", f.Name)
		}
	}
	return err
}

// callState sums the requests to AWS by API over all regions.
func (s *server) callState(g *gauges) {
	if s.cfg.AWSCalls == nil {
		return
	}
	type key struct{ service, api string }
	sums := map[key]Calls{}
	for _, c := range s.cfg.AWSCalls() {
		k := key{c.Service, c.API}
		if _, ok := sums[k]; !ok && len(sums) >= callsCounted {
			k = key{"other", "other"}
		}
		t := sums[k]
		t.Calls, t.Throttled, t.Failed = t.Calls+c.Calls, t.Throttled+c.Throttled, t.Failed+c.Failed
		sums[k] = t
	}
	for k, t := range sums {
		for _, v := range []struct {
			name, help string
			n          int
		}{
			{"hinomi_aws_requests_total", "Requests to AWS, retries included.", t.Calls},
			{"hinomi_aws_requests_throttled_total", "Requests that AWS refused for rate.", t.Throttled},
			{"hinomi_aws_requests_failed_total", "Requests that failed in another way.", t.Failed},
		} {
			g.put(prometheus.CounterValue, v.name, v.help, float64(v.n), "service", k.service, "api", k.api)
		}
	}
}
