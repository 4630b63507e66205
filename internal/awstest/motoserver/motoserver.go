// Package motoserver runs a real moto_server process for the test double in internal/awstest, and talks to it.
package motoserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/wire"
)

// startLimit is how long moto may take to answer its first request; it takes half a second on two idle cores.
const startLimit = 90 * time.Second

// runMoto starts moto's own main and ends it when our end of its standard input closes, so that a test process that is killed leaves no
// server behind.
const runMoto = `
import os, sys, threading
def watch():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
from moto.server import main
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
`

// defaultEnv makes moto start as an account that is really empty and knows AWS's managed policies.
var defaultEnv = []string{"MOTO_EC2_LOAD_DEFAULT_AMIS=false", "MOTO_IAM_LOAD_MANAGED_POLICIES=true"}

// Server is a running moto_server process, with the service models that its requests are held against.
type Server struct {
	url    string
	models *model.Library
	log    *tail
	client *http.Client
	stop   func()
	err    error // why it does not run

	one    sync.Mutex   // moto answers in threads and changes its tables while another goes through them: a call at a time
	fronts atomic.Int64 // how many were put in front of it
}

// Start starts a moto_server on a free port and stops it when the test ends. Each env is NAME=value and comes on top of
// MOTO_EC2_LOAD_DEFAULT_AMIS=false and MOTO_IAM_LOAD_MANAGED_POLICIES=true. With INITIAL_NO_AUTH_ACTION_COUNT=0 moto enforces IAM policies
// and signatures by itself. Where moto is not installed, the test is skipped, or fails if HINOMI_TEST_REQUIRE=all.
func Start(t testing.TB, env ...string) *Server {
	t.Helper()
	m := launch(context.Background(), env) // ended by the cleanup, later than the test's context
	m.Require(t)
	t.Cleanup(m.stop)
	return m
}

// Main runs the tests of a package with one moto_server for all of them, handed over in into, and returns the exit code.
// A test that calls New with it is skipped, or fails, if moto could not be started; see Start.
func Main(m *testing.M, into **Server, env ...string) (code int) {
	mo := launch(context.Background(), env)
	*into = mo
	defer mo.stop()
	return m.Run()
}

// Require skips or fails the test if moto does not run.
func (m *Server) Require(t testing.TB) {
	t.Helper()
	switch {
	case m == nil:
		t.Fatal("awstest: no moto was started: call awstest.StartMoto, or awstest.Main from TestMain")
	case m.err == nil:
	case errors.Is(m.err, model.ErrNoModels) && os.Getenv("HINOMI_TEST_REQUIRE") != "all":
		t.Skipf("SKIPPED, not tested: moto and botocore are needed (pip install 'moto[server]'): %v", m.err)
	default:
		t.Fatalf("start moto: %v", m.err)
	}
}

func launch(ctx context.Context, env []string) *Server {
	m := &Server{log: &tail{}, stop: func() {}, client: &http.Client{Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 64}}}
	if m.models, m.err = model.Find(ctx); m.err != nil {
		return m
	}
	if out, err := exec.CommandContext(ctx, "python3", "-c", "import moto.server").CombinedOutput(); err != nil {
		m.err = fmt.Errorf("%w: moto: %s", model.ErrNoModels, bytes.TrimSpace(out))
		return m
	}
	// The port is free when asked for, but another process may take it before moto does: then try another.
	for range 3 {
		if m.err = m.run(ctx, env); m.err == nil {
			return m
		}
	}
	return m
}

func (m *Server) run(ctx context.Context, env []string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	cmd := exec.CommandContext(ctx, "python3", "-c", runMoto, strconv.Itoa(port))
	cmd.Env = append(append(os.Environ(), defaultEnv...), env...)
	cmd.Stdout, cmd.Stderr = m.log, m.log
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start moto: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start moto: %w", err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter: that it did is an error below, and wanted in stop
		close(gone)
	}()
	m.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	m.stop = sync.OnceFunc(func() {
		_ = in.Close() // ends it; the kill is for one that hangs
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
		m.client.CloseIdleConnections()
	})
	if err := m.wait(ctx, gone); err != nil {
		m.stop()
		return err
	}
	return nil
}

// wait asks until moto answers.
func (m *Server) wait(ctx context.Context, gone <-chan struct{}) error {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m.api(ctx, http.MethodGet, "data.json", "") == nil {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("moto ended: %s", m.log)
		case <-limit.C:
			return fmt.Errorf("moto did not answer in %s: %s", startLimit, m.log)
		case <-tick.C:
		}
	}
}

// Models are the service models.
func (m *Server) Models() *model.Library { return m.models }

// NextFront numbers the servers that are put in front of moto, from 1.
func (m *Server) NextFront() int64 { return m.fronts.Add(1) }

// LastError is the last exception in moto's log, in one line.
func (m *Server) LastError() string { return m.log.lastError() }

// URL is where moto itself answers, without the server in front of it.
func (m *Server) URL() string { return m.url }

// Reset empties moto: all accounts, all regions. Tests that share one process and do not run one after another use accounts of their own instead.
func (m *Server) Reset(t testing.TB) {
	t.Helper()
	if err := m.api(t.Context(), http.MethodPost, "reset", ""); err != nil {
		t.Fatalf("reset moto: %v", err)
	}
}

// EnforceIAM makes moto itself hold every call against the IAM policies that the caller has in moto (actions only: it judges no condition, no tag and no
// external ID), until lift is called or the test ends. It is true for the whole process: such a test must not run beside others, and seeds do not work meanwhile.
func (m *Server) EnforceIAM(t testing.TB) (lift func()) {
	t.Helper()
	if err := m.api(t.Context(), http.MethodPost, "reset-auth", "0"); err != nil {
		t.Fatalf("enforce IAM: %v", err)
	}
	lift = sync.OnceFunc(func() {
		if err := m.api(context.Background(), http.MethodPost, "reset-auth", "inf"); err != nil {
			t.Errorf("lift IAM: %v", err)
		}
	})
	t.Cleanup(lift)
	return lift
}

// api calls moto's own API.
func (m *Server) api(ctx context.Context, method, name, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, m.url+"/moto-api/"+name, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask moto's %s: %w", name, err)
	}
	res, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask moto's %s: %w", name, err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask moto's %s: %s", name, res.Status)
	}
	return nil
}

// maxAnswer bounds an answer of moto's; a thousand instances are 4 MB.
const maxAnswer = 256 << 20

// Send hands a request to moto as the given account and reads the whole answer.
func (m *Server) Send(ctx context.Context, account, method, target string, h http.Header, host string, body []byte) (*wire.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.url+target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask moto: %w", err)
	}
	req.Header = h.Clone()
	req.Header.Set("X-Moto-Account-Id", account) // moto's own header, read before the access key
	req.Header.Del("Accept-Encoding")
	req.Host = host
	if !waits(h, body) {
		m.one.Lock()
		defer m.one.Unlock()
	}
	res, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask moto: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read moto's answer: %w", err)
	}
	head := http.Header{}
	for _, k := range []string{"Content-Type", "X-Amzn-Requestid", "X-Amzn-Errortype", "Etag", "Location"} {
		if v := res.Header.Values(k); len(v) > 0 {
			head[k] = v
		}
	}
	for k, v := range res.Header {
		if strings.HasPrefix(k, "X-Amz-") {
			head[k] = v
		}
	}
	return &wire.Reply{Status: res.StatusCode, Header: head, Body: b}, nil
}

// waits reports whether a call may wait in moto for something to happen.
func waits(h http.Header, body []byte) bool {
	return strings.HasSuffix(h.Get("X-Amz-Target"), ".ReceiveMessage") || bytes.Contains(body, []byte("Action=ReceiveMessage"))
}

// Form sends one EC2 or Query protocol action to moto directly, past recording, hooks and permissions: for seeds.
func (m *Server) Form(ctx context.Context, account, region, service, version, action string, params url.Values) (*model.Node, error) {
	f := url.Values{"Action": {action}, "Version": {version}}
	for k, v := range params {
		f[k] = v
	}
	r, err := m.Send(ctx, account, http.MethodPost, "/", http.Header{
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIASEEDSEEDSEEDSEED/20200101/" + region + "/" + service + "/aws4_request, SignedHeaders=host, Signature=0"},
		"Content-Type":  {"application/x-www-form-urlencoded"},
	}, "", []byte(f.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%s in %s %s: %w", action, account, region, err)
	}
	if r.Status != http.StatusOK {
		return nil, fmt.Errorf("%s in %s %s: %d %s", action, account, region, r.Status, r.Body)
	}
	n, err := model.ParseXML(r.Body)
	if err != nil {
		return nil, fmt.Errorf("%s in %s %s: %w", action, account, region, err)
	}
	return n, nil
}

// tail keeps the last of what moto wrote, for the message when something goes wrong.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailLen = 256 << 10

// Write keeps the last bytes of b.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailLen; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// lastError is the last line in which Python names an exception: the end of a traceback.
func (t *tail) lastError() string {
	found := "no exception in moto's log"
	for line := range strings.Lines(t.String()) {
		if name, _, ok := strings.Cut(line, ": "); ok && (strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")) && !strings.ContainsAny(name, " /") {
			found = strings.TrimSpace(line)
		}
	}
	return found
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
