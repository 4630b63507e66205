package examples_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadGlobal reads a file of what belongs to an account as a whole, by account.
func loadGlobal(t *testing.T, name string) map[string][]object {
	t.Helper()
	found, err := filepath.Glob("organisation/accounts/*/global/" + name + ".json")
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s (%v)", name, err)
	}
	all := map[string][]object{}
	for _, f := range found {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		content := map[string]object{}
		if err := json.Unmarshal([]byte(`{"`+name+`":`+string(raw)+`}`), &content); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[filepath.Base(filepath.Dir(filepath.Dir(f)))] = list(content, name)
	}
	return all
}

// TestInstanceProfiles wants every profile that an instance names to be one of its account, under the same id, and no other to be there.
func TestInstanceProfiles(t *testing.T) {
	type key struct{ account, arn, id string }
	listed, worn, ids := map[key]int{}, map[key]int{}, map[string]bool{}
	for account, profiles := range loadGlobal(t, "InstanceProfiles") {
		for _, p := range profiles {
			k := key{account, p["Arn"].(string), p["InstanceProfileId"].(string)}
			listed[k]++
			roles := p["Roles"].([]any)
			if len(roles) != 1 {
				t.Fatalf("%v has %d roles, want one", k, len(roles))
			}
			role := roles[0].(object)
			for id, prefix := range map[string]string{k.id: "AIPA", role["RoleId"].(string): "AROA"} {
				if ids[id] || !strings.HasPrefix(id, prefix) || len(id) != 21 {
					t.Errorf("id %s of %v is not of its form, or of another too", id, k)
				}
				ids[id] = true
			}
			if role["Arn"] != "arn:aws:iam::"+account+":role/"+role["RoleName"].(string) || k.arn != "arn:aws:iam::"+account+":instance-profile/"+p["InstanceProfileName"].(string) {
				t.Errorf("%v: the ARNs are not of the account", k)
			}
		}
	}
	wearing, all := 0, 0
	for p, files := range load(t) {
		for _, i := range instances(files) {
			all++
			if w, ok := i["IamInstanceProfile"].(object); ok {
				wearing++
				worn[key{p.account, w["Arn"].(string), w["Id"].(string)}] = 1
			}
		}
	}
	if diff := cmp.Diff(worn, listed); diff != "" {
		t.Errorf("profiles (-named by instances +listed):\n%s", diff)
	}
	if wearing == 0 || wearing == all {
		t.Errorf("got %d of %d instances with a profile, want some with and some without", wearing, all)
	}
	t.Logf("%d profiles, carried by %d of %d instances", len(listed), wearing, all)
}
