package feed

import "net/url"

// Remote is one file that a publisher serves.
type Remote struct {
	File     string // where it goes in the folder
	URL      string // where the publisher serves it
	Licence  string
	Complete bool // false: the publisher serves a part

	// MirrorList says that URL is the mirror list of an rpm repository, whose updateinfo is the file.
	MirrorList bool
}

// DefaultEcosystems are the OSV archives that are fetched unless a caller names others: what runs on EC2 instances.
func DefaultEcosystems() []string {
	return []string{
		"AlmaLinux", "Alpine", "Debian", "Red Hat", "Rocky Linux", "SUSE", "openSUSE", "Ubuntu", "Wolfi", "Chainguard", "Bitnami",
		"Go", "Maven", "NuGet", "Packagist", "PyPI", "RubyGems", "crates.io", "npm", "Hex", "Pub", "SwiftURL",
	}
}

// Catalogue returns where each feed is published: OSV archives of the ecosystems (google.github.io/osv.dev/data), CISA's catalog and
// Vulnrichment, FIRST's EPSS (www.first.org/epss/data_stats), endoflife.date, and the repositories of Amazon Linux.
func Catalogue(ecosystems []string) []Remote {
	out := make([]Remote, 0, len(ecosystems)+4)
	for _, e := range ecosystems {
		out = append(out, Remote{
			File: "osv/" + e + "/all.zip", URL: "https://storage.googleapis.com/osv-vulnerabilities/" + url.PathEscape(e) + "/all.zip", Complete: true,
		})
	}
	out = append(out, amazonLinux()...)
	return append(out,
		Remote{File: "kev/known_exploited_vulnerabilities.json", URL: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", Licence: "CC0-1.0", Complete: true},
		Remote{File: "epss/epss_scores-current.csv.gz", URL: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", Licence: "free with attribution to FIRST", Complete: true},
		Remote{File: "cve/vulnrichment.zip", URL: "https://codeload.github.com/cisagov/vulnrichment/zip/refs/heads/develop", Licence: "CC0-1.0", Complete: true},
		Remote{File: "eol/products.json", URL: "https://endoflife.date/api/v1/products/full", Licence: "MIT", Complete: true},
	)
}
