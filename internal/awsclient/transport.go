package awsclient

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrAnswerTooLarge is returned where an answer exceeds Config.MaxAnswer bytes.
var ErrAnswerTooLarge = errors.New("answer is too large")

// newHTTP returns the one HTTP client of the process. It speaks HTTP/1.1 and HTTP/2; a sync of many regions talks to a few hundred
// hosts, each for a short while, so idle connections are kept for a minute and a half but few per host.
func newHTTP(cfg Config) *http.Client {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          512,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
	}
	return &http.Client{
		Transport: &boundedTransport{Transport: t, limit: cfg.MaxAnswer},
		// AWS answers a request for the wrong region with a redirect in some services; the SDK decides, not the transport.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// boundedTransport fails the reading of an answer that is longer than limit bytes. CloseIdleConnections comes from the embedded transport.
type boundedTransport struct {
	*http.Transport
	limit int64
}

// RoundTrip implements http.RoundTripper.
//
// The SDK's request bodies have a WriteTo that returns io.EOF once the SDK has closed them, which it does as soon as an answer begins
// (smithy-go 1.28.8). net/http takes that for a failed request and drops the connection under the answer, so WriteTo is hidden.
func (b *boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		hidden := *r
		hidden.Body = struct{ io.ReadCloser }{r.Body}
		r = &hidden
	}
	res, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > b.limit {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrAnswerTooLarge, res.ContentLength, b.limit)
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: b.limit}
	return res, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrAnswerTooLarge
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, ErrAnswerTooLarge
	}
	return n, err
}
