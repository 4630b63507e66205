package vuln

import (
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// Options are what the caller decides about a match.
type Options struct {
	Now        time.Time     // against which feeds are stale and systems out of support; required
	StaleAfter time.Duration // a feed older than this is stale; 0 means DefaultStaleAfter
	Policy     *Policy       // which matches make findings; nil means DefaultPolicy
	// Statements are what users said (VEX). Those that name an asset hold for Asset alone: an inventory that several assets share is matched
	// without them, and Stated applies them to each asset's findings.
	Statements []advisory.Statement
	Asset      string // the id of the asset at hand; "" if there is none
}

// DefaultStaleAfter is how old a feed may be before results that used it say so. Amazon Inspector refreshes its sources at least
// daily (user guide, "Vulnerability database"); feeds here are fetched every two hours, so a week without one success is a fault.
const DefaultStaleAfter = 7 * 24 * time.Hour

// Result is what matching one inventory gave.
type Result struct {
	Matches     []Hit           // sorted by package, then advisory
	NotAssessed []NotAssessed   // what could not be judged, and why; sorted
	EndOfLife   *EndOfLife      // set if the operating system is no longer supported
	Refused     []string        // statements that were not heard, with the reason
	Counts      Counts          // how many packages and matches went which way
	Feeds       []advisory.Feed // the feeds that the result depended on
}

// Assessed reports whether every package could be judged with complete and current feeds.
func (r *Result) Assessed() bool { return len(r.NotAssessed) == 0 }

// Counts says how many packages of the inventory went which way: Packages = Assessed + Suppressed + NotInstalled + Skipped. A package
// judged with a partial or stale feed counts as assessed and is named in NotAssessed, too.
type Counts struct {
	Packages     int               // in the inventory
	Assessed     int               // judged against at least one feed
	Suppressed   int               // owned by a distribution package, which is judged in their place
	NotInstalled int               // removed, with only their configuration left
	Skipped      int               // not judged: each is in a NotAssessed entry
	Vulnerable   int               // with at least one match
	Withdrawn    int               // matches left out because the publisher withdrew the advisory
	NotAffected  int               // advisories whose publisher says that the installed version is not affected
	Dismissed    map[Dismissal]int // matches that make no finding, by reason
}

func (c *Counts) count(d Dismissal) {
	if d == "" {
		return
	}
	if c.Dismissed == nil {
		c.Dismissed = map[Dismissal]int{}
	}
	c.Dismissed[d]++
}

// Dismissal says why a comparison that is true makes no finding. The match is kept, so that nothing disappears silently.
type Dismissal string

// The reasons for dismissal.
const (
	NoCVE         Dismissal = "NO_CVE"         // an erratum that names no CVE: a bug fix or an enhancement
	OtherModule   Dismissal = "OTHER_MODULE"   // the row is about builds of a module stream, the installed build is not one
	OtherBuild    Dismissal = "OTHER_BUILD"    // the row is about builds of another line: Oracle's for Ksplice or FIPS
	RepoDisabled  Dismissal = "REPO_DISABLED"  // the fix stands in a repository or topic that is not enabled here
	StateExcluded Dismissal = "STATE_EXCLUDED" // the policy leaves the publisher's state out
	NotRunning    Dismissal = "NOT_RUNNING"    // a kernel that is installed and does not run
	LivePatched   Dismissal = "LIVE_PATCHED"   // a loaded live patch mends it
	VEX           Dismissal = "VEX"            // somebody said that it is not affected, and why
	OutOfSupport  Dismissal = "OUT_OF_SUPPORT" // the system's end of life is longer ago than the policy asks for findings
)

// Hit is one advisory that is true of one installed package, with the reason.
type Hit struct {
	Package    *inventory.Package // into the inventory that was matched
	Doc        advisory.Doc
	Advisory   *advisory.Advisory // without affected packages and long text; shared, not to be changed
	Ecosystem  string             // as the advisory names it, with its release: "AlmaLinux:9"
	Name       string             // the package name that the advisory knows it by: source or binary
	Version    string             // the version that was compared: of the source package where the feed speaks of sources
	CVEs       []string           // sorted; empty if the advisory names none
	State      advisory.State
	Fixed      string              // the lowest version that ends the range; "" if none is known
	Comparison string              // what was compared and by which rule: "1.2.3-4 < 1.2.3-5 (rpm)"
	Range      string              // the range as published: "introduced 0, fixed 1.2.3-5"
	Kind       string              // "" a vulnerability; "unmaintained" and other notices of RustSec
	Severity   []advisory.Severity // what the row itself says of its severity
	Dismissed  Dismissal           // why it makes no finding; "" if it makes one
	Exempt     []Exemption         // its vulnerabilities that make no finding, where others of it do or all are exempt
	Reboot     string              // the release of an installed kernel that mends it, once it is booted; "" if there is none
	KB         string              // Windows: the update that is missing
	Notes      []string            // what else must be known to judge it
}

// NotAssessed is one thing that could not be judged.
type NotAssessed struct {
	Reason    Reason
	Ecosystem string // with release where there is one; "" if not known
	Package   string // set where the reason is one package's
	Version   string
	Packages  int // how many packages it is about
	Detail    string
}

// Reason says why something could not be judged. The words are ours.
type Reason string

// The reasons.
const (
	UnknownOS         Reason = "UNKNOWN_OS"         // packages of a distribution, but no os-release that names one we know
	UnknownRelease    Reason = "UNKNOWN_RELEASE"    // the distribution is known, this release of it is not readable
	UnknownEcosystem  Reason = "UNKNOWN_ECOSYSTEM"  // we have no rule to order its versions
	FeedMissing       Reason = "FEED_MISSING"       // no feed speaks for this ecosystem and release
	FeedIncomplete    Reason = "FEED_INCOMPLETE"    // the feed is a subset: its silence proves nothing
	FeedStale         Reason = "FEED_STALE"         // the feed is older than allowed
	VersionUnreadable Reason = "VERSION_UNREADABLE" // the installed version cannot be ordered
	RangeUnreadable   Reason = "RANGE_UNREADABLE"   // an advisory's range cannot be ordered
	InventoryGap      Reason = "INVENTORY_GAP"      // the inventory says itself that something could not be read
	NoPackages        Reason = "NO_PACKAGES"        // nothing was read at all
	LookupFailed      Reason = "LOOKUP_FAILED"      // the advisory database could not be read
)

// EndOfLife says that a system's support has ended.
type EndOfLife struct {
	OS        inventory.OS
	Lifecycle advisory.Lifecycle
	Date      time.Time // when support ended
	Detail    string
}
