package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/finding"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

func TestConnectorLife(t *testing.T) {
	h := open(t)
	var made struct {
		Connector connector.Connector
		Warnings  []string
	}
	h.ask(h.admin, "POST", "/api/v1/connectors", aRole("one", one12, "period", "2h", "modules", []string{"network"}, "regions", []string{"eu-west-1"})).want(201).into(&made)
	c := made.Connector
	if c.Name != "one" || c.Period != connector.Duration(2*time.Hour) || !c.Enabled || c.Credentials.ExternalID == "" || len(made.Warnings) != 0 || c.Type != connector.Commercial {
		t.Errorf("made: %+v", made)
	}
	h.ask(h.admin, "POST", "/api/v1/connectors", aRole("second", one12, "enabled", false)).want(201).into(&made)
	if len(made.Warnings) != 1 || made.Connector.Enabled {
		t.Errorf("second connector of an account: %+v", made)
	}
	if p := h.ask(h.admin, "POST", "/api/v1/connectors", aRole("one", two12)).want(409).problem(); p.Code != "exists" || strings.Contains(p.Detail, "constraint") {
		t.Errorf("the same name: %+v", p)
	}
	var got connector.Connector
	for _, s := range []struct {
		method, path string
		body         any
		check        func() bool
	}{
		{"PATCH", "/one", map[string]any{"description": "d", "tags": []string{"a"}, "regions": []string{}, "period": "6h"}, func() bool {
			return got.Description == "d" && len(got.Tags) == 1 && len(got.Regions) == 0 && got.Period == connector.Duration(6*time.Hour) && got.Name == "one" && got.Enabled
		}},
		{"POST", "/one/disable", nil, func() bool { return !got.Enabled && got.Description == "d" }},
		{"POST", "/" + c.ID + "/enable", nil, func() bool { return got.Enabled }},
		{"PATCH", "/one", map[string]any{"credentials": map[string]string{"roleArn": "arn:aws:iam::" + one12 + ":role/other"}}, func() bool {
			return strings.HasSuffix(got.Credentials.RoleARN, "other") && got.Credentials.ExternalID == c.Credentials.ExternalID
		}},
	} {
		got = connector.Connector{}
		h.ask(h.admin, s.method, "/api/v1/connectors"+s.path, s.body).want(200).into(&got)
		if !s.check() {
			t.Errorf("%s %s: %+v", s.method, s.path, got)
		}
	}
	var queued connector.Sync
	h.ask(h.admin, "POST", "/api/v1/connectors/one/sync", nil).want(202).into(&queued)
	h.get("/api/v1/syncs/" + queued.ID).want(200)
	var view struct {
		LastSync connector.Sync
		NextSync time.Time
	}
	h.get("/api/v1/connectors/one").want(200).into(&view)
	if view.LastSync.ID != queued.ID || view.LastSync.State != connector.Queued || view.NextSync.IsZero() {
		t.Errorf("view: %+v", view)
	}
	var tested struct {
		OK     bool
		Checks []struct{ Action, Verdict string }
	}
	h.ask(h.admin, "POST", "/api/v1/connectors/one/test", nil).want(200).into(&tested)
	if !tested.OK || len(tested.Checks) != 2 {
		t.Errorf("test: %+v", tested)
	}
	h.ask(h.admin, "DELETE", "/api/v1/connectors/one", nil).want(204)
	h.get("/api/v1/connectors/one").want(404)
}

func TestDeeds(t *testing.T) {
	h := open(t)
	h.world()
	h.judged()
	ref := instance(one12, 0)
	var a struct {
		OurTags     []store.Tag
		Activations []store.Activation
	}
	h.ask(h.admin, "PUT", assetURL(ref)+"/tags/a%2Fb%20c", nil).want(200).into(&a)
	if len(a.OurTags) != 2 || a.OurTags[0].Tag != "a/b c" && a.OurTags[1].Tag != "a/b c" {
		t.Errorf("tags: %+v", a.OurTags)
	}
	h.ask(h.admin, "DELETE", assetURL(ref)+"/tags/a%2Fb%20c", nil).want(200)
	h.ask(h.admin, "DELETE", assetURL(ref)+"/tags/red", nil).want(404) // the connector's
	h.ask(h.admin, "PUT", assetURL(ref)+"/activations/network", map[string]string{"mode": "automatic"}).want(200).into(&a)
	h.ask(h.admin, "PUT", assetURL(ref)+"/activations/network", map[string]string{"mode": "inactive"}).want(200).into(&a)
	if len(a.Activations) != 1 || a.Activations[0].Active || !a.Activations[0].Hand {
		t.Errorf("activations: %+v", a.Activations)
	}
	h.ask(h.admin, "PUT", assetURL(ref)+"/activations/network", map[string]string{"mode": "automatic"}).want(200).into(&a)
	h.ask(h.admin, "PUT", assetURL(ref)+"/activations/network", map[string]string{"mode": "perhaps"}).want(422)
	h.ask(h.admin, "POST", "/api/v1/scans", map[string]any{"resource": ref}).want(202)
	h.ask(h.admin, "POST", "/api/v1/scans", map[string]any{"resource": asset.Ref{Account: one12, Region: ref.Region, Kind: asset.KindVolume, ID: "vol-1"}}).want(422)

	var all items[finding.Finding]
	h.get("/api/v1/findings").want(200).into(&all)
	path := "/api/v1/findings/" + all.Items[0].ID
	var f finding.Finding
	h.ask(h.admin, "PUT", path+"/suppression", map[string]any{"reason": "  "}).want(422)
	h.ask(h.admin, "PUT", path+"/suppression", map[string]any{"reason": "x", "until": h.clock.Now()}).want(422)
	h.ask(h.admin, "PUT", path+"/suppression", map[string]any{"reason": "known", "until": h.clock.Now().Add(time.Hour)}).want(200).into(&f)
	if f.Status != finding.Suppressed || f.StatusWhy != "known" {
		t.Errorf("suppressed: %+v", f)
	}
	h.ask(h.admin, "DELETE", path+"/suppression", nil).want(200).into(&f)
	h.ask(h.admin, "DELETE", path+"/suppression", nil).want(404)
	h.get(path).want(200).into(&f)
	if f.Status != finding.Active {
		t.Errorf("active again: %+v", f)
	}

	var r store.TagRule
	h.ask(h.admin, "POST", "/api/v1/tag-rules", map[string]any{"name": "n", "tag": "t", "expression": "true"}).want(201).into(&r)
	h.ask(h.admin, "PUT", "/api/v1/tag-rules/n", map[string]any{"name": "m", "tag": "t", "expression": "false", "enabled": false}).want(200).into(&r)
	if r.Name != "m" || r.Enabled {
		t.Errorf("rule: %+v", r)
	}
	if p := h.ask(h.admin, "POST", "/api/v1/tag-rules", map[string]any{"name": "x", "tag": "t", "expression": "no CEL"}).want(422).problem(); !strings.Contains(p.Detail, "no CEL") {
		t.Errorf("refusal: %+v", p)
	}
	h.ask(h.admin, "DELETE", "/api/v1/tag-rules/m", nil).want(204)
	h.ask(h.admin, "DELETE", "/api/v1/views/"+one12, nil).want(204)
	h.ask(h.admin, "DELETE", "/api/v1/views/"+one12, nil).want(404)

	h.ask(h.admin, "POST", "/api/v1/connectors/one/sync", nil).want(202)
	var jobs items[job.Run]
	h.get("/api/v1/jobs").want(200).into(&jobs)
	var j job.Run
	h.ask(h.admin, "POST", "/api/v1/jobs/"+jobs.Items[0].ID+"/cancel", nil).want(202).into(&j)
	if j.State != job.Canceled {
		t.Errorf("job: %+v", j)
	}
}

func TestUsers(t *testing.T) {
	h := open(t)
	var u auth.User
	h.ask(h.admin, "POST", "/api/v1/users", map[string]any{"name": "new", "role": "operator", "password": goodPassword, "scope": auth.Scope{Tags: []string{"x"}}}).want(201).into(&u)
	if u.Role != auth.Operator || len(u.Scope.Tags) != 1 {
		t.Errorf("made: %+v", u)
	}
	h.ask(h.admin, "POST", "/api/v1/users", map[string]any{"name": "new", "role": "viewer", "password": goodPassword}).want(409)
	h.ask(h.admin, "POST", "/api/v1/users", map[string]any{"name": "weak", "role": "viewer", "password": "short"}).want(422)
	h.ask(h.admin, "PATCH", "/api/v1/users/"+u.ID, map[string]any{"role": "viewer"}).want(200).into(&u)
	if u.Role != auth.Viewer || len(u.Scope.Tags) != 1 || u.Name != "new" {
		t.Errorf("changed: %+v", u)
	}
	h.signIn("new", goodPassword)
	h.ask(h.admin, "PUT", "/api/v1/users/"+u.ID+"/password", map[string]any{"password": "a wholly other password"}).want(204)
	h.signIn("new", "a wholly other password")
	if p := h.ask(h.admin, "PATCH", "/api/v1/users/"+h.adminID, map[string]any{"role": "viewer"}).want(409).problem(); p.Code != "last-administrator" {
		t.Errorf("the last administrator: %+v", p)
	}
	h.ask(h.admin, "DELETE", "/api/v1/users/"+h.adminID, nil).want(409)
	h.ask(h.admin, "DELETE", "/api/v1/users/"+u.ID, nil).want(204)
	h.get("/api/v1/users/" + u.ID).want(404)
}

// TestSecretsNeverComeBack sends every kind of secret, reads everything back, and looks for them in answers and in the log.
func TestSecretsNeverComeBack(t *testing.T) {
	h := open(t)
	const first, second, third = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "SECONDwJalrXUtnFEMIK7MDENGbPxRfiCY", "THIRDwJalrXUtnFEMIK7MDENGbPxRfiCYEX"
	const password, wrong = "a password that is sent", "a password that is wrong"
	secrets := []string{first, second, third, password, wrong, goodPassword, h.admin, "EXAMPLEKEY"}
	var said strings.Builder
	say := func(r reply) reply { said.WriteString(r.body); return r }
	pair := func(name, account, id, key string) map[string]any {
		return map[string]any{"name": name, "account": account, "credentials": map[string]string{"accessKeyId": id, "secretAccessKey": key}}
	}
	say(h.ask(h.admin, "POST", "/api/v1/connectors", pair("keys", one12, "AKIA0000000000000001", first)).want(201))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", pair("keys", one12, "AKIA0000000000000001", first)).want(409))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", pair("half", one12, "", first)).want(422))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", pair("bad", "nonsense", "AKIA0000000000000001", first)).want(422))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", `{"secretAccessKey": "`+first+`"`).want(400))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", `["`+first+`"]`).want(422))
	say(h.ask(h.admin, "POST", "/api/v1/connectors", map[string]any{"name": first, "unknown": first}).want(422))
	say(h.ask(h.admin, "PATCH", "/api/v1/connectors/keys", map[string]any{"credentials": map[string]string{"accessKeyId": "AKIA0000000000000002", "secretAccessKey": second}}).want(200))
	say(h.ask(h.admin, "PUT", "/api/v1/base-accounts/commercial", map[string]any{"name": "base", "account": two12, "accessKeyId": "AKIA0000000000000003", "secretAccessKey": third}).want(200))
	say(h.ask(h.admin, "PUT", "/api/v1/base-accounts/commercial", map[string]any{"name": "base", "account": one12, "accessKeyId": "AKIA0000000000000003", "secretAccessKey": third}).want(409))
	say(h.ask(h.admin, "POST", "/api/v1/users", map[string]any{"name": "u", "role": "viewer", "password": password}).want(201))
	say(h.ask("", "POST", "/api/v1/session", login("u", wrong)).want(401))
	say(h.ask("", "POST", "/api/v1/session", login(wrong, password)).want(401)) // a password in the wrong field
	say(h.ask("", "POST", "/api/v1/session", map[string]any{"name": "u", "password": []string{password}}).want(422))
	say(h.ask("", "POST", "/api/v1/session", login("u", password+strings.Repeat(" and on", 200))).want(422))
	session := h.signIn("u", password).Value
	h.deeds.fail = errForeign{second}
	say(h.ask(h.admin, "POST", "/api/v1/connectors/keys/test", nil).want(500))
	h.deeds.fail = nil
	h.get("/api/v1/assets?text=" + third).want(200)
	for path, methods := range h.document().Paths {
		if _, reads := methods["get"]; reads && !strings.HasPrefix(path, "/openapi") {
			path = strings.NewReplacer("{connector}", "keys", "{type}", "commercial").Replace(path)
			say(h.get(fill(path)))
		}
	}
	key, err := h.db.ConnectorSecret(t.Context(), connectorID(h, "keys"))
	ok(t, err)
	base, err := h.db.BaseAccountSecret(t.Context(), connector.Commercial)
	ok(t, err)
	if key.Reveal() != second || base.Reveal() != third {
		t.Fatal("the secrets were not kept: the test would find nothing whatever happened")
	}
	if n := strings.Count(said.String(), "AKIA000000000000000"); n < 4 {
		t.Fatalf("the connectors were read back %d times only", n)
	}
	logged := h.logs.String()
	if !strings.Contains(logged, "request failed") {
		t.Error("the failure was not logged")
	}
	for _, s := range append(secrets, session) {
		if strings.Contains(said.String(), s) {
			t.Errorf("an answer holds %q", s)
		}
		if s != second && strings.Contains(logged, s) { // second stands in the error that the deed made up
			t.Errorf("the log holds %q", s)
		}
	}
}

// errForeign is an error of which nothing is known.
type errForeign struct{ text string }

func (e errForeign) Error() string { return "something internal: " + e.text }

func connectorID(h *house, name string) string {
	var c connector.Connector
	h.get("/api/v1/connectors/" + name).want(http.StatusOK).into(&c)
	return c.ID
}
