package coverage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/coverage"
)

// TestDeepPaths bounds the further folders: five of an account and five of all accounts, or of its organisation.
func TestDeepPaths(t *testing.T) {
	s := coverage.DefaultSettings()
	s.DeepPaths = map[string][]string{
		"": {"/a1", "/a2", "/a3", "/a4", "/a5"}, "111122223333": {"/b1", "/b2", "/b3", "/b4", "/b5"}, "999999999999": {"/o1", "/o2", "/o3", "/o4", "/a1"},
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, organisation, account, want string }{
		{"of_all", "", "444455556666", "/a1 /a2 /a3 /a4 /a5"},
		{"own", "", "111122223333", "/a1 /a2 /a3 /a4 /a5 /b1 /b2 /b3 /b4 /b5"},
		{"member", "999999999999", "111122223333", "/a1 /b1 /b2 /b3 /b4 /b5 /o1 /o2 /o3 /o4"},
		{"member_without_own", "999999999999", "444455556666", "/a1 /o1 /o2 /o3 /o4"},
		{"organisation_without", "888888888888", "111122223333", "/a1 /a2 /a3 /a4 /a5 /b1 /b2 /b3 /b4 /b5"},
		{"organisation_itself", "", "999999999999", "/a1 /a2 /a3 /a4 /a5 /o1 /o2 /o3 /o4"},
	} {
		if diff := cmp.Diff(tc.want, strings.Join(s.PathsFor(tc.organisation, tc.account), " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	for name, tc := range map[string]struct {
		paths []string
		words string
	}{
		"six":      {[]string{"/1", "/2", "/3", "/4", "/5", "/6"}, "6 folders for 111122223333, at most 5"},
		"relative": {[]string{"opt"}, `"opt" is not a plain absolute path`},
		"template": {[]string{"/{{ x }}"}, "not a plain absolute path"},
		"newline":  {[]string{"/a\nrm"}, "not a plain absolute path"},
		"above":    {[]string{"/a/../b"}, "not a plain absolute path"},
		"pattern":  {[]string{"/opt/*"}, "not a plain absolute path"},
		"long":     {[]string{"/" + strings.Repeat("a", 200)}, "at most 200"},
	} {
		s := coverage.DefaultSettings()
		s.DeepPaths = map[string][]string{"111122223333": tc.paths}
		if err := s.Validate(); !errors.Is(err, coverage.ErrSettings) || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: got %v, want %q", name, err, tc.words)
		}
	}
	s = coverage.DefaultSettings()
	s.DeepPaths = map[string][]string{"": {"/1", "/2", "/3", "/4", "/5", "/6"}}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "6 folders for all accounts, at most 5") {
		t.Errorf("six for all: %v", err)
	}
}

// TestSyncSettings says what is wrong with the name of a data sync and the number of instances from which its bucket is read.
func TestSyncSettings(t *testing.T) {
	for name, edit := range map[string]func(*coverage.Settings){
		"none":  func(s *coverage.Settings) { s.SyncFrom = 0 },
		"space": func(s *coverage.Settings) { s.SyncName = "a b" },
		"long":  func(s *coverage.Settings) { s.SyncName = strings.Repeat("x", 65) },
	} {
		s := coverage.DefaultSettings()
		edit(&s)
		if err := s.Validate(); !errors.Is(err, coverage.ErrSettings) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	s := coverage.DefaultSettings()
	s.SyncName, s.SyncFrom = "InspectorResourceDataSync-do-not-delete", 1
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}
