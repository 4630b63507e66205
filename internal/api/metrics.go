package api

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// measures are what this process counts itself.
type measures struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	state    stateCache
}

func newMeasures(version, commit string) *measures {
	m := &measures{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hinomi_http_request_duration_seconds", Help: "How long requests took, by route, method and status.", Buckets: prometheus.DefBuckets,
		}, []string{"route", "method", "code"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hinomi_build_info", Help: "What was built; always 1."}, []string{"version", "commit", "go_version"})
	build.WithLabelValues(version, commit, runtime.Version()).Set(1)
	m.registry.MustRegister(m.requests, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *measures) request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// serveMetrics answers in Prometheus's text format: what this process counted, and the state of the installation.
func (s *server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !s.cfg.OpenMetrics || !local(r) {
		if _, p := s.admit(r, s.needs["metrics"]); p != nil {
			s.write(w, r, p)
			return
		}
	}
	promhttp.HandlerFor(prometheus.Gatherers{s.measure.registry, s.stateRegistry(r.Context())}, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// documentMetrics puts /metrics, which is no operation of huma's, into the document.
func (s *server) documentMetrics() {
	op := huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{"health"}, Summary: "Metrics in Prometheus's text format",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	}
	s.needs["metrics"].describe(&op)
	s.api.OpenAPI().AddOperation(&op)
}
