// Package api is the HTTP interface: JSON over /api/v1, described by OpenAPI 3.1 that is generated from the code, with RFC 9457 problem details,
// pages by cursor, sessions and API tokens, and beside it /healthz, /readyz and /metrics. It reads from the store with the caller's scope
// and leaves every change to Actions.
package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hinomi/internal/auth"
	"hinomi/internal/store"
)

// prefix is the path under which everything of version 1 lies.
const prefix = "/api/v1"

// Config is what the interface needs. Store, Actions, Now and Log must be set.
type Config struct {
	Store        *store.DB
	Actions      Actions
	Installation string // this installation's ID
	Version      string
	Commit       string
	Now          func() time.Time
	Log          *slog.Logger

	HTTPS        bool           // clients come by https: through TLS of our own or of a proxy in front of us
	Proxies      []netip.Prefix // proxies whose X-Forwarded-For is believed
	Origins      []string       // further origins (https://host) whose pages may use the session cookie
	SessionLasts time.Duration  // 12 hours if 0
	OpenMetrics  bool           // /metrics without authentication, to callers on this machine only

	AWSCalls func() []Calls // requests to AWS since the start, for /metrics; may be nil
	Ready    []Readiness    // what must hold beside the store and the queue before requests are welcome
	Refusals []Refusal      // errors of Actions that are the caller's affair; all others are ours, and answer 500
}

// Calls says how often one API of AWS was asked.
type Calls struct {
	Service   string // EC2
	API       string // DescribeInstances
	Calls     int    // requests sent, retries included
	Throttled int    // of them refused for rate
	Failed    int    // of them failed in another way
}

// Readiness is one condition of /readyz. The error's text is shown to anybody: it says what is missing and what to do, and no more.
type Readiness struct {
	Name  string
	Check func(ctx context.Context) error
}

// Refusal gives an error of Actions its HTTP status. The error's text is shown to the caller.
type Refusal struct {
	Err    error  // compared with errors.Is
	Status int    // 403, 409, 422 …
	Hint   string // what to do next
}

// server holds what handlers share.
type server struct {
	cfg     Config
	db      *store.DB
	act     Actions
	log     *slog.Logger
	now     func() time.Time
	api     huma.API
	needs   map[string]access // by operation ID
	faults  []error           // operations that are not in the table of access
	origin  *http.CrossOriginProtection
	hashing chan struct{} // a place for each password that may be hashed at once
	places  *attempts     // failed sign-ins by address
	unknown *attempts     // failed sign-ins by name, of users that do not exist
	measure *measures
}

// New returns the handler of everything below /api/v1, and of /healthz, /readyz, /metrics and /openapi.json.
func New(cfg Config) (http.Handler, error) {
	if cfg.Store == nil || cfg.Actions == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("api: Store, Actions, Now and Log must be set")
	}
	if cfg.SessionLasts == 0 {
		cfg.SessionLasts = 12 * time.Hour // NIST SP 800-63B-4, 2.2.3: sign in again at least every 24 hours; we ask each working day
	}
	s := &server{
		cfg: cfg, db: cfg.Store, act: cfg.Actions, log: cfg.Log, now: cfg.Now, needs: accesses(),
		origin: http.NewCrossOriginProtection(), hashing: make(chan struct{}, hashesAtOnce),
		places: newAttempts(freeByAddress), unknown: newAttempts(0), measure: newMeasures(cfg.Version, cfg.Commit),
	}
	for _, o := range cfg.Origins {
		if err := s.origin.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("trust the origin %q: %w", o, err)
		}
	}
	mux := http.NewServeMux()
	s.api = humago.New(mux, s.describe())
	s.api.UseMiddleware(s.guard)
	s.addAll()
	if err := errors.Join(s.faults...); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	if err := s.serveDocument(mux); err != nil {
		return nil, err
	}
	return s.wrap(mux), nil
}

// addAll registers every operation.
func (s *server) addAll() {
	s.addHealth()
	s.addSession()
	s.addMe()
	s.addConnectors()
	s.addSyncs()
	s.addBaseAccounts()
	s.addAssets()
	s.addAssetDeeds()
	s.addFindings()
	s.addCoverage()
	s.addScans()
	s.addTagRules()
	s.addViews()
	s.addQueue()
	s.addUsers()
	s.addTokens()
	s.documentMetrics()
}

// describe is what the OpenAPI document says before operations are added.
func (s *server) describe() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	aliasProblem(registry)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "hinomi", Version: "1",
				Description: "Find every Amazon EC2 instance, what is wrong with it and who can reach it. Lists are pages: pass `next` of one as `cursor` to get the following one. " +
					"Errors are problem details (RFC 9457) that say what happened in `detail` and what to do in `hint`. " +
					"`x-permission` names the permission that an operation needs.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":   {Type: "http", Scheme: "bearer", Description: "An API token, made by POST /api/v1/tokens or hinomi token add."},
				"session": {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "The session cookie that POST /api/v1/session sets (named " + plainCookie + " where the server is reached by plain http)."},
			}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true, // a filter with a spelling mistake would otherwise select everything
		Transformers:                 []huma.Transformer{s.transform},
	}
}

// serveDocument renders the OpenAPI document once.
func (s *server) serveDocument(mux *http.ServeMux) error {
	doc := s.api.OpenAPI()
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				p.Schema.Nullable = false // a list in a query is left out, not null
			}
		}
	}
	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("render the OpenAPI document: %w", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("render the OpenAPI document: %w", err)
	}
	serve := func(contentType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body) // the client has gone if this fails
		}
	}
	mux.HandleFunc("GET /openapi.json", serve("application/openapi+json", asJSON))
	mux.HandleFunc("GET /openapi.yaml", serve("application/openapi+yaml", asYAML))
	return nil
}

// out is an answer with a body.
type out[T any] struct{ Body T }

func answer[T any](v T) *out[T] { return &out[T]{v} }

// none is an input or an answer without anything.
type none struct{}

// add registers one operation. Its permission stands in the table of access; its errors become problem details.
func add[I, O any](s *server, op huma.Operation, do func(ctx context.Context, by auth.Principal, in *I) (*O, error)) {
	need, ok := s.needs[op.OperationID]
	if !ok {
		s.faults = append(s.faults, fmt.Errorf("api: operation %q is not in the table of access", op.OperationID))
		return
	}
	need.describe(&op)
	op.MaxBodyBytes = maxBody + 1 // the limit is kept in readBody, which knows when a body is too large
	op.BodyReadTimeout = -1       // as above
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		o, err := do(ctx, callerOf(ctx).Principal, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return o, nil
	})
}

// randomID names one request.
func randomID() string { return rand.Text() }
