package policy_test

import (
	"slices"
	"strings"
	"testing"

	"hinomi/internal/connector"
	"hinomi/internal/source/aws/policy"
)

// TestManageSSM holds that every write to Systems Manager is bound to our tag, or to our names where there are none, and that the policy
// fits into one managed policy.
func TestManageSSM(t *testing.T) {
	d, err := policy.Role(policy.Need{Type: connector.Commercial, ManageSSM: true, Installation: "i-7f3a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Statements {
		if s.Reason == "" {
			t.Errorf("%s has no reason", s.Sid)
		}
		for _, a := range s.Actions {
			_, name, _ := strings.Cut(a, ":")
			reads := strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Get")
			tagged := slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
				return strings.HasSuffix(c.Key, "/HinomiInstallation") && slices.Equal(c.Values, []string{"i-7f3a"})
			})
			named := !slices.ContainsFunc(s.Resources, func(r string) bool { return !strings.Contains(strings.ToLower(r), "hinomi") })
			if !reads && !tagged && !named && s.Sid != "AssociateDocuments" { // whose associations themselves must be tagged
				t.Errorf("%s in %s is bound neither to the tag nor to our names", a, s.Sid)
			}
		}
	}
	b, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Join(strings.Fields(string(b)), "")); n > 6144 {
		t.Errorf("%d characters, more than a managed policy holds", n)
	}
	if _, err := policy.Role(policy.Need{ManageSSM: true}); err == nil {
		t.Error("without an installation's id: got no error")
	}
}
