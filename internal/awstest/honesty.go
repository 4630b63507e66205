package awstest

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"hinomi/internal/awstest/model"
)

// known is one departure of moto 5.2.1 from AWS's model that is tolerated, with its reason. Action and Path may have * in them.
type known struct{ service, action, kind, path, reason string }

// motoFaults are the departures that are known. Whatever is not in this list fails the test.
var motoFaults = []known{}

func (k known) covers(c *Call, f model.Fault) bool {
	return k.service == c.Service && globs(k.action, c.Action) && k.kind == string(f.Kind) && globs(k.path, f.Path)
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
	faults = slices.DeleteFunc(faults, func(f model.Fault) bool {
		return slices.ContainsFunc(motoFaults, func(k known) bool { return k.covers(c, f) })
	})
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
