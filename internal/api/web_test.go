package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/api"
	"hinomi/internal/auth"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	h := open(t)
	h.world()
	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"no_such_path", "GET", "/api/v1/nothing", nil, 404, "no-such-path"},
		{"nul_in_path", "GET", "/api/v1/connectors/a%00b", nil, 400, "invalid"},
		{"nul_in_query", "GET", "/api/v1/assets?text=a%00b", nil, 400, "invalid"},
		{"nul_in_body", "POST", "/api/v1/tag-rules", `{"name":"a\u0000b","tag":"t","expression":"true"}`, 400, "invalid"},
		{"no_utf8_in_path", "GET", "/api/v1/connectors/%ff", nil, 400, "invalid"},
		{"no_utf8_in_query", "GET", "/api/v1/assets?tag=%ff", nil, 400, "invalid"},
		{"bad_escape", "GET", "/api/v1/assets?tag=%zz", nil, 400, "invalid"},
		{"method", "POST", "/api/v1/me", nil, 405, "method-not-allowed"},
		{"strange_method", "BREW", "/api/v1/me", nil, 405, "method-not-allowed"},
		{"unknown_filter", "GET", "/api/v1/findings?severty=HIGH", nil, 422, "invalid"},
		{"unknown_severity", "GET", "/api/v1/findings?severity=HIHG", nil, 422, "invalid"},
		{"unknown_kind", "GET", "/api/v1/assets?kind=instances", nil, 422, "invalid"},
		{"unknown_state", "GET", "/api/v1/jobs?state=DONE", nil, 422, "invalid"},
		{"bad_account", "GET", "/api/v1/assets?account=123", nil, 422, "invalid"},
		{"unknown_connector", "GET", "/api/v1/assets?connector=none", nil, 404, "not-found"},
		{"unknown_asset", "GET", "/api/v1/assets/" + one12 + "/xx-made-1/instance/i-0", nil, 404, "not-found"},
		{"bad_asset", "GET", "/api/v1/assets/1/xx-made-1/instance/i-0", nil, 422, "invalid"},
		{"no_body", "POST", "/api/v1/connectors", nil, 400, "invalid"},
		{"bad_json", "POST", "/api/v1/connectors", "{", 400, "invalid"},
		{"unknown_field", "POST", "/api/v1/connectors", `{"nmae":"x"}`, 422, "invalid"},
		{"bad_period", "POST", "/api/v1/connectors", aRole("x", one12, "period", "soon"), 422, "invalid"},
		{"short_period", "POST", "/api/v1/connectors", aRole("x", one12, "period", "1s"), 422, "invalid"},
		{"other_role", "POST", "/api/v1/connectors", aRole("x", one12, "credentials", map[string]string{"roleArn": "arn:aws:iam::" + two12 + ":role/x"}), 422, "invalid"},
		{"external_id", "POST", "/api/v1/connectors", aRole("x", one12, "credentials", map[string]string{"roleArn": "arn:aws:iam::" + one12 + ":role/x", "externalId": "mine"}), 422, "external-id-refused"},
		{"too_large", "POST", "/api/v1/tag-rules", map[string]string{"expression": strings.Repeat("x", 300<<10)}, 413, "too-large"},
		{"deep", "POST", "/api/v1/tag-rules", strings.Repeat("[", 100_000), 400, "invalid"},
		{"base_account_type", "GET", "/api/v1/base-accounts/mars", nil, 422, "invalid"},
		{"no_base_account", "GET", "/api/v1/base-accounts/china", nil, 404, "not-found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.ask(h.admin, c.method, c.path, c.body).want(c.status)
			if p := r.problem(); p.Code != c.code || strings.Contains(strings.ToLower(r.body), "sql") {
				t.Errorf("got %s", r.body)
			}
			if c.status == 405 && r.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	if r := h.ask(h.admin, "POST", "/api/v1/tag-rules", "x", header("Content-Type", "text/plain")).want(415); r.problem().Code != "invalid" {
		t.Errorf("got %s", r.body)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	h := open(t, https)
	for _, path := range []string{"/api/v1/me", "/nothing", "/healthz", "/openapi.json", "/metrics"} {
		for _, token := range []string{"", h.admin} {
			r := h.ask(token, "GET", path, nil)
			for k, v := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "DENY",
			} {
				if r.header.Get(k) != v {
					t.Errorf("%s %s: got %q, want %q", path, k, r.header.Get(k), v)
				}
			}
			if len(r.header.Get("X-Request-Id")) < 20 {
				t.Errorf("%s: request ID %q", path, r.header.Get("X-Request-Id"))
			}
		}
	}
	if got := open(t).get("/healthz").header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS on plain http: %q", got)
	}
}

func TestPanicsAndFailuresStayInside(t *testing.T) {
	h := open(t)
	h.ask(h.admin, "POST", "/api/v1/connectors", aRole("one", one12)).want(201)
	h.deeds.fail = errors.New("dial tcp 10.9.8.7: no route to the inner machine")
	r := h.ask(h.admin, "POST", "/api/v1/connectors/one/test", nil).want(500)
	if strings.Contains(r.body, "10.9.8.7") || !strings.Contains(h.logs.String(), "10.9.8.7") || !strings.Contains(h.logs.String(), r.problem().RequestID) {
		t.Errorf("got %s", r.body)
	}
	h.deeds.fail = fmt.Errorf("test: %w", errForbidden)
	if p := h.ask(h.admin, "POST", "/api/v1/connectors/one/test", nil).want(403).problem(); p.Code != "forbidden" {
		t.Errorf("got %+v", p)
	}
	h.deeds.boom = true
	r = h.ask(h.admin, "POST", "/api/v1/connectors/one/test", nil).want(500)
	if r.problem().Code != "internal" || !strings.Contains(h.logs.String(), "a fault in the test") || strings.Contains(r.body, "fault in the test") {
		t.Errorf("got %s", r.body)
	}
	h.get("/api/v1/connectors").want(200)
}

func TestAccessLog(t *testing.T) {
	h := open(t)
	h.get("/api/v1/assets?text=find-this").want(200)
	log := h.logs.String()
	for _, want := range []string{`"msg":"request"`, `"method":"GET"`, `"path":"/api/v1/assets"`, `"status":200`, `"actor":"` + h.adminID + `"`, `"remote":"192.0.2.1"`, `"request_id"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
	if strings.Contains(log, "find-this") {
		t.Error("the log holds the query")
	}
}

func TestHealth(t *testing.T) {
	missing := errors.New("no advisories are loaded: run hinomi feed update")
	var state error
	h := open(t, func(c *api.Config) {
		c.Ready = []api.Readiness{{Name: "advisories", Check: func(context.Context) error { return state }}}
	})
	h.ask("", "GET", "/healthz", nil).want(200)
	type ready struct {
		Ready  bool
		Checks []struct {
			Name, Reason string
			OK           bool
		}
	}
	var r ready
	h.ask("", "GET", "/readyz", nil).want(200).into(&r)
	if !r.Ready || len(r.Checks) != 3 {
		t.Errorf("ready: %+v", r)
	}
	state = missing
	r = ready{}
	h.ask("", "GET", "/readyz", nil).want(503).into(&r)
	if r.Ready || r.Checks[2].OK || r.Checks[2].Reason != missing.Error() || !r.Checks[0].OK {
		t.Errorf("without advisories: %+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the database cannot be asked any more
	r = ready{}
	body := h.ask("", "GET", "/readyz", nil, func(q *http.Request) { *q = *q.WithContext(ctx) }).want(503).into(&r)
	if r.Checks[0].OK || r.Checks[1].OK || strings.Contains(body.body, "context") {
		t.Errorf("without database: %s", body.body)
	}
	h.ask("", "GET", "/healthz", nil).want(200)
}

func TestMetrics(t *testing.T) {
	many := make([]api.Calls, 0, 1000)
	for i := range cap(many) {
		many = append(many, api.Calls{Service: "X", API: fmt.Sprint("A", i), Calls: 1})
	}
	calls := []api.Calls{{Service: "EC2", API: "DescribeInstances", Calls: 5, Throttled: 2}, {Service: "EC2", API: "DescribeInstances", Calls: 1, Failed: 1}}
	h := open(t, func(c *api.Config) { c.AWSCalls = func() []api.Calls { return calls } })
	h.world()
	h.judged()
	ok(t, h.db.PutFeed(t.Context(), advisory.Feed{Name: "osv-debian", Rows: 7, LoadedAt: h.clock.Now(), AsOf: h.clock.Now().Add(-time.Hour)}))
	h.ask(h.admin, "POST", "/api/v1/connectors/one/sync", nil).want(202)
	h.get(assetURL(instance(one12, 0))).want(200)
	h.get("/unknown/1")
	h.get("/unknown/2")
	body := h.get("/metrics").want(200).body
	for _, want := range []string{
		`hinomi_build_info{commit="abc",go_version="go`,
		`hinomi_assets{kind="instance"} 4`,
		`hinomi_findings{severity="HIGH",status="ACTIVE",type="NETWORK_REACHABILITY"} 2`,
		`hinomi_coverage{reason="SUCCESSFUL",scan_type="PACKAGE",status="ACTIVE"} 2`,
		`hinomi_gaps 2`,
		`hinomi_gaps_by_reason{reason="access denied"} 2`,
		`hinomi_connectors{last_sync="QUEUED"} 2`,
		`hinomi_jobs{state="QUEUED"} 1`,
		`hinomi_jobs{state="FAILED"} 0`,
		`hinomi_feed_age_seconds{feed="osv-debian"} 3600`,
		`hinomi_aws_requests_total{api="DescribeInstances",service="EC2"} 6`,
		`hinomi_aws_requests_throttled_total{api="DescribeInstances",service="EC2"} 2`,
		`hinomi_http_request_duration_seconds_count{code="200",method="GET",route="/api/v1/assets/{account}/{region}/{kind}/{id}"} 1`,
		`hinomi_http_request_duration_seconds_count{code="404",method="GET",route="none"} 2`,
		`hinomi_state_read 1`, "go_goroutines", "# TYPE hinomi_aws_requests_total counter",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(body, "/unknown") || strings.Contains(body, "i-1") {
		t.Error("a label's value comes from outside")
	}
	calls = many
	h.clock.Add(time.Minute)
	if n := strings.Count(h.get("/metrics").want(200).body, "hinomi_aws_requests_total{"); n != 501 {
		t.Errorf("%d APIs of AWS, want 500 and one for the others", n)
	}
}

func TestMetricsWithoutState(t *testing.T) {
	h := open(t, func(c *api.Config) { c.OpenMetrics = true })
	h.world()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the database cannot be asked any more
	body := h.ask("", "GET", "/metrics", nil, from("127.0.0.1:9"), func(r *http.Request) { r.Host = "localhost:8080"; *r = *r.WithContext(ctx) }).want(200).body
	if !strings.Contains(body, "hinomi_state_read 0") || strings.Contains(body, "hinomi_assets") || !strings.Contains(body, "hinomi_build_info") {
		t.Errorf("what could not be read is not absent: %.2000s", body)
	}
}

func TestMetricsNeedAuthentication(t *testing.T) {
	h := open(t)
	_, viewer := h.user("viewer", auth.Viewer, auth.Everything())
	_, restricted := h.user("restricted", auth.Viewer, auth.Scope{Accounts: []string{one12}})
	here := func(r *http.Request) { r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1:8080" }
	h.ask("", "GET", "/metrics", nil, here).want(401)
	h.ask(viewer, "GET", "/metrics", nil).want(200)
	h.ask(restricted, "GET", "/metrics", nil).want(403)
	h = open(t, func(c *api.Config) { c.OpenMetrics = true })
	h.ask("", "GET", "/metrics", nil, here).want(200)
	h.ask("", "GET", "/metrics", nil, here, from("[::1]:1")).want(200)
	for name, how := range map[string]func(*http.Request){
		"other machine": from("192.0.2.1:1"),
		"other name":    func(r *http.Request) { r.Host = "rebound.example:8080" },
		"proxied":       header("X-Forwarded-For", "192.0.2.1"),
	} {
		if r := h.ask("", "GET", "/metrics", nil, here, how); r.status != 401 {
			t.Errorf("%s: got %d", name, r.status)
		}
	}
}

func TestNewRefusesHalfAConfiguration(t *testing.T) {
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
	h := open(t)
	if _, err := api.New(api.Config{Store: h.db, Actions: h.deeds, Now: h.clock.Now, Log: slog.New(slog.DiscardHandler), Origins: []string{"not an origin"}}); err == nil {
		t.Error("a bad origin is accepted")
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	h := open(t)
	h.world()
	h.judged()
	done := make(chan int)
	paths := []string{"/api/v1/assets", "/metrics", "/api/v1/findings", "/readyz", "/api/v1/me", "/openapi.json", "/nothing", "/api/v1/connectors"}
	for _, p := range paths {
		go func() {
			n := 0
			for range 5 {
				if s := h.get(p).status; s == 200 || s == 404 {
					n++
				}
				h.clock.Add(11 * time.Second)
			}
			done <- n
		}()
	}
	for range paths {
		if n := <-done; n != 5 {
			t.Errorf("%d of 5 answers", n)
		}
	}
}

// TestOverARealConnection: the read deadline is taken off a real connection, and a body is read from it.
func TestOverARealConnection(t *testing.T) {
	h := open(t)
	srv := httptest.NewServer(h.handler)
	t.Cleanup(srv.Close)
	for range 2 { // the second on the same connection
		r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/v1/session", strings.NewReader(`{"name":"admin","password":"`+goodPassword+`"}`))
		ok(t, err)
		resp, err := srv.Client().Do(r)
		ok(t, err)
		ok(t, resp.Body.Close())
		if resp.StatusCode != 200 {
			t.Errorf("got %d", resp.StatusCode)
		}
	}
	if api.Remote(t.Context()) != "" {
		t.Error("a request's address outside of one")
	}
}
