// Package awsclient is the only room that makes AWS SDK clients. It knows as whom an account is read (ambient credentials, a base
// account's key, a chain of roles, or a key pair), keeps every account, region and API under its documented request rate, retries
// what may be retried, counts what was asked, and says in words what AWS answered.
//
// Clients are made when they are asked for and are not kept: what stays per account is one Session with its credentials. All of
// them share one HTTP transport, so the memory used does not grow with accounts × services.
package awsclient

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Config is what the room needs from outside. The zero value speaks to AWS itself with the SDK's default credentials.
type Config struct {
	Endpoint     string         // the SDK's AWS_ENDPOINT_URL: every service answers there; "" means AWS's own endpoints
	Ambient      *Key           // stands for the SDK's default chain (environment, shared files, instance role); nil: that chain
	RootCAs      *x509.CertPool // nil: the system's
	UserAgent    string         // product/version added to every request; "" means "hinomi"
	MaxAttempts  int            // tries per request, the first included; 0 means DefaultAttempts
	MaxBackoff   time.Duration  // longest wait between two tries; 0 means DefaultBackoff
	RoleDuration time.Duration  // of one assumed role; 0 means one hour, the most a chained role may have (IAM User Guide, "Role chaining")
	MaxAnswer    int64          // bytes of one answer; 0 means DefaultAnswer
	Log          *slog.Logger   // nil: nothing is logged
	Now          func() time.Time
}

// DefaultAttempts is the number of tries per request. Eight tries with jittered back-off ride out a throttled minute.
const DefaultAttempts = 8

// DefaultBackoff is the longest wait between two tries: the SDK's own.
const DefaultBackoff = retry.DefaultMaxBackoff

// DefaultAnswer is the most bytes of one answer that are read. The largest page known, 1,000 instances with all their parts, is under 10 MiB.
const DefaultAnswer = 128 << 20

// Clients makes sessions. It is safe for concurrent use and meant to be one per process.
type Clients struct {
	cfg     Config
	http    *http.Client
	retryer aws.Retryer
	limits  *limiters
	totals  counters

	mu       sync.Mutex
	sessions lru
	ambient  aws.CredentialsProvider // resolved on first use
}

// New checks the configuration and returns the process's clients. Nothing is read or asked until a session is used.
func New(cfg Config) (*Clients, error) {
	if cfg.Endpoint != "" {
		u, err := url.Parse(cfg.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("AWS endpoint %q is not an http or https URL", cfg.Endpoint)
		}
	}
	if cfg.MaxAttempts == 0 {
		cfg.MaxAttempts = DefaultAttempts
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = DefaultBackoff
	}
	if cfg.RoleDuration == 0 {
		cfg.RoleDuration = time.Hour
	}
	if cfg.MaxAnswer == 0 {
		cfg.MaxAnswer = DefaultAnswer
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the default of a clock that is handed in
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "hinomi"
	}
	c := &Clients{cfg: cfg, http: newHTTP(cfg), limits: newLimiters(cfg.Now)}
	c.totals.init()
	c.retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = cfg.MaxAttempts
		o.MaxBackoff = cfg.MaxBackoff
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(cutRetryable))
		o.RateLimiter = ratelimit.None // our own limiters hold the rate, per account, region and API
	})
	return c, nil
}

// Close drops the idle connections. Sessions must not be used afterwards.
func (c *Clients) Close() { c.http.CloseIdleConnections() }

// Totals returns how often each API of each service was asked, over all accounts and regions since New.
func (c *Clients) Totals() []Count { return c.totals.list() }

// errNoCredentials is returned where neither a key is configured nor the SDK's default chain finds one.
var errNoCredentials = errors.New("no AWS credentials: set a base account, or give the process credentials (environment, shared files or an instance role)")

// ambientProvider returns the process's own credentials, resolved once.
func (c *Clients) ambientProvider(ctx context.Context) (aws.CredentialsProvider, error) {
	if c.cfg.Ambient != nil {
		return c.cfg.Ambient.provider(), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ambient != nil {
		return c.ambient, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx) // with the SDK's own HTTP client, which AWS_CA_BUNDLE can change
	if err != nil {
		return nil, fmt.Errorf("load the process's AWS credentials: %w", err)
	}
	if cfg.Credentials == nil {
		return nil, errNoCredentials
	}
	c.ambient = cfg.Credentials
	return c.ambient, nil
}

// lazyAmbient resolves the ambient credentials when the first request is signed.
type lazyAmbient struct{ c *Clients }

// Retrieve implements aws.CredentialsProvider.
func (l lazyAmbient) Retrieve(ctx context.Context) (aws.Credentials, error) {
	p, err := l.c.ambientProvider(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	v, err := p.Retrieve(ctx)
	if err != nil {
		return v, fmt.Errorf("%w: %w", errNoCredentials, err)
	}
	return v, nil
}
