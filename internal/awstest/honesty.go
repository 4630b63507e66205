package awstest

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"hinomi/internal/awstest/model"
)

// MotoFault is a departure of moto 5.2.1 from AWS's models that is tolerated. Action and Path may have * in them.
type MotoFault struct {
	Service, Action string
	Kind            model.Kind
	Path            string
	Reason          string
}

// MotoFaults are the departures of moto's answers that are known, with their reasons. Whatever is not in this list fails the test; what moto does wrong in
// other ways than by its answers' shapes the server corrects, see AWS.own, paged and authenticate.
func MotoFaults() []MotoFault {
	return []MotoFault{
		{"kms", "ListGrants", model.Unknown, "GrantCount", "moto counts the grants; AWS has no such member, and SDKs pass over it"},
		{"network-firewall", "List*", model.Unknown, "nextToken", "moto writes the member's name with a small letter, always null: it does not page"},
	}
}

func (k MotoFault) covers(c *Call, f model.Fault) bool {
	return k.Service == c.Service && globs(k.Action, c.Action) && k.Kind == f.Kind && globs(k.Path, f.Path)
}

// Tolerated are the known faults of moto's that this test's answers had.
func (a *AWS) Tolerated() []MotoFault {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(MotoFaults(), func(k MotoFault) bool { return !a.tolerated[k] })
}

// tolerate says whether a fault is one that moto is known for.
func (a *AWS) tolerate(c *Call, f model.Fault) bool {
	for _, k := range MotoFaults() {
		if k.covers(c, f) {
			a.mu.Lock()
			a.tolerated[k] = true
			a.mu.Unlock()
			return true
		}
	}
	return false
}

// globs matches with *, which here stands for dots and brackets too.
func globs(pattern, v string) bool {
	esc := strings.NewReplacer("[", "(", "]", ")")
	ok, err := path.Match(esc.Replace(pattern), esc.Replace(v))
	return err == nil && ok
}

// checkRequest holds a request against the service model. A fault is the caller's: it fails the test.
func (a *AWS) checkRequest(c *Call) {
	if c.svc == nil {
		a.logf("no model of %s: %s is not checked", c.Service, c.Action)
		return
	}
	if c.op == nil {
		if c.protocol() != "rest-xml" {
			a.errorf("%s is no action of %s", c.Action, c.Service)
		}
		return
	}
	var faults []model.Fault
	switch c.protocol() {
	case "ec2", "query":
		faults = c.svc.QueryRequest(c.op, c.Params)
	case "json":
		faults = c.svc.JSONRequest(c.op, c.raw)
	case "rest-json":
		faults = c.svc.RESTRequest(c.op, c.labels, c.request.URL.Query(), c.request.Header, c.raw)
	}
	a.report("request", c, faults)
}

// checkAnswer holds an answer that is not an error against the service model.
func (a *AWS) checkAnswer(c *Call, rep *Reply) {
	if c.op == nil || rep.Status != http.StatusOK {
		return
	}
	var faults []model.Fault
	switch c.protocol() {
	case "ec2", "query":
		root, err := model.ParseXML(rep.Body)
		if err != nil {
			a.errorf("answer to %s %s: %v", c.Service, c.Action, err)
			return
		}
		faults = c.svc.XMLAnswer(c.op, root)
	case "json":
		faults = c.svc.JSONAnswer(c.op, rep.Body)
	case "rest-json":
		faults = c.svc.RESTAnswer(c.op, rep.Header, rep.Body)
	}
	faults = slices.DeleteFunc(faults, func(f model.Fault) bool { return a.tolerate(c, f) })
	a.report("answer", c, faults)
}

func (a *AWS) report(what string, c *Call, faults []model.Fault) {
	for _, f := range faults {
		if f.Kind == model.Enum {
			a.logf("%s %s, %s: %s", c.Service, c.Action, what, f)
			continue
		}
		a.errorf("%s %s, %s departs from AWS's model: %s", c.Service, c.Action, what, f)
	}
}
