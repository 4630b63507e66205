package auth_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/auth"
)

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		role auth.Role
		may  []auth.Permission
		not  []auth.Permission
	}{
		{auth.Viewer, []auth.Permission{auth.ReadAssets, auth.ReadFindings}, []auth.Permission{auth.RunScan, auth.WriteTags, auth.WriteConnectors, auth.ReadAudit}},
		{auth.Operator, []auth.Permission{auth.ReadAssets, auth.RunScan, auth.WriteFindings}, []auth.Permission{auth.WriteConnectors, auth.WriteUsers, auth.ReadAudit}},
		{auth.Administrator, []auth.Permission{auth.ReadAssets, auth.WriteConnectors, auth.WriteUsers, auth.ReadAudit}, nil},
		{"", nil, []auth.Permission{auth.ReadAssets}},
		{"root", nil, []auth.Permission{auth.ReadAssets}},
	} {
		for _, p := range c.may {
			if !c.role.May(p) {
				t.Errorf("%q may not %s", c.role, p)
			}
		}
		for _, p := range c.not {
			if c.role.May(p) {
				t.Errorf("%q may %s", c.role, p)
			}
		}
	}
	for i, r := range auth.Roles() {
		if i > 0 {
			for _, p := range auth.Roles()[i-1].Permissions() {
				if !r.May(p) {
					t.Errorf("%s may not %s, which %s may", r, p, auth.Roles()[i-1])
				}
			}
		}
	}
	// Asking a role must not change another's table.
	_ = slices.Clone(auth.Operator.Permissions())
	if auth.Viewer.May(auth.RunScan) || !auth.System().May(auth.WriteUsers) {
		t.Error("the table changed")
	}
	for _, c := range []struct{ a, b, want auth.Role }{
		{auth.Viewer, auth.Administrator, auth.Viewer},
		{auth.Administrator, auth.Operator, auth.Operator},
		{"unknown", auth.Administrator, "unknown"},
	} {
		if got := auth.Least(c.a, c.b); got != c.want {
			t.Errorf("least of %s and %s: got %s", c.a, c.b, got)
		}
	}
}

func TestScope(t *testing.T) {
	for _, c := range []struct {
		name  string
		scope auth.Scope
		tags  []string
		want  bool
	}{
		{"everything", auth.Everything(), nil, true},
		{"account", auth.Scope{Accounts: []string{"1"}}, nil, true},
		{"other_account", auth.Scope{Accounts: []string{"2"}}, nil, false},
		{"tag", auth.Scope{Tags: []string{"a", "b"}}, []string{"b"}, true},
		{"no_tag", auth.Scope{Tags: []string{"a"}}, nil, false},
		{"tag_in_other_account", auth.Scope{Tags: []string{"a"}, Accounts: []string{"2"}}, []string{"a"}, false},
		{"nothing", auth.Scope{Nothing: true}, []string{"a"}, false},
	} {
		if got := c.scope.Sees("1", c.tags); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	for _, c := range []struct {
		name       string
		a, b, want auth.Scope
	}{
		{"all_and_all", auth.Scope{}, auth.Scope{}, auth.Scope{}},
		{"all_and_some", auth.Scope{}, auth.Scope{Accounts: []string{"1"}}, auth.Scope{Accounts: []string{"1"}}},
		{"common", auth.Scope{Accounts: []string{"1", "2"}}, auth.Scope{Accounts: []string{"2", "3"}}, auth.Scope{Accounts: []string{"2"}}},
		{"nothing_in_common", auth.Scope{Accounts: []string{"1"}}, auth.Scope{Accounts: []string{"3"}}, auth.Scope{Nothing: true}},
		{"accounts_and_tags", auth.Scope{Accounts: []string{"1"}}, auth.Scope{Tags: []string{"a"}}, auth.Scope{Accounts: []string{"1"}, Tags: []string{"a"}}},
		{"other_tags", auth.Scope{Tags: []string{"b"}}, auth.Scope{Tags: []string{"a"}}, auth.Scope{Nothing: true}},
		{"nothing", auth.Scope{Nothing: true}, auth.Scope{}, auth.Scope{Nothing: true}},
	} {
		for _, got := range []auth.Scope{c.a.Narrow(c.b), c.b.Narrow(c.a)} {
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
		}
	}
}

func TestPassword(t *testing.T) {
	const password = "correct horse battery"
	hash, err := auth.HashPassword(password)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") || strings.Contains(hash, password) {
		t.Fatalf("hash %q: %v", hash, err)
	}
	if other, err := auth.HashPassword(password); err != nil || other == hash {
		t.Errorf("two hashes are alike: %v", err)
	}
	if good, err := auth.CheckPassword(hash, password); !good || err != nil {
		t.Errorf("right password: %v %v", good, err)
	}
	for _, wrong := range []string{"", "correct horse batterz", password + " ", strings.Repeat("x", auth.MaxPassword+1)} {
		if good, err := auth.CheckPassword(hash, wrong); good || err != nil {
			t.Errorf("%.30q: %v %v", wrong, good, err)
		}
	}
	for _, refused := range []string{"", "short", strings.Repeat("x", auth.MaxPassword+1)} {
		if _, err := auth.HashPassword(refused); !errors.Is(err, auth.ErrPassword) {
			t.Errorf("%.30q: %v", refused, err)
		}
	}
	if auth.NeedsRehash(hash) {
		t.Error("today's hash needs another")
	}
	// argon2id test vector made with the reference implementation's command line is in its README (P-H-C/phc-winner-argon2), of type
	// argon2i; ours must refuse it, and any parameters that would spend the machine.
	for _, bad := range []string{
		"", "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b7dWRWJTmaaJObG",
		"$argon2id$v=16$m=65536,t=3,p=4$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=4294967295,t=3,p=4$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=65536,t=99999,p=4$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=65536,t=3,p=0$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQxMjM0NTY$", hash + "$", hash[:len(hash)-1],
	} {
		if good, err := auth.CheckPassword(bad, password); good || !errors.Is(err, auth.ErrHash) {
			t.Errorf("%q: %v %v", bad, good, err)
		}
	}
	if !auth.NeedsRehash("$argon2id$v=19$m=32768,t=3,p=4$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43)) {
		t.Error("a weaker hash needs no other")
	}
}

func TestToken(t *testing.T) {
	token, prefix, hash, err := auth.NewToken()
	if err != nil || !strings.HasPrefix(token, prefix) || len(prefix) > 20 || len(hash) != 32 {
		t.Fatalf("token: %q %x %v", prefix, hash, err)
	}
	if bits := 4 * len(strings.TrimPrefix(token, "hinomi_")); bits != 256 {
		t.Errorf("a token has %d random bits, want 256", bits)
	}
	if got, err := auth.HashToken(token); err != nil || hex.EncodeToString(got) != hex.EncodeToString(hash) {
		t.Errorf("hash: %x %v", got, err)
	}
	for _, bad := range []string{"", token[:len(token)-1], token + "0", "hinomi_" + strings.Repeat("z", 64), strings.TrimPrefix(token, "hinomi_")} {
		if _, err := auth.HashToken(bad); !errors.Is(err, auth.ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		t    auth.Token
		want bool
	}{
		{"for_good", auth.Token{}, true},
		{"not_yet", auth.Token{ExpiresAt: now.Add(1)}, true},
		{"just_now", auth.Token{ExpiresAt: now}, false},
		{"revoked", auth.Token{RevokedAt: now}, false},
	} {
		if got := c.t.Usable(now); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestThrottle(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var th auth.Throttle
	var waits []time.Duration
	for range 16 {
		th = th.Failed(now)
		waits = append(waits, th.Wait(now))
	}
	s := time.Second
	want := []time.Duration{0, 0, 0, 0, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 512 * s, 900 * s, 900 * s, 900 * s}
	if d := cmp.Diff(want, waits); d != "" {
		t.Errorf("waits (-want +got):\n%s", d)
	}
	for range 1000 { // no overflow frees anybody
		th = th.Failed(now)
	}
	if th.Wait(now) != 900*s || th.Wait(now.Add(time.Hour)) != 0 {
		t.Errorf("after 1,016 failures: %s", th.Wait(now))
	}
	if th = th.Failed(now.Add(25 * time.Hour)); th.Failures != 1 {
		t.Errorf("a day later: %+v", th)
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM0NTY$" + strings.Repeat("A", 43))
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, hash string) {
		if len(hash) > 300 || strings.Contains(hash, "m=") && !strings.Contains(hash, "m=8,") {
			return // larger memory is valid and only slow
		}
		if good, err := auth.CheckPassword(hash, "p"); good && err != nil {
			t.Errorf("%q: %v", hash, err)
		}
	})
}
