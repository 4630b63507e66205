package api_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/api"
	"hinomi/internal/auth"
	"hinomi/internal/store"
)

func login(name, password string) map[string]string {
	return map[string]string{"name": name, "password": password}
}

func https(c *api.Config) { c.HTTPS = true }

// signIn returns the session's cookie.
func (h *house) signIn(name, password string) *http.Cookie {
	h.t.Helper()
	r := h.ask("", "POST", "/api/v1/session", login(name, password)).want(200)
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	ok(h.t, err)
	return c
}

func with(c *http.Cookie) func(*http.Request) { return func(r *http.Request) { r.AddCookie(c) } }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func from(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }

func TestSession(t *testing.T) {
	for _, c := range []struct {
		name, cookie string
		change       func(*api.Config)
	}{
		{"https", "__Host-hinomi", https},
		{"plain", "hinomi", func(*api.Config) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, c.change)
			cookie := h.signIn("admin", goodPassword)
			secure := c.name == "https"
			if cookie.Name != c.cookie || !cookie.HttpOnly || cookie.Secure != secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
				t.Errorf("cookie %+v", cookie)
			}
			var who struct {
				Name        string
				Permissions []string
			}
			h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(200).into(&who)
			if who.Name != "admin" || len(who.Permissions) != len(auth.Administrator.Permissions()) {
				t.Errorf("me: %+v", who)
			}
			r := h.ask("", "DELETE", "/api/v1/session", nil, with(cookie)).want(204)
			if !strings.Contains(r.header.Get("Set-Cookie"), "Max-Age=0") {
				t.Errorf("the cookie stays: %q", r.header.Get("Set-Cookie"))
			}
			if p := h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(401).problem(); p.Code != "session-over" {
				t.Errorf("after the end: %+v", p)
			}
			h.ask(h.admin, "DELETE", "/api/v1/session", nil).want(409)
		})
	}
}

func TestSessionEnds(t *testing.T) {
	h := open(t)
	cookie := h.signIn("admin", goodPassword)
	h.clock.Add(12*time.Hour - time.Second)
	h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(200)
	h.clock.Add(2 * time.Second)
	h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(401)
	cookie = h.signIn("admin", goodPassword)
	cookie.Name = "__Host-hinomi"
	h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(401)
}

func TestOtherSitesAreRefused(t *testing.T) {
	h := open(t, func(c *api.Config) { c.Origins = []string{"https://console.example"} })
	cookie := h.signIn("admin", goodPassword)
	change := map[string]any{"description": "changed"}
	h.ask(h.admin, "POST", "/api/v1/connectors", aRole("one", one12)).want(201)
	for _, c := range []struct {
		name string
		how  func(*http.Request)
		want int
	}{
		{"cross_site", header("Sec-Fetch-Site", "cross-site"), 403},
		{"same_site", header("Sec-Fetch-Site", "same-site"), 403},
		{"same_origin", header("Sec-Fetch-Site", "same-origin"), 200},
		{"foreign_origin", header("Origin", "https://evil.example"), 403},
		{"null_origin", header("Origin", "null"), 403},
		{"own_origin", header("Origin", "http://example.com"), 200}, // httptest's host
		{"trusted_origin", header("Origin", "https://console.example"), 200},
		{"no_browser", func(*http.Request) {}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.ask("", "PATCH", "/api/v1/connectors/one", change, with(cookie), c.how).want(c.want)
			if c.want == 403 && r.problem().Code != "cross-origin" {
				t.Errorf("got %s", r.body)
			}
			h.ask("", "GET", "/api/v1/connectors/one", nil, with(cookie), c.how).want(200)         // nothing is changed by it
			h.ask(h.admin, "PATCH", "/api/v1/connectors/one", change, c.how).want(200)             // a token does not come by itself
			h.ask("", "POST", "/api/v1/session", login("admin", goodPassword), c.how).want(c.want) // nobody is signed in by a stranger
		})
	}
}

func TestSignInIsThrottledByUser(t *testing.T) {
	for _, name := range []string{"admin", "nobody"} { // whether a name exists cannot be told
		t.Run(name, func(t *testing.T) {
			h := open(t)
			for range 5 {
				if r := h.ask("", "POST", "/api/v1/session", login(name, "wrong")).want(401); r.problem().Code != "sign-in-refused" || r.header.Get("Set-Cookie") != "" {
					t.Fatalf("got %s", r.body)
				}
			}
			r := h.ask("", "POST", "/api/v1/session", login(name, goodPassword)).want(429)
			if r.header.Get("Retry-After") != "2" || r.problem().Code != "sign-in-throttled" {
				t.Errorf("Retry-After %q: %s", r.header.Get("Retry-After"), r.body)
			}
			h.clock.Add(2 * time.Second)
			want := 200
			if name == "nobody" {
				want = 401
			}
			h.ask("", "POST", "/api/v1/session", login(name, goodPassword)).want(want)
		})
	}
}

func TestSignInIsThrottledByAddress(t *testing.T) {
	h := open(t)
	for i := range 20 {
		h.ask("", "POST", "/api/v1/session", login("nobody"+string(rune('a'+i)), "wrong"), from("[2001:db8::1]:1")).want(401)
	}
	h.ask("", "POST", "/api/v1/session", login("admin", goodPassword), from("[2001:db8::2]:9")).want(429) // the same /64
	h.ask("", "POST", "/api/v1/session", login("admin", goodPassword), from("[2001:db8:0:1::1]:1")).want(200)
	h.clock.Add(2 * time.Second)
	h.ask("", "POST", "/api/v1/session", login("admin", goodPassword), from("[2001:db8::1]:1")).want(200)
}

func TestSignInOfADisabledUser(t *testing.T) {
	h := open(t)
	id, token := h.user("gone", auth.Viewer, auth.Everything())
	cookie := h.signIn("gone", goodPassword)
	h.ask(h.admin, "PATCH", "/api/v1/users/"+id, map[string]any{"disabled": true}).want(200)
	h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(401)
	h.ask(token, "GET", "/api/v1/me", nil).want(401)
	h.ask("", "POST", "/api/v1/session", login("gone", goodPassword)).want(401)
}

func TestRemoteAddress(t *testing.T) {
	h := open(t, func(c *api.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for i, c := range []struct{ name, peer, forwarded, want string }{
		{"direct", "192.0.2.1:5", "", "192.0.2.1"},
		{"liar", "192.0.2.1:5", "203.0.113.9", "192.0.2.1"},
		{"proxy", "10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"proxies", "10.0.0.1:5", "198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"},
		{"proxy_without", "10.0.0.1:5", "", "10.0.0.1"},
		{"rubbish", "10.0.0.1:5", "203.0.113.9, <script>", "10.0.0.1"},
		{"v6", "[2001:db8::1%eth0]:5", "", "2001:db8::1"},
		{"mapped", "[::ffff:192.0.2.7]:5", "", "192.0.2.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.ask(h.admin, "POST", "/api/v1/tag-rules", map[string]any{"name": c.name, "tag": "x", "expression": "true"}, from(c.peer), func(r *http.Request) {
				if c.forwarded != "" {
					r.Header.Set("X-Forwarded-For", c.forwarded)
				}
			}).want(201)
			var log items[store.AuditEntry]
			h.get("/api/v1/audit").want(200).into(&log)
			if len(log.Items) != i+1 || log.Items[0].Remote != c.want || log.Items[0].Actor != "admin" || log.Items[0].Action != "tag-rule.put" {
				t.Errorf("got %+v, want remote %s", log.Items[0], c.want)
			}
		})
	}
}

func TestOwnPassword(t *testing.T) {
	h := open(t)
	_, token := h.user("viewer", auth.Viewer, auth.Everything())
	const next = "another long password"
	body := map[string]string{"currentPassword": goodPassword, "newPassword": next}
	h.ask(token, "PUT", "/api/v1/me/password", body).want(403) // a token that was found could otherwise take the user over
	cookie := h.signIn("viewer", goodPassword)
	h.ask("", "PUT", "/api/v1/me/password", map[string]string{"currentPassword": "wrong", "newPassword": next}, with(cookie)).want(401)
	h.ask("", "PUT", "/api/v1/me/password", map[string]string{"currentPassword": goodPassword, "newPassword": "short"}, with(cookie)).want(422)
	h.ask("", "PUT", "/api/v1/me/password", body, with(cookie)).want(204)
	h.ask("", "GET", "/api/v1/me", nil, with(cookie)).want(401)
	h.ask("", "POST", "/api/v1/session", login("viewer", goodPassword)).want(401)
	h.signIn("viewer", next)
}

func TestTokens(t *testing.T) {
	h := open(t)
	viewerID, viewer := h.user("viewer", auth.Viewer, auth.Scope{Accounts: []string{one12}})
	cookie := h.signIn("viewer", goodPassword)
	mine := func(body map[string]any, want int) reply {
		t.Helper()
		return h.ask("", "POST", "/api/v1/tokens", body, with(cookie)).want(want)
	}
	h.ask(viewer, "POST", "/api/v1/tokens", map[string]any{"name": "x", "role": "viewer"}).want(403)
	mine(map[string]any{"name": "x", "role": "administrator"}, 403)
	mine(map[string]any{"name": "x", "role": "viewer", "userId": h.adminID}, 403)
	mine(map[string]any{"name": "x", "role": "viewer", "scope": auth.Scope{Accounts: []string{two12}}}, 422)
	mine(map[string]any{"name": "x", "role": "viewer", "expiresAt": h.clock.Now().Add(-time.Hour)}, 422)
	var made struct {
		Value string
		Token auth.Token
	}
	mine(map[string]any{"name": "x", "role": "viewer", "expiresAt": h.clock.Now().Add(time.Hour)}, 201).into(&made)
	var who struct{ Scope auth.Scope }
	h.ask(made.Value, "GET", "/api/v1/me", nil).want(200).into(&who)
	if len(who.Scope.Accounts) != 1 || who.Scope.Accounts[0] != one12 {
		t.Errorf("the token sees %+v", who.Scope)
	}
	h.clock.Add(time.Hour)
	h.ask(made.Value, "GET", "/api/v1/me", nil).want(401)

	var own items[auth.Token]
	h.ask(viewer, "GET", "/api/v1/tokens", nil).want(200).into(&own)
	i := slices.IndexFunc(own.Items, func(k auth.Token) bool { return k.Name == "test" })
	if len(own.Items) != 2 || i < 0 {
		t.Fatalf("own tokens: %+v", own)
	}
	h.ask(viewer, "GET", "/api/v1/tokens?user=all", nil).want(403)
	h.ask(viewer, "GET", "/api/v1/tokens?user="+h.adminID, nil).want(403)
	var others items[auth.Token]
	h.get("/api/v1/tokens").want(200).into(&others)
	h.ask(viewer, "DELETE", "/api/v1/tokens/"+others.Items[0].ID, nil).want(404)
	h.ask(viewer, "DELETE", "/api/v1/tokens/"+made.Token.ID, nil).want(403) // of the same user, by a token
	h.ask("", "DELETE", "/api/v1/tokens/"+made.Token.ID, nil, with(cookie)).want(204)
	h.ask(viewer, "DELETE", "/api/v1/tokens/"+own.Items[i].ID, nil).want(204) // itself
	h.ask(viewer, "GET", "/api/v1/me", nil).want(401)

	h.ask(h.admin, "POST", "/api/v1/tokens", map[string]any{"name": "for viewer", "role": "viewer", "userId": viewerID}).want(201).into(&made)
	h.ask(made.Value, "GET", "/api/v1/me", nil).want(200)
	h.ask(h.admin, "DELETE", "/api/v1/tokens/"+made.Token.ID, nil).want(204)
	h.ask(made.Value, "GET", "/api/v1/me", nil).want(401)
}
