package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hinomi/internal/api"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/secret"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

var update = flag.Bool("update", false, "renew the golden files")

// logs keeps what was logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// house is an API over a real store.
type house struct {
	t       testing.TB
	db      *store.DB
	clock   *storetest.Clock
	logs    *logs
	deeds   *deeds
	handler http.Handler
	admin   string // a token
	adminID string // its user
}

const goodPassword = "correct horse battery staple"

// open makes a house; change may alter its configuration.
func open(t testing.TB, change ...func(*api.Config)) *house {
	t.Helper()
	key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeyLen))
	ok(t, err)
	h := &house{t: t, clock: storetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), logs: &logs{}}
	log := slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.db, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hinomi.db"), store.Options{Now: h.clock.Now, Logger: log, Sealer: secret.NewSealer(key)})
	ok(t, err)
	t.Cleanup(func() { ok(t, h.db.Close()) })
	h.deeds = &deeds{db: h.db}
	cfg := api.Config{Store: h.db, Actions: h.deeds, Installation: "inst-1", Version: "1.2.3", Commit: "abc", Now: h.clock.Now, Log: log, Refusals: refusals()}
	for _, c := range change {
		c(&cfg)
	}
	h.handler, err = api.New(cfg)
	ok(t, err)
	h.adminID, h.admin = h.user("admin", auth.Administrator, auth.Everything())
	return h
}

// hashed is the hash of goodPassword, made once.
var hashed = sync.OnceValues(func() (string, error) { return auth.HashPassword(goodPassword) })

// user makes a user with goodPassword and a token, and returns its ID and the token.
func (h *house) user(name string, role auth.Role, scope auth.Scope) (id, token string) {
	h.t.Helper()
	hash, err := hashed()
	ok(h.t, err)
	u, err := h.db.CreateUser(h.t.Context(), auth.User{Name: name, Role: role, Scope: scope}, hash)
	ok(h.t, err)
	value, prefix, sum, err := auth.NewToken()
	ok(h.t, err)
	_, err = h.db.CreateToken(h.t.Context(), auth.Token{UserID: u.ID, Name: "test", Role: role, Prefix: prefix}, sum)
	ok(h.t, err)
	return u.ID, value
}

// reply is an answer.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// problem is what of problem details the tests look at.
type problem struct {
	Type, Title, Code, Detail, Hint, Permission, RequestID string
	Status                                                 int
	Errors                                                 []struct{ Location, Message string }
}

func (r reply) into(v any) reply {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		r.t.Fatalf("decode %q: %v", r.body, err)
	}
	return r
}

// want checks the status; a problem must be whole.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("got status %d, want %d: %s", r.status, status, r.body)
	}
	if status >= 400 && !strings.Contains(r.body, `"checks"`) {
		p := r.problem()
		if r.header.Get("Content-Type") != "application/problem+json" || p.Status != status || p.Detail == "" || p.Code == "" || p.Title == "" || p.Type != "about:blank" || p.Hint == "" || p.RequestID == "" {
			r.t.Errorf("problem is not whole: %s %s", r.header.Get("Content-Type"), r.body)
		}
	}
	return r
}

func (r reply) problem() problem {
	r.t.Helper()
	var p problem
	r.into(&p)
	return p
}

// ask sends a request as the bearer of a token; change may alter it.
func (h *house) ask(token, method, path string, body any, change ...func(*http.Request)) reply {
	h.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		ok(h.t, err)
		in = bytes.NewReader(raw)
	}
	r := httptest.NewRequestWithContext(h.t.Context(), method, path, in)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return reply{h.t, w.Code, w.Header(), w.Body.String()}
}

func (h *house) get(path string) reply { h.t.Helper(); return h.ask(h.admin, "GET", path, nil) }

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// items decodes a page.
type items[T any] struct {
	Items []T
	Next  string
}

const (
	one12 = "111111111111"
	two12 = "222222222222"
)

func aRole(name, account string, more ...any) map[string]any {
	m := map[string]any{"name": name, "account": account, "credentials": map[string]any{"roleArn": "arn:aws:iam::" + account + ":role/hinomi"}}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// world stores two accounts of two instances each, read by connectors "one" and "two"; the second gives the tag "blue".
func (h *house) world() {
	h.t.Helper()
	ctx := h.t.Context()
	ids := map[string]string{}
	for _, c := range []struct{ name, account, tag string }{{"one", one12, "red"}, {"two", two12, "blue"}} {
		var made struct{ Connector struct{ ID string } }
		h.ask(h.admin, "POST", "/api/v1/connectors", aRole(c.name, c.account, "tags", []string{c.tag}, "postureView", true)).want(http.StatusCreated).into(&made)
		ids[c.account] = made.Connector.ID
	}
	for i, account := range []string{one12, two12} {
		b := storetest.World{Accounts: i + 1, Regions: 1, Instances: 2, At: h.clock.Now()}.Snapshot()
		part := snapshotOf(b, account, h.clock.Now())
		s, err := h.db.CreateSync(ctx, ids[account])
		ok(h.t, err)
		_, err = h.db.ApplySnapshot(ctx, ids[account], s.ID, part)
		ok(h.t, err)
	}
}

func instance(account string, n int) asset.Ref {
	in, _ := storetest.Instance(account, storetest.RegionName(0), n)
	return asset.RefOf(in)
}

func assetURL(ref asset.Ref) string {
	return fmt.Sprintf("/api/v1/assets/%s/%s/%s/%s", ref.Account, ref.Region, ref.Kind, ref.ID)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		ok(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	ok(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: look at it with go test -run %s -update and git diff", path, t.Name())
	}
}
