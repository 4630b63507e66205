package redhat

import (
	"context"
	"encoding/json"
	"fmt"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// repositories hands on each repository of the map, one at a time. The object is {"data": {ID: {"cpes": […], "repo_relative_urls": […]}}};
// repositories without a product are left out.
func repositories(ctx context.Context, in *form.Document, do func(advisory.Repository) error) error {
	seen := false
	err := in.Members(ctx, func(name string, value json.RawMessage) error {
		if name != "data" {
			return nil
		}
		seen = true
		var data map[string]struct {
			CPEs []string `json:"cpes"`
			URLs []string `json:"repo_relative_urls"`
		}
		if err := json.Unmarshal(value, &data); err != nil {
			return form.Format(err)
		}
		for id, d := range data {
			if id == "" {
				continue
			}
			r := advisory.Repository{Ecosystem: ecosystem, ID: id, Paths: d.URLs}
			for _, c := range d.CPEs {
				release, err := Release(c)
				if err != nil {
					in.Problem(id, err)
					continue
				}
				r.Releases = append(r.Releases, release)
			}
			if len(r.Releases) == 0 {
				continue
			}
			if err := do(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !seen {
		return fmt.Errorf("%w: no repositories", form.ErrFormat)
	}
	return err
}
