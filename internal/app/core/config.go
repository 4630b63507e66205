package core

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"hinomi/internal/awsclient"
	"hinomi/internal/pipeline"
	"hinomi/internal/sandbox"
)

// Config is all that is decided outside: by flags, by the environment, by tests.
type Config struct {
	DataDir    string         // folder for the state that is not in the database: the key, the advisories
	Database   string         // sqlite:FILE or postgres://…
	KeyFile    string         // sealing key; "" is DataDir/key, which is made if there is none
	KeyText    string         // sealing key itself, base64 or hexadecimal; wins over the file
	KMSKeyID   string         // AWS KMS key that wraps the sealing key; wins over both
	Advisories string         // advisory database
	Endpoint   string         // AWS_ENDPOINT_URL
	RootCAs    *x509.CertPool // of AWS and of publishers; nil: the system's (AWS_CA_BUNDLE)
	UserAgent  string
	FeedMirror string         // base URL of a mirror of the feeds; "" is each publisher's own
	FeedClient *http.Client   // nil: one made for publishers
	Attempts   int            // tries of one request to AWS; 0: as many as awsclient takes for good
	Ambient    *awsclient.Key // the process's own AWS credentials, where tests give them; nil: the SDK's default chain
	Log        *slog.Logger
	Now        func() time.Time
	Sleep      func(context.Context, time.Duration) error // nil: a timer
	Progress   func(pipeline.Step)                        // nil: nobody watches
	Reader     sandbox.Command                            // starts the child that reads disks; zero: this program
}

// NewClients makes the clients of AWS. The caller closes them.
func (c *Config) NewClients() (*awsclient.Clients, error) {
	return awsclient.New(awsclient.Config{Endpoint: c.Endpoint, Ambient: c.Ambient, RootCAs: c.RootCAs, UserAgent: c.UserAgent, MaxAttempts: c.Attempts, Log: c.Log, Now: c.Now})
}

// withDefaults fills in what was left open.
func (c Config) withDefaults() Config {
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.FeedClient == nil {
		c.FeedClient = feedClient(c.RootCAs)
	}
	if c.Progress == nil {
		c.Progress = func(pipeline.Step) {}
	}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
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
