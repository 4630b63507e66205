// Package advisory holds the words for what is known to be wrong with software: OSV-shaped records, affected ranges, scores, and what is known of a CVE beside them.
// The shape follows the OSV schema 1.7 (ossf.github.io/osv-schema); native feeds are brought into it.
package advisory

import (
	"slices"
	"time"
)

// Advisory is one record of one source about one vulnerability or erratum.
type Advisory struct {
	Source    string     `json:"source"` // feed that published it: "osv/AlmaLinux", "kev" …
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases,omitempty"`
	Related   []string   `json:"related,omitempty"`
	Upstream  []string   `json:"upstream,omitempty"`
	Summary   string     `json:"summary,omitempty"`
	Details   string     `json:"details,omitempty"`
	Published time.Time  `json:"published,omitzero"`
	Modified  time.Time  `json:"modified,omitzero"` // never a high-water mark: feeds publish future dates
	Withdrawn time.Time  `json:"withdrawn,omitzero"`
	Severity  []Severity `json:"severity,omitempty"`
	Word      string     `json:"word,omitempty"` // the publisher's severity word as written: "Important", "MODERATE", "high"
	CWEs      []string   `json:"cwes,omitempty"`
	URLs      []string   `json:"urls,omitempty"`
	Affected  []Affected `json:"affected"`
	Kind      string     `json:"kind,omitempty"`   // "" a vulnerability; "informational", "unmaintained" … (RustSec)
	Errata    bool       `json:"errata,omitempty"` // an erratum: without a CVE it is not a vulnerability
}

// Severity is one score as published.
type Severity struct {
	Type   string `json:"type"`             // CVSS_V2, CVSS_V3, CVSS_V4, Ubuntu …
	Score  string `json:"score"`            // the vector, or the word
	Source string `json:"source,omitempty"` // who gave it: NVD, GHSA, RED_HAT …
}

// Affected is one package of one release that the advisory is about.
//
// Systems that are one product with a version of its own stand among the packages: ecosystem "Windows", release and package both
// Microsoft's name of the product ("Windows Server 2019"), ranges of full builds ("10.0.17763.5329") and the update in KB; ecosystem
// "macOS", release the major line ("14", "10.15"), package "macOS", ranges of ProductVersion. Bottlerocket's errata name the packages of an
// image with their own versions; those of 2020 name the image, package "bottlerocket", with the system's version.
type Affected struct {
	Ecosystem string     `json:"ecosystem"`         // OSV's base word: "AlmaLinux", "Go"
	Release   string     `json:"release,omitempty"` // what stands after the colon: "9", "12", "22.04:Pro"…
	Package   string     `json:"package"`
	PURL      string     `json:"purl,omitempty"`
	Ranges    []Range    `json:"ranges,omitempty"`
	Versions  []string   `json:"versions,omitempty"` // OR-ed with the ranges
	State     State      `json:"state,omitempty"`
	Arches    []string   `json:"arches,omitempty"`  // empty: all
	Module    string     `json:"module,omitempty"`  // rpm module stream, "name:stream"
	Repo      string     `json:"repo,omitempty"`    // repository or extras topic whose enablement it needs
	Symbols   []string   `json:"symbols,omitempty"` // affected packages inside a module (Go imports)
	Severity  []Severity `json:"severity,omitempty"`

	KB            string        `json:"kb,omitempty"`            // Windows: the update that mends it, "KB5034127"
	Supersedes    []string      `json:"supersedes,omitempty"`    // Windows: the updates that KB replaces
	Justification Justification `json:"justification,omitempty"` // why the publisher says StateNotAffected
}

// State says what the publisher says of the package, where it says more than a range.
type State string

// The states. Which of them make a finding is a policy per distribution.
const (
	StateFixed       State = "fixed"
	StateOpen        State = "open"
	StatePending     State = "pending"
	StateNotAffected State = "not_affected"
	StateWillNotFix  State = "will_not_fix"
	StateUndecided   State = "under_investigation"
)

// Range is a list of events in version order (OSV schema, "affected[].ranges[]").
type Range struct {
	Type   string  `json:"type"` // ECOSYSTEM, SEMVER; GIT ranges are left out: they order commits, not versions
	Events []Event `json:"events"`
}

// Event is one change along a range; exactly one field is set. Introduced "0" is before every version.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"lastAffected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// CVE is what is known of one CVE beside the advisories: scores, exploitation, decisions.
type CVE struct {
	ID          string     `json:"id"`
	Description string     `json:"description,omitempty"`
	Severity    []Severity `json:"severity,omitempty"`
	CWEs        []string   `json:"cwes,omitempty"`
	EPSS        *EPSS      `json:"epss,omitempty"`
	KEV         *KEV       `json:"kev,omitempty"`
	SSVC        *SSVC      `json:"ssvc,omitempty"`
	Published   time.Time  `json:"published,omitzero"`
	Rejected    bool       `json:"rejected,omitempty"`
	// Status is how far NVD is with it, in its words (vulnStatus): "Received", "Awaiting Analysis", "Undergoing Analysis", "Analyzed", "Modified",
	// "Deferred", "Rejected". Scores of others stand beside one that waits; of a deferred one NVD will give none.
	Status string `json:"status,omitempty"`
}

// EPSS is the Exploit Prediction Scoring System's estimate (FIRST): probability of exploitation within 30 days.
type EPSS struct {
	Score      float64 `json:"score"`
	Percentile float64 `json:"percentile"`
	Date       string  `json:"date,omitempty"`
}

// KEV is an entry of CISA's Known Exploited Vulnerabilities catalog.
type KEV struct {
	Added      string `json:"added"` // YYYY-MM-DD
	Due        string `json:"due,omitempty"`
	Action     string `json:"action,omitempty"`
	Ransomware bool   `json:"ransomware,omitempty"`
}

// SSVC is CISA's Stakeholder-Specific Vulnerability Categorization of a CVE.
type SSVC struct {
	Exploitation    string `json:"exploitation"` // none, poc, active
	Automatable     string `json:"automatable,omitempty"`
	TechnicalImpact string `json:"technicalImpact,omitempty"`
}

// Lifecycle is when one release of an operating system or product stops being supported (endoflife.date).
type Lifecycle struct {
	Product  string    `json:"product"` // os-release ID where there is one
	Release  string    `json:"release"`
	EOL      time.Time `json:"eol,omitzero"`      // zero: not announced
	Extended time.Time `json:"extended,omitzero"` // end of paid support
	Source   string    `json:"source"`
}

// Feed describes one loaded feed: what a result depended on.
type Feed struct {
	Name       string    `json:"name"`
	Rows       int       `json:"rows"`
	SHA256     string    `json:"sha256,omitempty"`
	LoadedAt   time.Time `json:"loadedAt"`
	Published  time.Time `json:"published,omitzero"` // newest document or the publisher's own date
	AsOf       time.Time `json:"asOf,omitzero"`      // when the publisher's state was last known to be this: staleness counts from here
	ETag       string    `json:"etag,omitempty"`     // the publisher's validator, for the next conditional request
	Complete   bool      `json:"complete"`           // false: a subset; its silence proves nothing
	Licence    string    `json:"licence,omitempty"`
	Origin     string    `json:"origin,omitempty"`
	Ecosystems []string  `json:"ecosystems,omitempty"` // "AlmaLinux:9", "Go": what it speaks for
}

// CVEs returns the CVE ids that the advisory is about: its own id, aliases and upstream, and, for errata only, related ones
// (AlmaLinux names its CVEs there and nowhere else).
func (a *Advisory) CVEs() []string {
	lists := [][]string{{a.ID}, a.Aliases, a.Upstream}
	if a.Errata {
		lists = append(lists, a.Related)
	}
	var out []string
	for _, l := range lists {
		for _, id := range l {
			if c := cveIn(id); c != "" && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	return out
}

// cveIn returns the CVE id that an id is or ends with (DEBIAN-CVE-2024-1, UBUNTU-CVE-2024-1), or "".
func cveIn(id string) string {
	for i := 0; i+8 < len(id); i++ {
		if id[i:i+4] == "CVE-" && (i == 0 || id[i-1] == '-') && digits(id[i+4:]) {
			return id[i:]
		}
	}
	return ""
}

// digits reports whether s is a CVE's year and number: four digits, a hyphen, four digits or more.
func digits(s string) bool {
	if len(s) < 9 || s[4] != '-' {
		return false
	}
	for i := range len(s) {
		if i != 4 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
