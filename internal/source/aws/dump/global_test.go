package dump_test

import (
	"os"
	"strings"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
)

// What belongs to an account as a whole is its own wherever the file lies, and its absence is told once for each account.
func TestGlobalFiles(t *testing.T) {
	sample, err := os.ReadFile("../mapping/testdata/InstanceProfiles.json")
	if err != nil {
		t.Fatal(err)
	}
	profiles, empty := string(sample), `{"InstanceProfiles": []}`
	for name, tt := range map[string]struct {
		files map[string]string
		want  string // beginning of the gap; "" is read
		n     int
	}{
		"own_folder":    {map[string]string{in + "Reservations.json": oneInstance, "accounts/123456789012/global/InstanceProfiles.json": profiles}, "", 2},
		"in_a_region":   {map[string]string{in + "Reservations.json": oneInstance, in + "iam-list-instance-profiles.json": profiles}, "", 2},
		"in_each":       {map[string]string{in + "InstanceProfiles.json": profiles, "accounts/123456789012/us-east-1/InstanceProfiles.json": profiles}, "", 2},
		"bare":          {map[string]string{"InstanceProfiles.json": profiles}, "", 2},
		"bare_and_more": {map[string]string{"InstanceProfiles.json": profiles, "Reservations.json": oneInstance}, "", 2},
		"none":          {map[string]string{in + "InstanceProfiles.json": empty}, "", 0},
		"missing":       {map[string]string{in + "Reservations.json": oneInstance}, "not read: InstanceProfiles was not read", 0},
		"more_pages":    {map[string]string{in + "InstanceProfiles.json": strings.Replace(profiles, "{", `{"IsTruncated": true, "Marker": "m",`, 1)}, "partly read: ", 2},
		"last_page":     {map[string]string{in + "InstanceProfiles.json": strings.Replace(profiles, "{", `{"IsTruncated": false,`, 1)}, "", 2},
		"broken":        {map[string]string{in + "InstanceProfiles.json": profiles[:len(profiles)-20]}, "malformed: " + in + "InstanceProfiles.json: line 57, byte 2321: the file ends in the middle", 1},
		"one_of_two":    {map[string]string{in + "InstanceProfiles.json": empty, "accounts/123456789012/us-east-1/InstanceProfiles.json": `{"InstanceProfiles"`}, "malformed: ", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := read(t, tt.files, dump.Options{}).Snapshot
			got := ""
			if g, ok := s.GapFor("123456789012", asset.Global, asset.KindInstanceProfile); ok {
				got = string(g.Reason) + ": " + g.Detail
			}
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || s.Len(asset.KindInstanceProfile) != tt.n {
				t.Errorf("got gap %q and %d profiles, want %q and %d", got, s.Len(asset.KindInstanceProfile), tt.want, tt.n)
			}
			told := 0
			for _, g := range s.Gaps() {
				if g.Kind == asset.KindInstanceProfile {
					told++
				}
				if g.Region == asset.Global && g.Kind != asset.KindInstanceProfile {
					t.Errorf("got %+v", g)
				}
			}
			if (told == 1) != (tt.want != "") {
				t.Errorf("the profiles have %d gaps", told)
			}
			for p := range snapshot.All[asset.InstanceProfile](s) {
				if p.Account != "123456789012" || p.Region != asset.Global {
					t.Errorf("got %+v", p.Meta)
				}
			}
		})
	}
}
