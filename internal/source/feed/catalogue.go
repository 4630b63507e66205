package feed

import (
	"net/url"
	"slices"
)

// Remote is one file that a publisher serves.
type Remote struct {
	File     string // where it goes in the folder
	URL      string // where the publisher serves it
	Licence  string
	Complete bool // false: the publisher serves a part

	// MirrorList says that URL is the mirror list of an rpm repository, whose updateinfo is the file.
	MirrorList bool

	// Repository says that URL is an rpm repository, whose updateinfo is the file.
	Repository bool

	// Latest says that URL is a text that names the file, which lies beside it: its name changes with every new one.
	Latest bool

	// Changes says that the file is put together from what changed since an archive was made: URL is the folder with changes.csv.
	Changes *Changes

	// Index says that URL is not the file but a list of files, and of what kind: each becomes a file of its own, and File is the pattern
	// (path.Match) of their names.
	Index Index

	// Optional says that the publisher may not have the file: a repository without errata.
	Optional bool

	// Version is the publisher's own word for what the file is now, where a list gives it: the same word needs no request.
	Version string

	// FirstYear says that there is a file for each year from this one to the present: "{year}" stands for it in File and URL.
	FirstYear int
}

// Ecosystems that OSV does not have.
const (
	bottlerocketOS = "Bottlerocket"
	fedoraLinux    = "Fedora"
	macOS          = "macOS"
	oracleLinux    = "Oracle Linux"
	windows        = "Windows"
)

// inOSV reports whether an ecosystem has an archive at osv.dev.
func inOSV(ecosystem string) bool {
	return !slices.Contains([]string{bottlerocketOS, fedoraLinux, macOS, oracleLinux, windows}, ecosystem)
}

// DefaultEcosystems are those whose archives are fetched unless a caller names others: what runs on EC2 instances.
func DefaultEcosystems() []string {
	return []string{
		"AlmaLinux", "Alpine", "Debian", "Red Hat", "Rocky Linux", "SUSE", "openSUSE", "Ubuntu", "Wolfi", "Chainguard", "Bitnami",
		oracleLinux, fedoraLinux, bottlerocketOS, windows, macOS, "Go", "Maven", "NuGet", "Packagist", "PyPI", "RubyGems", "crates.io", "npm", "Hex", "Pub", "SwiftURL",
	}
}

// Catalogue returns where each feed is published: OSV archives of the ecosystems (google.github.io/osv.dev/data), CISA's catalog and
// Vulnrichment, FIRST's EPSS (www.first.org/epss/data_stats), endoflife.date, the
// repositories of Amazon Linux, what distributions publish in their own forms, and the NVD.
func Catalogue(ecosystems []string) []Remote {
	out := make([]Remote, 0, len(ecosystems)+4)
	for _, e := range ecosystems {
		if !inOSV(e) {
			continue
		}
		out = append(out, Remote{
			File: "osv/" + e + "/all.zip", URL: "https://storage.googleapis.com/osv-vulnerabilities/" + url.PathEscape(e) + "/all.zip", Complete: true,
		})
	}
	out = append(out, amazonLinux()...)
	out = append(out, native(ecosystems)...)
	return append(out,
		Remote{File: "kev/known_exploited_vulnerabilities.json", URL: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", Licence: "CC0-1.0", Complete: true},
		Remote{File: "epss/epss_scores-current.csv.gz", URL: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", Licence: "free with attribution to FIRST", Complete: true},
		Remote{File: "cve/vulnrichment.zip", URL: "https://codeload.github.com/cisagov/vulnrichment/zip/refs/heads/develop", Licence: "CC0-1.0", Complete: true},
		Remote{File: "eol/products.json", URL: "https://endoflife.date/api/v1/products/full", Licence: "MIT", Complete: true},
	)
}
