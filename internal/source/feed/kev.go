package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
)

// kev reads CISA's catalog of known exploited vulnerabilities, JSON as published (www.cisa.gov/known-exploited-vulnerabilities-catalog).
func kev() Feed {
	return Feed{
		ID: "kev", Title: "CISA known exploited vulnerabilities", files: []string{"kev/*.json"},
		name: func(string) string { return "kev" },
		read: func(_ context.Context, in *Document) error {
			b, err := in.whole()
			if err != nil {
				return err
			}
			return in.kev(b)
		},
	}
}

func (in *Document) kev(b []byte) error {
	var d struct {
		Released string `json:"dateReleased"`
		Count    int    `json:"count"`
		List     []struct {
			ID          string   `json:"cveID"`
			Added       string   `json:"dateAdded"`
			Due         string   `json:"dueDate"`
			Action      string   `json:"requiredAction"`
			Description string   `json:"shortDescription"`
			Ransomware  string   `json:"knownRansomwareCampaignUse"`
			CWEs        []string `json:"cwes"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(d.List) == 0 || d.Count != 0 && d.Count != len(d.List) {
		return fmt.Errorf("%w: %d entries, the catalog says %d", ErrFormat, len(d.List), d.Count)
	}
	in.dated = dateOf(d.Released)
	for i, v := range d.List {
		if !strings.HasPrefix(v.ID, "CVE-") {
			in.problem(fmt.Sprintf("entry %d", i), fmt.Errorf("%w: id %q", ErrFormat, v.ID))
			continue
		}
		c := &advisory.CVE{ID: v.ID, Description: v.Description, CWEs: v.CWEs, KEV: &advisory.KEV{
			Added: v.Added, Due: v.Due, Action: v.Action, Ransomware: strings.EqualFold(v.Ransomware, "known"),
		}}
		if err := in.cve(c); err != nil {
			return err
		}
	}
	return nil
}
