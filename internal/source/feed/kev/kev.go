// Package kev reads CISA's catalog of known exploited vulnerabilities.
package kev

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Feed reads CISA's catalog of known exploited vulnerabilities, JSON as published (www.cisa.gov/known-exploited-vulnerabilities-catalog).
func Feed() form.Feed {
	return form.Feed{
		ID: "kev", Title: "CISA known exploited vulnerabilities", Files: []string{"kev/*.json"},
		Name: form.Always("kev"),
		Read: func(_ context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return read(in, b)
		},
	}
}

func read(in *form.Document, b []byte) error {
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
		return fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if len(d.List) == 0 || d.Count != 0 && d.Count != len(d.List) {
		return fmt.Errorf("%w: %d entries, the catalog says %d", form.ErrFormat, len(d.List), d.Count)
	}
	in.Dated(form.Date(d.Released))
	for i, v := range d.List {
		if !strings.HasPrefix(v.ID, "CVE-") {
			in.Problem(fmt.Sprintf("entry %d", i), fmt.Errorf("%w: id %q", form.ErrFormat, v.ID))
			continue
		}
		c := &advisory.CVE{ID: v.ID, Description: v.Description, CWEs: v.CWEs, KEV: &advisory.KEV{
			Added: v.Added, Due: v.Due, Action: v.Action, Ransomware: strings.EqualFold(v.Ransomware, "known"),
		}}
		if err := in.CVE(c); err != nil {
			return err
		}
	}
	return nil
}
