package api_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
)

// document is what of the OpenAPI document the tests look at.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]struct {
			Properties map[string]map[string]any
		}
	}
}

type operation struct {
	OperationID string
	Permission  string `json:"x-permission"`
	Scope       string `json:"x-scope"`
	Security    []map[string][]string
	Parameters  []struct {
		Name, In string
		Schema   struct{ Items struct{ Enum []string } }
	}
}

func (h *house) document() document {
	h.t.Helper()
	var d document
	h.ask("", "GET", "/openapi.json", nil).want(200).into(&d)
	return d
}

// path fills a path's parameters with something of the right form.
func fill(path string) string {
	for name, v := range map[string]string{
		"{account}": one12, "{region}": "xx-made-1", "{kind}": "instance", "{id}": "i-1", "{module}": "network", "{type}": "commercial", "{tag}": "x",
	} {
		path = strings.ReplaceAll(path, name, v)
	}
	for {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			return path
		}
		path = path[:i] + "nothing" + path[i+strings.IndexByte(path[i:], '}')+1:]
	}
}

// open to everybody
var public = []string{"GET /healthz", "GET /readyz", "POST /api/v1/session"}

func TestEveryOperationNeedsAuthenticationAndPermission(t *testing.T) {
	h := open(t)
	_, viewer := h.user("viewer", auth.Viewer, auth.Everything())
	_, restricted := h.user("restricted", auth.Administrator, auth.Scope{Accounts: []string{one12}})
	all := append(auth.Administrator.Permissions(), "self")
	doc, n := h.document(), 0
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			method = strings.ToUpper(method)
			name := method + " " + path
			n++
			if slices.Contains(public, name) {
				if op.Permission != "none" || op.Security != nil {
					t.Errorf("%s: public, but says %q", name, op.Permission)
				}
				continue
			}
			if len(op.Security) != 2 || !slices.Contains(all, auth.Permission(op.Permission)) {
				t.Errorf("%s: permission %q, security %v", name, op.Permission, op.Security)
			}
			url := fill(path)
			if r := h.ask("", method, url, nil).want(401); r.header.Get("WWW-Authenticate") == "" || r.problem().Code != "authentication-missing" {
				t.Errorf("%s without anybody: %s", name, r.body)
			}
			if r := h.ask("hnm_"+strings.Repeat("a", 50), method, url, nil).want(401); r.problem().Code != "token-refused" {
				t.Errorf("%s with a wrong token: %s", name, r.body)
			}
			if op.Permission == "self" {
				continue
			}
			if !auth.Viewer.May(auth.Permission(op.Permission)) {
				if p := h.ask(viewer, method, url, nil).want(403).problem(); p.Permission != op.Permission || !strings.Contains(p.Detail, op.Permission) {
					t.Errorf("%s as viewer: %+v", name, p)
				}
			}
			if op.Scope == "everything" {
				if p := h.ask(restricted, method, url, nil).want(403).problem(); p.Code != "scope-restricted" {
					t.Errorf("%s with a restricted scope: %+v", name, p)
				}
			}
			if p := h.ask(h.admin, method, url, nil); p.status == 401 || p.status == 403 || p.status >= 500 || p.status == 405 {
				t.Errorf("%s as administrator: %d %s", name, p.status, p.body)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d operations: the document is not whole", n)
	}
	t.Logf("%d operations", n)
}

func TestDocumentGolden(t *testing.T) {
	h := open(t)
	golden(t, "openapi.json", []byte(h.ask("", "GET", "/openapi.json", nil).want(200).body+"\n"))
	if r := h.ask("", "GET", "/openapi.yaml", nil).want(200); !strings.Contains(r.body, "openapi: 3.1.0") {
		t.Errorf("YAML: %.80s", r.body)
	}
}

// TestSecretsAreWriteOnly looks for fields of answers that could hold a secret.
func TestSecretsAreWriteOnly(t *testing.T) {
	places := []string{"Finding.exposedSecretDetails", "Inventory.secrets"} // where a secret lies and its fingerprint: never the secret
	for name, s := range open(t).document().Components.Schemas {
		for field, v := range s.Properties {
			low := strings.ToLower(field)
			if (strings.Contains(low, "secret") || strings.Contains(low, "password")) && v["writeOnly"] != true && !slices.Contains(places, name+"."+field) {
				t.Errorf("%s.%s is not write-only", name, field)
			}
		}
	}
}

// constants returns the values of the constants of a type in another room's source.
func constants(t *testing.T, dir, typ string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	ok(t, err)
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		ok(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			v, isSpec := n.(*ast.ValueSpec)
			if !isSpec {
				return true
			}
			id, named := v.Type.(*ast.Ident)
			if !named || id.Name != typ {
				return true
			}
			var s string
			for _, e := range v.Values {
				if lit, isLit := e.(*ast.BasicLit); isLit && json.Unmarshal([]byte(lit.Value), &s) == nil {
					out = append(out, s)
				}
			}
			return true
		})
	}
	slices.Sort(out)
	return out
}

// TestEnumsAreWhole: a word that a filter does not know would be refused, and one that it knows too many would select nothing.
func TestEnumsAreWhole(t *testing.T) {
	doc := open(t).document()
	for _, c := range []struct{ path, param, dir, typ string }{
		{"/assets", "kind", "asset", "Kind"},
		{"/findings", "severity", "finding", "Severity"},
		{"/findings", "status", "finding", "Status"},
		{"/findings", "type", "finding", "Type"},
		{"/coverage", "reason", "coverage", "Reason"},
		{"/coverage", "scanType", "coverage", "Scan"},
		{"/coverage", "scanStatus", "coverage", "Status"},
		{"/scans", "state", "run", "State"},
	} {
		want := constants(t, c.dir, c.typ)
		var got []string
		for _, p := range doc.Paths["/api/v1"+c.path]["get"].Parameters {
			if p.Name == c.param {
				got = slices.Sorted(slices.Values(p.Schema.Items.Enum))
			}
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s?%s: got %v, want %v", c.path, c.param, got, want)
		}
	}
}

func TestScopeIsKept(t *testing.T) {
	h := open(t)
	h.world()
	h.judged()
	h.ask(h.admin, "PUT", "/api/v1/base-accounts/china", map[string]any{"name": "b", "account": two12, "accessKeyId": "AKIA0000000000000000", "secretAccessKey": "s"}).want(200)
	var all items[struct{ ID string }]
	h.get("/api/v1/findings?account=" + two12).want(200).into(&all)
	foreign := all.Items[0].ID
	h.get("/api/v1/syncs").want(200).into(&all)
	var scans items[struct {
		ID       string
		Instance asset.Ref
	}]
	h.get("/api/v1/scans").want(200).into(&scans)
	for _, c := range []struct {
		name  string
		scope auth.Scope
	}{
		{"account", auth.Scope{Accounts: []string{one12}}},
		{"tag", auth.Scope{Tags: []string{"red"}}},
		{"both", auth.Scope{Accounts: []string{one12}, Tags: []string{"red"}}},
		{"nothing", auth.Scope{Accounts: []string{one12}, Tags: []string{"green"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, token := h.user(c.name, auth.Viewer, c.scope)
			_, operator := h.user(c.name+" operator", auth.Operator, c.scope)
			for path, n := range map[string]int{
				"/connectors": 1, "/syncs": 1, "/assets": 4, "/assets/counts": 2, "/findings": 1, "/findings?status=ACTIVE&status=CLOSED": 1, "/findings/counts": 1,
				"/coverage": 1, "/coverage/counts": 1, "/scans": 1, "/views": -1, "/gaps": 1, "/feeds": 0, "/tag-rules": 0, "/assets?gone=true": 4, "/tokens": 1, "/base-accounts": -1,
			} {
				r := h.ask(token, "GET", "/api/v1"+path, nil).want(200)
				var p items[json.RawMessage]
				r.into(&p)
				if c.name == "nothing" && n > 0 && path != "/tokens" {
					n = 0
				}
				if n >= 0 && len(p.Items) != n {
					t.Errorf("%s: got %d items, want %d: %s", path, len(p.Items), n, r.body)
				}
				if (path != "/base-accounts" || len(c.scope.Accounts) > 0) && strings.Contains(r.body, two12) { // base accounts have no tags
					t.Errorf("%s shows account %s: %s", path, two12, r.body)
				}
			}
			other := assetURL(instance(two12, 0))
			for _, path := range []string{
				other, other + "/history", other + "/inventory", "/api/v1/connectors/two", "/api/v1/connectors/two/syncs", "/api/v1/findings/" + foreign,
				"/api/v1/assets?connector=two", "/api/v1/scans?connector=two", "/api/v1/assets/counts?connector=two",
			} {
				h.ask(token, "GET", path, nil).want(404)
			}
			for _, sc := range scans.Items {
				if sc.Instance.Account == two12 {
					h.ask(token, "GET", "/api/v1/scans/"+sc.ID, nil).want(404)
				}
			}
			for _, d := range []struct {
				method, path string
				body         any
			}{
				{"PUT", other + "/tags/x", nil},
				{"DELETE", other + "/tags/x", nil},
				{"PUT", other + "/activations/network", map[string]string{"mode": "active"}},
				{"POST", "/api/v1/scans", map[string]any{"resource": instance(two12, 0)}},
				{"PUT", "/api/v1/findings/" + foreign + "/suppression", map[string]string{"reason": "x"}},
				{"DELETE", "/api/v1/findings/" + foreign + "/suppression", nil},
				{"POST", "/api/v1/connectors/two/sync", nil},
				{"POST", "/api/v1/connectors/two/test", nil},
			} {
				h.ask(operator, d.method, d.path, d.body).want(404)
			}
		})
	}
}

// TestRestrictedAdministratorStaysInside: whoever is restricted makes nothing outside of that, and no user or token that sees more.
func TestRestrictedAdministratorStaysInside(t *testing.T) {
	h := open(t)
	h.world()
	_, token := h.user("one's", auth.Administrator, auth.Scope{Accounts: []string{one12}, Tags: []string{"red"}})
	for _, c := range []struct {
		name, method, path string
		body               any
		want               int
	}{
		{"other_account", "POST", "/api/v1/connectors", aRole("x", two12, "tags", []string{"red"}), 403},
		{"without_tag", "POST", "/api/v1/connectors", aRole("x", one12), 403},
		{"inside", "POST", "/api/v1/connectors", aRole("x", one12, "tags", []string{"red"}), 201},
		{"leaving", "PATCH", "/api/v1/connectors/x", map[string]any{"tags": []string{"blue"}}, 403},
		{"staying", "PATCH", "/api/v1/connectors/x", map[string]any{"tags": []string{"red", "blue"}}, 200},
		{"foreign", "PATCH", "/api/v1/connectors/two", map[string]any{"description": "mine"}, 404},
		{"foreign_remove", "DELETE", "/api/v1/connectors/two", nil, 404},
		{"foreign_view", "DELETE", "/api/v1/views/" + two12, nil, 404},
		{"user", "POST", "/api/v1/users", map[string]any{"name": "x", "role": "administrator", "password": goodPassword}, 403},
		{"rule", "POST", "/api/v1/tag-rules", map[string]any{"name": "x", "tag": "red", "expression": "true"}, 403},
		{"token", "POST", "/api/v1/tokens", map[string]any{"name": "x", "role": "administrator"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) { h.ask(token, c.method, c.path, c.body).want(c.want) })
	}
}
