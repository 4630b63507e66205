package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/store/storetest"
)

// TestDemonstrateOnPostgres runs the same line on PostgreSQL: the answers are those of SQLite, also through the API.
func TestDemonstrateOnPostgres(t *testing.T) {
	ctx := context.Background()
	var cluster storetest.Postgres
	t.Cleanup(cluster.Stop)
	examples := filepath.Join("..", "..", "examples")
	lite, post := open(t, nil), open(t, func(c *app.Config) { c.Database = cluster.URL(t) })
	want, err := lite.Demonstrate(ctx, examples)
	if err != nil {
		t.Fatal(err)
	}
	got, err := post.Demonstrate(ctx, examples)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Findings, got.Findings); d != "" {
		t.Errorf("findings differ (-SQLite +PostgreSQL):\n%s", d)
	}
	if d := cmp.Diff(want.Coverage, got.Coverage); d != "" {
		t.Errorf("coverage differs (-SQLite +PostgreSQL):\n%s", d)
	}
	bastion := throughAPI(t, post, "/api/v1/findings?type=NETWORK_REACHABILITY&severity=HIGH")
	if !strings.Contains(bastion, "tcp 22 is reachable from the internet (SSH)") {
		t.Errorf("the API does not tell the bastion's open port: %.300s", bastion)
	}
}

// throughAPI asks the HTTP interface with the token of a fresh viewer.
func throughAPI(t *testing.T, a *app.App, path string) string {
	t.Helper()
	ctx := context.Background()
	u, err := a.AddUser(ctx, auth.System(), auth.User{Name: "reader", Role: auth.Viewer}, "a long enough password")
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := a.AddToken(ctx, auth.System(), auth.Token{UserID: u.ID, Name: "test", Role: auth.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	h, err := a.Handler(ctx, app.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
		t.Fatalf("%s: status %d: %.300s", path, w.Code, w.Body)
	}
	return w.Body.String()
}
