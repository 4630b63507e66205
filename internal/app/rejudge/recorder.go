package rejudge

import (
	"slices"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/store/advisorydb"
)

// recorder is the advisory database for the judging of one unit after the other: it writes down which keys were asked for, and remembers
// documents, which many units share. It hands on every lookup by itself, so that a new way of asking does not go unrecorded: it does not
// compile. It is for one goroutine.
type recorder struct {
	db    *advisorydb.DB
	asks  []int64
	cves  []string
	texts map[advisory.Doc]string
	docs  map[advisory.Doc]*advisory.Advisory
}

var (
	_ vuln.Lookup       = (*recorder)(nil)
	_ vuln.Details      = (*recorder)(nil)
	_ vuln.Repositories = (*recorder)(nil)
)

// remembered is how many documents are remembered, and how many texts.
const remembered = 2048

func newRecorder(db *advisorydb.DB) *recorder {
	return &recorder{db: db, texts: map[advisory.Doc]string{}, docs: map[advisory.Doc]*advisory.Advisory{}}
}

func (r *recorder) begin() { r.asks, r.cves = nil, r.cves[:0] }

// end returns what was asked for since begin, sorted and each once. The CVEs that a finding is of are left out: the store looks for the
// findings of a CVE by themselves.
func (r *recorder) end(found []finding.Finding) []int64 {
	for _, id := range r.cves {
		if !slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Package != nil && f.Package.VulnerabilityID == id }) {
			r.ask(advisorydb.AskCVE(id))
		}
	}
	slices.Sort(r.asks)
	return slices.Compact(r.asks)
}

func (r *recorder) ask(a advisorydb.Ask) { r.asks = append(r.asks, int64(a)) }

// Affected implements vuln.Lookup.
func (r *recorder) Affected(at advisory.Coordinate, visit func(*advisory.Row)) error {
	r.ask(advisorydb.AskPackage(at))
	return r.db.Affected(at, visit)
}

// Advisory implements vuln.Lookup. A document's content is a part of what the keys say that name it.
func (r *recorder) Advisory(doc advisory.Doc) (*advisory.Advisory, error) {
	if a := r.docs[doc]; a != nil {
		return a, nil
	}
	a, err := r.db.Advisory(doc)
	if err != nil {
		return nil, err
	}
	if len(r.docs) >= remembered {
		clear(r.docs)
	}
	r.docs[doc] = a
	return a, nil
}

// Text implements vuln.Details.
func (r *recorder) Text(doc advisory.Doc) (string, error) {
	if t, ok := r.texts[doc]; ok {
		return t, nil
	}
	t, err := r.db.Text(doc)
	if err != nil {
		return "", err
	}
	if len(r.texts) >= remembered {
		clear(r.texts)
	}
	r.texts[doc] = t
	return t, nil
}

// Lifecycles implements vuln.Lookup.
func (r *recorder) Lifecycles(product string) ([]advisory.Lifecycle, error) {
	r.ask(advisorydb.AskLifecycle(product))
	return r.db.Lifecycles(product)
}

// Feeds implements vuln.Lookup. What feeds say of themselves is compared by ecosystem, not by key.
func (r *recorder) Feeds() []advisory.Feed { return r.db.Feeds() }

// CVE implements vuln.Details.
func (r *recorder) CVE(id string) (advisory.CVE, bool, error) {
	r.cves = append(r.cves, id)
	return r.db.CVE(id)
}

// Repository implements vuln.Repositories.
func (r *recorder) Repository(ecosystem, id string) (advisory.Repository, bool, error) {
	r.ask(advisorydb.AskRepository(ecosystem, id))
	return r.db.Repository(ecosystem, id)
}
