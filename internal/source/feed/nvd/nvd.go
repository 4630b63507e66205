// Package nvd reads the National Vulnerability Database (nvd.nist.gov): its yearly feeds, its feed of what changed in the last eight days, and
// pages of its API, all in the format of the CVE API 2.0 (nvd.nist.gov/developers/vulnerabilities).
package nvd

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"hinomi/internal/source/feed/form"
)

// Feed reads NVD's files. The feed of changes goes before the years' own.
func Feed() form.Feed {
	return form.Feed{
		ID: "nvd", Title: "National Vulnerability Database", Files: []string{"nvd/nvdcve-2.0-*.json.gz", "nvd/nvdcve-2.0-*.json", "nvd/api/*.json", "nvd/api/*.json.gz"},
		Name: form.Always("nvd"), Changes: changes, Read: read,
	}
}

// changes reports whether a file is the feed of the last eight days, or one of the last additions.
func changes(file string) bool {
	b := path.Base(file)
	return strings.Contains(b, "-modified.") || strings.Contains(b, "-recent.")
}

// read hands on every CVE of a file, one at a time: a year has some 300 MB.
func read(ctx context.Context, in *form.Document) error {
	n := 0
	return in.Elements(ctx, "vulnerabilities", func(b json.RawMessage) error {
		n++
		c, modified, err := Parse(b)
		if err != nil {
			in.Problem(fmt.Sprintf("vulnerability %d", n), err)
			return nil
		}
		return in.CVEAt(c, modified)
	}, func(name string, value json.RawMessage) error {
		var at string
		if name == "timestamp" && json.Unmarshal(value, &at) == nil {
			in.Dated(form.Date(at))
		}
		return nil
	})
}
