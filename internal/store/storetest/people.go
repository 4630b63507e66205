package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/auth"
	"hinomi/internal/store"
)

func testSettings(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	_, err := db.Setting(ctx, "x")
	wantErr(t, err, store.ErrNotFound)
	ok(t, db.PutSetting(ctx, "x", "1"))
	ok(t, db.PutSetting(ctx, "x", "2"))
	if got := must(db.Setting(ctx, "x"))(t); got != "2" {
		t.Errorf("setting: got %q, want 2", got)
	}
	id := must(db.InstallationID(ctx))(t)
	if again := must(db.InstallationID(ctx))(t); id != again || len(id) < 26 {
		t.Errorf("installation ID: got %q and %q, want one random one", id, again)
	}
	loaded := clock.Now()
	ok(t, db.PutFeed(ctx, advisory.Feed{Name: "kev", Rows: 3, LoadedAt: loaded}))
	clock.Add(time.Hour)
	ok(t, db.FeedFailed(ctx, "kev", "no route"))
	ok(t, db.FeedFailed(ctx, "nvd", "timeout"))
	want := []store.FeedStatus{
		{Feed: advisory.Feed{Name: "kev", Rows: 3, LoadedAt: loaded}, TriedAt: clock.Now(), Error: "no route"},
		{Feed: advisory.Feed{Name: "nvd"}, TriedAt: clock.Now(), Error: "timeout"},
	}
	if d := cmp.Diff(want, must(db.Feeds(ctx))(t)); d != "" {
		t.Errorf("feeds (-want +got):\n%s", d)
	}
}

func testUsers(t *testing.T, db *Env, clock *Clock) { //nolint:funlen // one story
	ctx := t.Context()
	admin := must(db.CreateUser(ctx, auth.User{Name: "root", Role: auth.Administrator}, "hash"))(t)
	_, err := db.CreateUser(ctx, auth.User{Name: "root", Role: auth.Viewer}, "hash")
	wantErr(t, err, store.ErrExists)
	if _, err := db.CreateUser(ctx, auth.User{Name: "x", Role: "king"}, "hash"); err == nil {
		t.Error("a user of an unknown role was made")
	}
	viewer := must(db.CreateUser(ctx, auth.User{Name: "ann", Role: auth.Viewer, Scope: auth.Scope{Accounts: []string{"1", "2"}}}, "hash2"))(t)

	demoted := admin
	demoted.Role = auth.Operator
	wantErr(t, db.UpdateUser(ctx, demoted), store.ErrLastAdministrator)
	wantErr(t, db.RemoveUser(ctx, admin.ID), store.ErrLastAdministrator)
	u, hash, err := db.Login(ctx, "root")
	ok(t, err)
	if u.Role != auth.Administrator || hash != "hash" {
		t.Errorf("after a refused change: got %s %q", u.Role, hash)
	}

	for range 5 {
		must(db.LoginFailed(ctx, viewer.ID))(t)
	}
	u = must(db.User(ctx, viewer.ID))(t)
	if u.Throttle.Failures != 5 || u.Throttle.Wait(clock.Now()) != 2*time.Second {
		t.Errorf("after 5 failures: %+v", u.Throttle)
	}
	ok(t, db.LoginSucceeded(ctx, viewer.ID))
	if u = must(db.User(ctx, viewer.ID))(t); u.Throttle != (auth.Throttle{}) {
		t.Errorf("after a success: %+v", u.Throttle)
	}

	_, prefix, sum, err := auth.NewToken()
	ok(t, err)
	tok := must(db.CreateToken(ctx, auth.Token{
		UserID: viewer.ID, Name: "ci", Prefix: prefix, Role: auth.Administrator,
		Scope: auth.Scope{Accounts: []string{"2", "3"}}, ExpiresAt: clock.Now().Add(time.Hour),
	}, sum))(t)
	p := must(db.Authenticate(ctx, sum))(t)
	want := auth.Principal{UserID: viewer.ID, Name: "ann", Role: auth.Viewer, Scope: auth.Scope{Accounts: []string{"2"}}, TokenID: tok.ID}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("a token is not narrower than its user (-want +got):\n%s", d)
	}
	if got := must(db.Tokens(ctx, viewer.ID))(t); len(got) != 1 || got[0].LastUsedAt.IsZero() {
		t.Errorf("tokens: %+v", got)
	}
	_, err = db.Authenticate(ctx, make([]byte, 32))
	wantErr(t, err, store.ErrNotFound)
	clock.Add(time.Hour)
	_, err = db.Authenticate(ctx, sum)
	wantErr(t, err, store.ErrNotFound) // expired
	clock.Add(-time.Hour)
	ok(t, db.RevokeToken(ctx, tok.ID))
	_, err = db.Authenticate(ctx, sum)
	wantErr(t, err, store.ErrNotFound)

	session := must(db.CreateSession(ctx, viewer.ID, time.Hour))(t)
	if p := must(db.Session(ctx, session))(t); p.Name != "ann" {
		t.Errorf("session: %+v", p)
	}
	viewer.Disabled = true
	ok(t, db.UpdateUser(ctx, viewer))
	_, err = db.Session(ctx, session)
	wantErr(t, err, store.ErrNotFound)
	viewer.Disabled = false
	ok(t, db.UpdateUser(ctx, viewer))
	_, err = db.Session(ctx, session)
	wantErr(t, err, store.ErrNotFound) // disabling ended it
	session = must(db.CreateSession(ctx, viewer.ID, time.Hour))(t)
	clock.Add(2 * time.Hour)
	_, err = db.Session(ctx, session)
	wantErr(t, err, store.ErrNotFound)
}

func testAudit(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	for i, account := range []string{"1", "2", "", "1", "2"} {
		clock.Add(time.Second)
		ok(t, db.Audit(ctx, store.AuditEntry{ActorID: "u", Actor: "root", Action: "a", Object: string(rune('a' + i)), Account: account}))
	}
	objects := func(s auth.Scope) string {
		var out, from string
		for {
			rows, next, err := db.AuditLog(ctx, s, from, 2)
			ok(t, err)
			for _, e := range rows {
				out += e.Object
			}
			if from = next; from == "" {
				return out
			}
		}
	}
	for _, c := range []struct {
		scope auth.Scope
		want  string
	}{
		{auth.Everything(), "edcba"},
		{auth.Scope{Accounts: []string{"1"}}, "da"},
		{auth.Scope{Tags: []string{"x"}}, ""},
		{auth.Scope{Nothing: true}, ""},
	} {
		if got := objects(c.scope); got != c.want {
			t.Errorf("scope %+v: got %q, want %q", c.scope, got, c.want)
		}
	}
	raw := db.raw(t) // the database itself refuses
	for _, q := range []string{`UPDATE audit SET actor = 'x'`, `DELETE FROM audit`} {
		if _, err := raw.ExecContext(ctx, q); err == nil {
			t.Errorf("%s was possible", q)
		}
	}
	if got := objects(auth.Everything()); got != "edcba" {
		t.Errorf("after refused changes: %q", got)
	}
}
