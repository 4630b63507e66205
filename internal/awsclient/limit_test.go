package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
)

const (
	account = "123456789012"
	secret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // AWS's own example
	noVPCs  = `<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><vpcSet/></DescribeVpcsResponse>`
	refused = `<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>r</RequestID></Response>`
)

func keyed() awsclient.Who {
	return awsclient.Who{Connector: "c", Account: account, Type: connector.Commercial, Key: &awsclient.Key{ID: "AKIAIOSFODNN7EXAMPLE", Secret: secret}}
}

func session(t testing.TB, cfg awsclient.Config, who awsclient.Who) *awsclient.Session {
	t.Helper()
	c, err := awsclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := c.Session(who)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve answers every request with what f says, without a network that synctest would wait for.
func serve(t testing.TB, f func(*http.Request) (int, string)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := f(r)
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The bucket of EC2's reading calls: 100 at once, then 20 a second, shared by all goroutines; each API, region and account has its own.
func TestRequestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := awsclient.NewLimits(time.Now)
		ask := func(n int, account, region, api string) time.Duration {
			start := time.Now()
			var g sync.WaitGroup
			for range n {
				g.Go(func() {
					if err := l.Wait(t.Context(), account, region, "EC2", api); err != nil {
						t.Error(err)
					}
				})
			}
			g.Wait()
			return time.Since(start).Round(10 * time.Millisecond)
		}
		for _, tt := range []struct {
			n                    int
			account, region, api string
			want                 time.Duration
		}{
			{100, "1", "eu-west-1", "DescribeInstances", 0},
			{40, "1", "eu-west-1", "DescribeInstances", 2 * time.Second},
			{100, "1", "eu-west-1", "DescribeVolumes", 0},
			{100, "1", "eu-west-2", "DescribeInstances", 0},
			{100, "2", "eu-west-1", "DescribeInstances", 0},
			{55, "1", "eu-west-1", "CreateSnapshots", time.Second},
		} {
			if got := ask(tt.n, tt.account, tt.region, tt.api); got != tt.want {
				t.Errorf("%d × %s in %s of %s: took %s, want %s", tt.n, tt.api, tt.region, tt.account, got, tt.want)
			}
		}
		// Refusals halve the rate, once a second at most; answers bring it back.
		for range 3 {
			l.Refused("1", "eu-west-1", "EC2", "DescribeInstances")
		}
		time.Sleep(time.Minute) // in the bubble's time
		if got := ask(50, "1", "eu-west-1", "DescribeInstances"); got != 0 {
			t.Errorf("half the bucket took %s", got)
		}
		if got := ask(10, "1", "eu-west-1", "DescribeInstances"); got != time.Second {
			t.Errorf("10 at half the rate took %s, want 1s", got)
		}
		for range 40 {
			l.Answered("1", "eu-west-1", "EC2", "DescribeInstances")
		}
		time.Sleep(time.Minute)
		if got := ask(100, "1", "eu-west-1", "DescribeInstances"); got != 0 {
			t.Errorf("the bucket did not recover: 100 took %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := l.Wait(ctx, "1", "eu-west-1", "EC2", "DescribeInstances"); err == nil {
			t.Error("waiting outlives its context")
		}
	})
}

func TestLimitsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := awsclient.NewLimits(time.Now)
		for i := range 5000 {
			if err := l.Wait(t.Context(), fmt.Sprint(i), "eu-west-1", "EC2", "DescribeInstances"); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 {
				time.Sleep(2 * time.Minute)
			}
		}
		if n := l.Len(); n > 2048 {
			t.Errorf("got %d buckets kept, want those in use only", n)
		}
	})
}

func TestThrottledThenAnswered(t *testing.T) {
	var n atomic.Int64
	url := serve(t, func(*http.Request) (int, string) {
		if n.Add(1) < 3 {
			return http.StatusServiceUnavailable, refused
		}
		return http.StatusOK, noVPCs
	})
	s := session(t, awsclient.Config{Endpoint: url, MaxBackoff: time.Millisecond}, keyed())
	if _, err := s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
		t.Fatal(err)
	}
	want := awsclient.Count{Service: "EC2", API: "DescribeVpcs", Region: "eu-west-1", Calls: 3, Throttled: 2}
	if got := s.Counts(); len(got) != 1 || got[0] != want || s.Calls() != 3 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRetriesEnd(t *testing.T) {
	var n atomic.Int64
	url := serve(t, func(*http.Request) (int, string) { n.Add(1); return http.StatusServiceUnavailable, refused })
	s := session(t, awsclient.Config{Endpoint: url, MaxAttempts: 4, MaxBackoff: time.Millisecond}, keyed())
	_, err := s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if f := s.Classify(err); f.Class != awsclient.Throttled || f.Operation != "DescribeVpcs" || n.Load() != 4 {
		t.Errorf("got %+v after %d tries, want throttled after 4", f, n.Load())
	}
}

func TestAnswerIsBounded(t *testing.T) {
	url := serve(t, func(*http.Request) (int, string) { return http.StatusOK, strings.Repeat("<a>", 1<<20) })
	s := session(t, awsclient.Config{Endpoint: url, MaxAttempts: 1, MaxAnswer: 1 << 20}, keyed())
	_, err := s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if !errors.Is(err, awsclient.ErrAnswerTooLarge) || s.Classify(err).Class != awsclient.Malformed {
		t.Errorf("got %v, want ErrAnswerTooLarge", err)
	}
}

// What is kept does not grow with accounts × services: clients are made for a call and dropped.
func TestMemoryDoesNotGrow(t *testing.T) {
	url := serve(t, func(*http.Request) (int, string) { return http.StatusOK, noVPCs })
	c, err := awsclient.New(awsclient.Config{Endpoint: url})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	use := func(from, to int) {
		for i := from; i < to; i++ {
			who := keyed()
			who.Account = fmt.Sprintf("%012d", i)
			s, err := c.Session(who)
			if err != nil {
				t.Fatal(err)
			}
			for _, region := range []string{"eu-west-1", "eu-west-2", "us-east-1"} {
				s.ELBv2(region)
				s.SSM(region)
				if _, err := s.EC2(region).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	use(0, 50)
	before := heap()
	use(50, 550)
	grown := heap() - before
	t.Logf("500 more accounts × 3 regions × 3 services keep %d KiB", grown>>10)
	if grown > 500*12<<10 { // a session, its credentials and counters
		t.Errorf("grew by %d bytes an account", grown/500)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	w := keyed()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("key", *w.Key))
	for _, s := range []string{fmt.Sprint(*w.Key), fmt.Sprintf("%v %+v %#v", w.Key, w.Key, w.Key), fmt.Sprintf("%+v", *w.Key), log.String()} {
		if strings.Contains(s, secret) {
			t.Errorf("the secret shows in %q", s)
		}
	}
}
