package feed

import "net/url"

// Remote is one file that a publisher serves.
type Remote struct {
	File     string // where it goes in the folder
	URL      string // where the publisher serves it
	Licence  string
	Complete bool // false: the publisher serves a part
}

// DefaultEcosystems are the OSV archives that are fetched unless a caller names others: what runs on EC2 instances.
func DefaultEcosystems() []string {
	return []string{
		"AlmaLinux", "Alpine", "Debian", "Red Hat", "Rocky Linux", "SUSE", "openSUSE", "Ubuntu", "Wolfi", "Chainguard", "Bitnami",
		"Go", "Maven", "NuGet", "Packagist", "PyPI", "RubyGems", "crates.io", "npm", "Hex", "Pub", "SwiftURL",
	}
}

// Catalogue returns where each feed is published: OSV archives of the ecosystems (google.github.io/osv.dev/data), CISA's catalog and
// Vulnrichment, FIRST's EPSS (www.first.org/epss/data_stats) and endoflife.date.
func Catalogue(ecosystems []string) []Remote {
	out := make([]Remote, 0, len(ecosystems)+4)
	for _, e := range ecosystems {
		out = append(out, Remote{
			File: "osv/" + e + "/all.zip", URL: "https://storage.googleapis.com/osv-vulnerabilities/" + url.PathEscape(e) + "/all.zip", Complete: true,
		})
	}
	return append(out,
		Remote{"kev/known_exploited_vulnerabilities.json", "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", "CC0-1.0", true},
		Remote{"epss/epss_scores-current.csv.gz", "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", "free with attribution to FIRST", true},
		Remote{"cve/vulnrichment.zip", "https://codeload.github.com/cisagov/vulnrichment/zip/refs/heads/develop", "CC0-1.0", true},
		Remote{"eol/products.json", "https://endoflife.date/api/v1/products/full", "MIT", true},
	)
}
