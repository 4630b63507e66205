package storetest

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

const (
	one12 = "111111111111"
	two12 = "222222222222"

	exampleKeyID = "AKIAIOSFODNN7EXAMPLE" // #nosec G101 -- AWS's documented example
)

func testConnectors(t *testing.T, db *Env, clock *Clock) { //nolint:funlen // one story
	ctx := t.Context()
	a := aConnector("alpha", one12)
	a.Tags = []string{"prod", "prod", "eu"}
	a = made(t, db, a)
	if a.Period != connector.DefaultPeriod || a.CreatedAt != clock.Now() {
		t.Errorf("defaults: %+v", a)
	}
	_, _, err := db.CreateConnector(ctx, aConnector("alpha", two12), secret.Text{})
	wantErr(t, err, store.ErrExists)
	bad := aConnector("bad", one12)
	bad.Credentials.RoleARN = "arn:aws:iam::" + two12 + ":role/x"
	_, _, err = db.CreateConnector(ctx, bad, secret.Text{})
	wantErr(t, err, connector.ErrInvalid)

	_, same, err := db.CreateConnector(ctx, aConnector("beta", one12), secret.Text{})
	ok(t, err)
	if len(same) != 1 || same[0].Name != "alpha" {
		t.Errorf("second connector of an account: got %+v, want alpha to be named", same)
	}
	made(t, db, aConnector("gamma", two12))

	for _, key := range []string{a.ID, "alpha"} {
		if d := cmp.Diff(a, must(db.Connector(ctx, auth.Everything(), key))(t)); d != "" {
			t.Errorf("connector %s (-want +got):\n%s", key, d)
		}
	}
	_, err = db.Connector(ctx, auth.Scope{Accounts: []string{two12}}, a.ID)
	wantErr(t, err, store.ErrNotFound)
	names := func(s auth.Scope) string {
		var out []string
		for from := ""; ; {
			list, next, err := db.Connectors(ctx, s, from, 1)
			ok(t, err)
			for _, c := range list {
				out = append(out, c.Name)
			}
			if from = next; next == "" {
				return strings.Join(out, " ")
			}
		}
	}
	for _, c := range []struct {
		scope auth.Scope
		want  string
	}{
		{auth.Everything(), "alpha beta gamma"},
		{auth.Scope{Accounts: []string{two12}}, "gamma"},
		{auth.Scope{Tags: []string{"eu"}}, "alpha"},
		{auth.Scope{Tags: []string{"eu"}, Accounts: []string{two12}}, ""},
		{auth.Scope{Nothing: true}, ""},
	} {
		if got := names(c.scope); got != c.want {
			t.Errorf("scope %+v: got %q, want %q", c.scope, got, c.want)
		}
	}

	clock.Add(time.Minute)
	a.Name, a.Account, a.Tags = "alpha2", two12, []string{"us"}
	a.Credentials.ExternalID = "mine"
	a.Credentials.RoleARN = "arn:aws:iam::" + one12 + ":role/other"
	up := must(db.UpdateConnector(ctx, a, secret.Text{}))(t)
	if up.Account != one12 || up.Credentials.ExternalID == "mine" || up.UpdatedAt != clock.Now() || up.Name != "alpha2" {
		t.Errorf("update: %+v", up)
	}
	if got := names(auth.Scope{Tags: []string{"us"}}); got != "alpha2" {
		t.Errorf("after another tag: %q", got)
	}

	if due := must(db.DueConnectors(ctx))(t); len(due) != 3 {
		t.Errorf("new connectors are due at once: got %d of 3", len(due))
	}
	ok(t, db.SetNextSync(ctx, a.ID, clock.Now().Add(time.Hour)))
	up.Enabled = false
	beta := must(db.Connector(ctx, auth.Everything(), "beta"))(t)
	beta.Enabled = false
	must(db.UpdateConnector(ctx, beta, secret.Text{}))(t)
	if due := must(db.DueConnectors(ctx))(t); len(due) != 1 || due[0].Name != "gamma" {
		t.Errorf("due: %+v", due)
	}
	ok(t, db.RemoveConnector(ctx, beta.ID))
	wantErr(t, db.RemoveConnector(ctx, beta.ID), store.ErrNotFound)
}

func testExternalIDs(t *testing.T, db *Env, _ *Clock) {
	ctx := t.Context()
	seen := map[string]bool{}
	for i := range 5 {
		c := made(t, db, aConnector(fmt.Sprint("c", i), one12))
		id := c.Credentials.ExternalID
		if seen[id] || len(strings.TrimPrefix(id, "hinomi-")) < 32 { // 32 hexadecimal digits are 128 bits
			t.Errorf("external ID %q is short or used before", id)
		}
		seen[id] = true
		ok(t, db.RemoveConnector(ctx, c.ID))
	}
	for id := range seen { // removed or not, it is never used again
		c := aConnector("again", one12)
		c.Credentials.ExternalID = id
		_, _, err := db.CreateConnector(ctx, c, secret.Text{})
		wantErr(t, err, store.ErrExternalID)
	}
	c := aConnector("invented", one12)
	c.Credentials.ExternalID = "guessable"
	_, _, err := db.CreateConnector(ctx, c, secret.Text{})
	wantErr(t, err, store.ErrExternalID)

	c.Credentials.ExternalID = must(db.IssueExternalID(ctx))(t)
	parent := made(t, db, c)
	c.Name = "other"
	_, _, err = db.CreateConnector(ctx, c, secret.Text{})
	wantErr(t, err, store.ErrExternalID)
	member := aConnector("member", two12)
	member.ParentID = parent.ID
	member = made(t, db, member)
	if member.Credentials.ExternalID != parent.Credentials.ExternalID {
		t.Error("a member does not share its organisation's external ID")
	}
	if got := must(db.Members(ctx, parent.ID))(t); len(got) != 1 || got[0].ID != member.ID {
		t.Errorf("members: %+v", got)
	}
}

func testSecrets(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	c := connector.Connector{
		Name: "keys", Type: connector.Commercial, Account: one12, Enabled: true,
		Credentials: connector.Credentials{AccessKeyID: exampleKeyID},
	}
	const plain = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // AWS's documented example
	c, _, err := db.CreateConnector(ctx, c, secret.NewText(plain))
	ok(t, err)
	if got := must(db.ConnectorSecret(ctx, c.ID))(t); got.Reveal() != plain {
		t.Error("the secret did not come back")
	}
	must(db.SetBaseAccount(ctx, connector.BaseAccount{Name: "base", Type: connector.Commercial, Account: two12, AccessKeyID: exampleKeyID}, secret.NewText("base-"+plain)))(t)
	raw := db.raw(t)
	var sealed, other []byte
	ok(t, raw.QueryRowContext(ctx, `SELECT secret FROM connector WHERE id = $1`, c.ID).Scan(&sealed))
	ok(t, raw.QueryRowContext(ctx, `SELECT secret FROM base_account`).Scan(&other))
	if strings.Contains(string(sealed), plain) {
		t.Fatal("the secret is stored in the clear")
	}
	if n := db.count(t, `SELECT COUNT(*) FROM connector WHERE body LIKE $1`, "%"+plain[:10]+"%"); n != 0 {
		t.Error("the secret is in the connector's body")
	}

	// A sealed value that is moved to another row does not open there.
	_, err = raw.ExecContext(ctx, `UPDATE connector SET secret = $1 WHERE id = $2`, other, c.ID)
	ok(t, err)
	_, err = db.ConnectorSecret(ctx, c.ID)
	wantErr(t, err, secret.ErrSealed)
	_, err = raw.ExecContext(ctx, `UPDATE connector SET secret = $1 WHERE id = $2`, sealed, c.ID)
	ok(t, err)

	// A new key: what the old one sealed is sealed anew, then the old one can go.
	db.UseSealer(secret.NewSealer(Key(t, 2), Key(t, 1)))
	if n := must(db.Reseal(ctx))(t); n != 2 {
		t.Errorf("resealed %d, want 2", n)
	}
	if n := must(db.Reseal(ctx))(t); n != 0 {
		t.Errorf("resealed %d again, want 0", n)
	}
	db.UseSealer(Sealer(t, 2))
	if got := must(db.BaseAccountSecret(ctx, connector.Commercial))(t); got.Reveal() != "base-"+plain {
		t.Error("the base account's secret did not survive the rotation")
	}
	db.UseSealer(Sealer(t, 1))
	_, err = db.ConnectorSecret(ctx, c.ID)
	wantErr(t, err, secret.ErrUnknownKey)

	bare, err := store.Open(ctx, db.URL, store.Options{Now: clock.Now, Logger: slog.New(slog.DiscardHandler)})
	ok(t, err)
	defer bare.Close() //nolint:errcheck // of a test
	_, err = bare.ConnectorSecret(ctx, c.ID)
	wantErr(t, err, store.ErrNoKey)
	c.Name = "keys2"
	_, _, err = bare.CreateConnector(ctx, c, secret.NewText(plain))
	wantErr(t, err, store.ErrNoKey)
	if _, err := bare.Connector(ctx, auth.Everything(), "keys2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a connector without its secret was stored: %v", err)
	}
}

func testBaseAccounts(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	b := connector.BaseAccount{Name: "base", Type: connector.Commercial, Account: one12, AccessKeyID: exampleKeyID}
	b = must(db.SetBaseAccount(ctx, b, secret.NewText("k1")))(t)
	second := b
	second.Account = two12
	_, err := db.SetBaseAccount(ctx, second, secret.NewText("k2"))
	wantErr(t, err, store.ErrBaseAccount)
	if !strings.Contains(err.Error(), one12) {
		t.Errorf("the error does not name the account there is: %v", err)
	}
	clock.Add(time.Hour)
	must(db.SetBaseAccount(ctx, b, secret.NewText("k3")))(t) // a new key of the same account
	if got := must(db.BaseAccountSecret(ctx, connector.Commercial))(t); got.Reveal() != "k3" {
		t.Error("the key was not replaced")
	}
	second.Type = connector.China
	must(db.SetBaseAccount(ctx, second, secret.NewText("k4")))(t)
	if got := must(db.BaseAccounts(ctx))(t); len(got) != 2 {
		t.Errorf("base accounts: %+v", got)
	}
	ok(t, db.RemoveBaseAccount(ctx, connector.Commercial))
	_, err = db.BaseAccount(ctx, connector.Commercial)
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, db.RemoveBaseAccount(ctx, connector.GovCloud), store.ErrNotFound)
}

func testSyncs(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	c := aConnector("alpha", one12)
	c.PostureView = true
	c = made(t, db, c)
	all := auth.Everything()
	_, err := db.LastSync(ctx, all, c.ID)
	wantErr(t, err, store.ErrNotFound)
	var ids []string
	for range 3 {
		clock.Add(time.Minute)
		s := must(db.CreateSync(ctx, c.ID))(t)
		if s.State != connector.Queued {
			t.Errorf("state: %s", s.State)
		}
		ids = append(ids, s.ID)
	}
	_, err = db.CreateSync(ctx, "nobody")
	wantErr(t, err, store.ErrNotFound)
	s := must(db.LastSync(ctx, all, c.ID))(t)
	s.State, s.EndedAt = connector.FinishedErrors, clock.Now()
	s.Regions = []connector.RegionResult{{Account: one12, Region: "us-east-1", Error: "DescribeInstances: throttled"}}
	ok(t, db.PutSync(ctx, s))
	if d := cmp.Diff(s, must(db.Sync(ctx, all, s.ID))(t)); d != "" {
		t.Errorf("sync (-want +got):\n%s", d)
	}
	list, next, err := db.Syncs(ctx, all, c.ID, "", 2)
	ok(t, err)
	rest, end, err := db.Syncs(ctx, all, c.ID, next, 2)
	ok(t, err)
	if len(list) != 2 || len(rest) != 1 || list[0].ID != ids[2] || rest[0].ID != ids[0] || end != "" {
		t.Errorf("pages: %+v %+v", list, rest)
	}
	if got, _, err := db.Syncs(ctx, auth.Scope{Accounts: []string{two12}}, "", "", 0); err != nil || len(got) != 0 {
		t.Errorf("another account's syncs are seen: %v %v", got, err)
	}

	// Switching the option off leaves the view; so does removing the connector. Only RemoveView deletes it.
	views := func() []connector.View { return must(db.Views(ctx, all))(t) }
	if v := views(); len(v) != 1 || v[0].Connector != c.ID || v[0].Account != one12 {
		t.Errorf("view: %+v", v)
	}
	c.PostureView = false
	must(db.UpdateConnector(ctx, c, secret.Text{}))(t)
	if v := views(); len(v) != 1 || v[0].Connector != "" {
		t.Errorf("after switching off: %+v", v)
	}
	ok(t, db.RemoveConnector(ctx, c.ID))
	if len(views()) != 1 {
		t.Error("the view went with its connector")
	}
	ok(t, db.RemoveView(ctx, one12))
	if len(views()) != 0 {
		t.Error("the view was not removed")
	}
	if got := must(db.Sync(ctx, all, ids[0]))(t); got.ConnectorID != c.ID {
		t.Error("syncs of a removed connector are history")
	}
}
