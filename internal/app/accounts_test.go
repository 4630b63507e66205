package app_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/store"
)

// TestExternalID refuses to read an account whose role asks for another external ID, or for none where it is tested.
func TestExternalID(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account, region := c.Account(2), "eu-west-1"
	c.SeedInstances(account, region, 1)
	k := c.add(plain(account, region))
	if len(k.Credentials.ExternalID) < 128/4 {
		t.Errorf("got external ID %q, want 128 bits at least", k.Credentials.ExternalID)
	}
	c.sync(k.ID, connector.FinishedSuccess)

	c.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{c.Account(1)}, ExternalID: "somebody-elses"})
	again := c.reopen() // without the session of before
	s, err := again.SyncNow(t.Context(), auth.System(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"AssumeRole", "trust policy", "external ID"} {
		if s.State != connector.FinishedErrors || !strings.Contains(s.Error, words) {
			t.Errorf("got %s %q, want words about %s", s.State, s.Error, words)
		}
	}
	if list := c.instances(auth.Everything(), store.AssetFilter{}); len(list) != 1 || !list[0].Stale {
		t.Errorf("got %+v, want the instance, stale", list)
	}
	checks, err := again.TestConnector(t.Context(), auth.System(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	if live.OK(checks) || checkOf(t, checks, "sts:AssumeRole").Verdict != live.NotAllowed {
		t.Errorf("got %+v, want that the role is refused", checks[0])
	}
}

func checkOf(t *testing.T, list []live.Check, action string) live.Check {
	t.Helper()
	i := slices.IndexFunc(list, func(c live.Check) bool { return c.Action == action })
	if i < 0 {
		t.Fatalf("no check of %s in %+v", action, list)
	}
	return list[i]
}

// TestExternalIDNotAsked warns of a role that anyone can be given who knows its name.
func TestExternalIDNotAsked(t *testing.T) {
	for name, open := range map[string]bool{"asked": false, "not_asked": true} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, awstest.Options{}, nil)
			account := c.Account(2)
			k := c.add(plain(account, "eu-west-1"))
			want := live.Allowed
			if open {
				c.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{c.Account(1)}})
				want = live.Warning
			}
			checks, err := c.TestConnector(t.Context(), auth.System(), k.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got := checkOf(t, checks, "sts:ExternalId"); got.Verdict != want {
				t.Errorf("got %+v, want %s", got, want)
			}
		})
	}
}

func TestAddConnector(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	wrong := plain(c.Account(2))
	wrong.Credentials.RoleARN = roleARN(c.Account(3), "hinomi")
	if _, err := c.AddConnector(t.Context(), auth.System(), wrong, noSecret); !errors.Is(err, connector.ErrInvalid) || !strings.Contains(err.Error(), c.Account(3)) {
		t.Errorf("role of another account: got %v, want it refused by name", err)
	}
	chosen := plain(c.Account(2))
	chosen.Credentials.ExternalID = "hinomi-chosen-by-somebody"
	if _, err := c.AddConnector(t.Context(), auth.System(), chosen, noSecret); !errors.Is(err, store.ErrExternalID) {
		t.Errorf("external ID of another's making: got %v, want ErrExternalID", err)
	}
	first, err := c.AddConnector(t.Context(), auth.System(), plain(c.Account(2)), noSecret)
	if err != nil || len(first.Warnings) != 0 {
		t.Fatalf("got %v, %q", err, first.Warnings)
	}
	twin := plain(c.Account(2))
	twin.Name = "twin"
	second, err := c.AddConnector(t.Context(), auth.System(), twin, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Warnings) != 1 || !strings.Contains(second.Warnings[0], first.Connector.Name) || !strings.Contains(second.Warnings[0], first.Connector.ID) {
		t.Errorf("got warnings %q, want one that names %s", second.Warnings, first.Connector.Name)
	}
	if second.Connector.Credentials.ExternalID == first.Connector.Credentials.ExternalID {
		t.Error("two connectors share an external ID")
	}
	if err := c.RemoveConnector(t.Context(), auth.System(), "twin"); err != nil {
		t.Fatal(err)
	}
	twin.Credentials.ExternalID = second.Connector.Credentials.ExternalID
	if _, err := c.AddConnector(t.Context(), auth.System(), twin, noSecret); !errors.Is(err, store.ErrExternalID) {
		t.Errorf("external ID of a removed connector: got %v, want ErrExternalID", err)
	}
	twin.Credentials.ExternalID = ""
	third, err := c.AddConnector(t.Context(), auth.System(), twin, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	if id := third.Connector.Credentials.ExternalID; id == "" || id == second.Connector.Credentials.ExternalID {
		t.Errorf("got external ID %q again", id)
	}
}

// hide takes members out of the organisation's list, and says of others that they are suspended.
func hide(t *testing.T, hidden, suspended []string) awstest.AfterHook {
	return func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply {
		var page map[string]any
		if err := json.Unmarshal(r.Body, &page); err != nil {
			t.Errorf("answer of ListAccounts: %v", err)
			return r
		}
		var kept []any
		for _, a := range page["Accounts"].([]any) {
			member := a.(map[string]any)
			id := member["Id"].(string)
			if slices.Contains(suspended, id) {
				member["Status"], member["State"] = "SUSPENDED", "SUSPENDED"
			}
			if !slices.Contains(hidden, id) {
				kept = append(kept, member)
			}
		}
		page["Accounts"] = kept
		body, err := json.Marshal(page)
		if err != nil {
			t.Errorf("answer of ListAccounts: %v", err)
		}
		r.Body = body
		return r
	}
}

// TestOrganization enrols the members of an organisation by a role's name, new ones when they appear.
func TestOrganization(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	management, region := c.Account(2), "eu-west-1"
	ids := c.SeedOrganization(management, "hinomi-member", "one", "two", "left-out", "closed", "late")
	k := plain(management, region)
	k.Organization = connector.Organization{Enroll: true, RoleName: "hinomi-member", Exclude: []string{ids[2]}}
	k.Tags = []string{"organisation"}
	org := c.add(k)
	seeded := map[string]string{}
	for _, id := range ids {
		c.AddRole(awstest.Role{Account: id, Name: "hinomi-member", Trust: []string{c.Account(1)}, ExternalID: org.Credentials.ExternalID})
		seeded[id] = c.SeedInstances(id, region, 1)[0].ID
	}
	seeded[management] = c.SeedInstances(management, region, 1)[0].ID
	show := c.After("organizations", "ListAccounts", hide(t, []string{ids[4]}, []string{ids[3]}))

	c.sync(org.ID, connector.FinishedSuccess)
	wantMembers(t, c, org, map[string]bool{ids[0]: true, ids[1]: true})
	wantSeen(t, c, seeded, management, ids[0], ids[1])
	if n := len(c.instances(auth.Everything(), store.AssetFilter{Tags: []string{"organisation"}})); n != 3 {
		t.Errorf("got %d instances with the organisation's tag, want 3", n)
	}

	show()
	show = c.After("organizations", "ListAccounts", hide(t, nil, []string{ids[1], ids[3]})) // one joins, one is suspended
	c.sync(org.ID, connector.FinishedSuccess)
	wantMembers(t, c, org, map[string]bool{ids[0]: true, ids[1]: false, ids[4]: true})

	show()
	c.Before("organizations", "ListAccounts", awstest.Deny())
	if s := c.sync(org.ID, connector.FinishedErrors); !strings.Contains(s.Error, "organisation") || s.Counts.Instances != 1 {
		t.Errorf("got %q and %d instances, want words about the organisation and the account's own instance", s.Error, s.Counts.Instances)
	}
	wantMembers(t, c, org, map[string]bool{ids[0]: true, ids[1]: false, ids[4]: true})

	tpl, _, err := c.ConnectorTemplate(t.Context(), auth.System(), org.ID, "", false)
	if err != nil {
		t.Fatal(err)
	}
	set, err := tpl.StackSet(connector.Commercial, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hinomi-member", org.Credentials.ExternalID, "arn:aws:iam::" + c.Account(1) + ":root"} {
		if !strings.Contains(string(set), want) {
			t.Errorf("the StackSet lacks %s:\n%s", want, set)
		}
	}
}

// wantMembers wants exactly these enrolled members, each enabled or not, with the organisation's external ID.
func wantMembers(t *testing.T, c *cloud, org connector.Connector, want map[string]bool) {
	t.Helper()
	list, err := c.Store().Members(t.Context(), org.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, m := range list {
		got[m.Account] = m.Enabled
		if m.Credentials.ExternalID != org.Credentials.ExternalID || m.Credentials.RoleARN != roleARN(m.Account, "hinomi-member") {
			t.Errorf("got credentials %+v of %s", m.Credentials, m.Account)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func wantSeen(t *testing.T, c *cloud, seeded map[string]string, accounts ...string) {
	t.Helper()
	want := map[string]string{}
	for _, a := range accounts {
		want[seeded[a]] = a + "/eu-west-1"
	}
	if diff := cmp.Diff(want, placed(c.instances(auth.Everything(), store.AssetFilter{}))); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
}

// TestOrganizationAgain enrols the members anew after the organisation's connector was removed.
func TestOrganizationAgain(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	management := c.Account(2)
	ids := c.SeedOrganization(management, "hinomi-member", "one")
	k := plain(management, "eu-west-1")
	k.Organization = connector.Organization{Enroll: true, RoleName: "hinomi-member"}
	for range 2 {
		org := c.add(k)
		c.AddRole(awstest.Role{Account: ids[0], Name: "hinomi-member", Trust: []string{c.Account(1)}, ExternalID: org.Credentials.ExternalID})
		c.sync(org.ID, connector.FinishedSuccess)
		wantMembers(t, c, org, map[string]bool{ids[0]: true})
		if err := c.RemoveConnector(t.Context(), auth.System(), org.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBaseAccount lets the base account's key assume the roles in the place of the process's own.
func TestBaseAccount(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	base, account, region := c.Account(9), c.Account(2), "eu-west-1"
	key := c.AddKey(base, "base")
	k := c.add(plain(account, region))
	c.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{base}, ExternalID: k.Credentials.ExternalID})
	c.SeedInstances(account, region, 1)
	c.sync(k.ID, connector.FinishedErrors) // the process's own credentials may not

	b := connector.BaseAccount{Name: "base", Type: connector.Commercial, Account: base, AccessKeyID: key.ID}
	if _, err := c.SetBaseAccount(t.Context(), auth.System(), b, secret.NewText(key.Secret)); err != nil {
		t.Fatal(err)
	}
	c.sync(k.ID, connector.FinishedSuccess)
	checks, err := c.TestBaseAccount(t.Context(), auth.System(), connector.Commercial)
	if err != nil || !live.OK(checks) || len(checks) != 2 {
		t.Errorf("got %+v, %v, want the key and the role allowed", checks, err)
	}
	other := b
	other.Account = c.Account(8)
	if _, err := c.SetBaseAccount(t.Context(), auth.System(), other, secret.NewText(key.Secret)); !errors.Is(err, store.ErrBaseAccount) || !strings.Contains(err.Error(), base) {
		t.Errorf("second base account: got %v, want it refused, naming %s", err, base)
	}
	for _, row := range c.rows("base_account") {
		if strings.Contains(row, key.Secret) {
			t.Error("the secret key is stored in the clear")
		}
	}
	if err := c.RemoveBaseAccount(t.Context(), auth.System(), connector.Commercial); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TestBaseAccount(t.Context(), auth.System(), connector.Commercial); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after its removal: got %v, want ErrNotFound", err)
	}
	c.sync(k.ID, connector.FinishedErrors)
}
