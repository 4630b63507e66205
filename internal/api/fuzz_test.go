package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// told checks an answer to hostile input: an answer of ours in JSON, and no fault of ours.
func told(t *testing.T, r reply, what string) {
	t.Helper()
	if r.status >= 500 || r.status != http.StatusNoContent && !json.Valid([]byte(r.body)) {
		t.Errorf("%s: got %d %s", what, r.status, r.body)
	}
	if r.status >= 400 && r.problem().Code == "" {
		t.Errorf("%s: no code in %s", what, r.body)
	}
}

func FuzzConnectorBody(f *testing.F) {
	for _, v := range []any{
		aRole("one", one12), aRole("two", one12, "period", "4h0m0s", "modules", []string{"network"}, "tags", []string{"a", "a"}, "regions", []string{"eu-west-1"}),
		aRole("three", two12, "organization", map[string]any{"enroll": true, "roleName": "hinomi", "exclude": []string{one12}}, "verbs", []string{"snapshot-volumes"}),
		map[string]any{"name": "k", "account": one12, "credentials": map[string]string{"accessKeyId": "AKIA0000000000000000", "secretAccessKey": "x"}},
		map[string]any{"tags": nil, "enabled": nil, "credentials": nil, "period": nil},
		map[string]any{"organization": nil, "name": "\x1b[2J<script>=1+1"},
		[]any{},
		"x", nil, 1e308,
	} {
		b, err := json.Marshal(v)
		ok(f, err)
		f.Add(string(b))
	}
	for _, s := range []string{"", "{", `{"name":1}`, `{"name":"\ud800"}`, `{"name":"a","name":"b"}`, `{"period":"9223372036854775807ns"}`, "\xff\xfe", `{"account":"１１１１１１１１１１１１"}`} {
		f.Add(s)
	}
	h := open(f)
	h.ask(h.admin, "POST", "/api/v1/connectors", aRole("kept", two12)).want(201)
	f.Fuzz(func(t *testing.T, body string) {
		h.t = t
		defer func() { h.t = f }()
		told(t, h.ask(h.admin, "PATCH", "/api/v1/connectors/kept", body), "PATCH")
		r := h.ask(h.admin, "POST", "/api/v1/connectors", body)
		told(t, r, "POST")
		var made struct{ Connector struct{ ID, Account string } }
		if r.status == http.StatusCreated {
			r.into(&made)
			h.get("/api/v1/connectors/" + made.Connector.ID).want(200)
			h.ask(h.admin, "DELETE", "/api/v1/connectors/"+made.Connector.ID, nil).want(204)
		}
		if kept := h.get("/api/v1/connectors?limit=1000").want(200); !strings.Contains(kept.body, two12) {
			t.Errorf("the connector of account %s is gone or another's: %s", two12, kept.body)
		}
		h.ask(h.admin, "PATCH", "/api/v1/connectors/"+firstConnector(h), map[string]any{"name": "kept"}).want(200)
	})
}

func firstConnector(h *house) string {
	var p items[struct{ ID string }]
	h.get("/api/v1/connectors").want(200).into(&p)
	if len(p.Items) != 1 {
		h.t.Fatalf("%d connectors", len(p.Items))
	}
	return p.Items[0].ID
}

func FuzzQuery(f *testing.F) {
	h := open(f)
	h.world()
	h.judged()
	paths := []string{"/connectors", "/syncs", "/assets", "/findings", "/coverage", "/scans", "/jobs", "/audit", assetURL(instance(one12, 0))[len("/api/v1"):] + "/history"}
	for _, p := range paths {
		var v struct{ Next string }
		h.get("/api/v1" + p + "?limit=1").want(200).into(&v)
		f.Add(v.Next, "x", "1")
	}
	for _, c := range []string{"bnVsbA", "W10", "e30", "MQ", "Ii4i", "eyJBdCI6MWU5OX0", "=", "%00", "OTIyMzM3MjAzNjg1NDc3NTgwNyA", "LTEg"} {
		f.Add(c, "%_\\'\"", "1000")
	}
	f.Fuzz(func(t *testing.T, cursor, word, limit string) {
		h.t = t
		defer func() { h.t = f }()
		q := url.Values{"cursor": {cursor}}
		if limit != "" {
			q.Set("limit", limit)
		}
		for _, p := range paths {
			told(t, h.get("/api/v1"+p+"?"+q.Encode()), p)
		}
		for _, p := range []string{"/assets", "/findings"} {
			told(t, h.get("/api/v1"+p+"?"+url.Values{"text": {word}, "tag": {word}, "region": {word, word}}.Encode()), p)
		}
		for _, p := range []string{"/connectors/", "/findings/", "/scans/", "/jobs/", "/users/", "/syncs/"} {
			if word != "" && word != "." && word != ".." {
				told(t, h.get("/api/v1"+p+url.PathEscape(word)), p)
			}
		}
	})
}
