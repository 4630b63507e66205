// Package vuln judges an inventory against what advisories say. It is pure: all it may know is in the inventory, the lookup and the options.
//
// What it could not judge (an unknown system, a missing, partial or stale feed, a version that cannot be ordered) is named in
// Result.NotAssessed; an empty list of matches alone never means that a host is clean.
package vuln

import "hinomi/internal/advisory"

// Lookup is what matching needs to know of advisories. store/advisorydb provides it. Implementations are safe for concurrent use.
type Lookup interface {
	// Affected calls visit with each row of one package, in any order; never if no advisory names it. The row and its ranges are used
	// again for the next one: visit keeps none of it but the texts and the severities.
	Affected(at advisory.Coordinate, visit func(*advisory.Row)) error
	// Advisory returns a document without its affected packages and long text. The caller must not change it.
	Advisory(doc advisory.Doc) (*advisory.Advisory, error)
	// Lifecycles returns the support dates of a product's releases, by its os-release ID.
	Lifecycles(product string) ([]advisory.Lifecycle, error)
	// Feeds returns the feeds that were loaded. The caller must not change them.
	Feeds() []advisory.Feed
}

// Details is what a finding tells beyond the match. store/advisorydb provides it, too.
type Details interface {
	// Text returns the long text of a document: its details.
	Text(doc advisory.Doc) (string, error)
	// CVE returns what is known of a CVE beside the advisories; ok is false if nothing is.
	CVE(id string) (c advisory.CVE, ok bool, err error)
}
