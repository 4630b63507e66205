package coverage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/coverage"
)

// TestScanTag keeps every key that the tag ever had, also when it is changed back.
func TestScanTag(t *testing.T) {
	s := coverage.DefaultSettings()
	for _, c := range []struct {
		key    string
		former []string
	}{{"team:scan", nil}, {"team:scan", nil}, {"other", []string{"team:scan"}}, {"", []string{"other", "team:scan"}}, {"other", []string{"team:scan"}}} {
		s.SetScanTag(c.key)
		if diff := cmp.Diff(c.former, s.FormerScanTags); s.ScanTag != c.key || len(c.former)+len(s.FormerScanTags) > 0 && diff != "" {
			t.Errorf("%q: got %q and (-want +got):\n%s", c.key, s.ScanTag, diff)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%q: %v", c.key, err)
		}
	}
	for key, words := range map[string]string{
		"aws:scan": "not beginning with aws:", "AWS:x": "aws:", " x": "not a tag's key", "a*b": "not a tag's key", "a\nb": "not a tag's key",
		strings.Repeat("x", 129): "1 to 128", "HinomiInstallation": "another tag", "HinomiBaseline": "another tag", "Name": "another tag",
	} {
		s := coverage.DefaultSettings()
		s.SetScanTag(key)
		if err := s.Validate(); !errors.Is(err, coverage.ErrSettings) || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: got %v, want words about %q", key, err, words)
		}
	}
	for _, key := range []string{"x", "scan of 2", "Kostenstelle/überprüft", strings.Repeat("x", 128)} {
		s := coverage.DefaultSettings()
		s.SetScanTag(key)
		if err := s.Validate(); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}
