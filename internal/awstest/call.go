package awstest

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/sigv4"
)

// Call is one request that reached the server, and what became of it.
type Call struct {
	Number    int        // counts from 1, in the order of arrival
	Service   string     // botocore's name: ec2, ebs, elb, elbv2, sts, organizations, …
	Action    string     // DescribeInstances, GetSnapshotBlock, …
	Account   string     // the caller's; empty if the access key is not known
	Region    string     // as signed
	AccessKey string     // access key ID
	Principal string     // the caller's ARN
	Params    url.Values // of the EC2 and Query protocols, without Action and Version; of REST, labels and query
	Body      []byte     // of JSON and REST requests
	Time      time.Time
	Status    int    // HTTP status that was answered; 0 if the connection was cut before
	Code      string // the error's code, if it was one

	ctx     context.Context //nolint:containedctx // the request's own, for hooks that wait
	request *http.Request
	raw     []byte
	svc     *model.Service
	op      *model.Operation
	labels  map[string]string
	who     *principal
}

// Context ends when the caller hangs up or the server closes.
func (c *Call) Context() context.Context { return c.ctx }

// Param returns the first value of a parameter by its name on the wire, "Filter.1.Name".
func (c *Call) Param(name string) string { return c.Params.Get(name) }

// List returns the values of a list parameter by its position, "SnapshotId" for SnapshotId.1, SnapshotId.2, …
func (c *Call) List(name string) []string {
	var keys []string
	for k := range c.Params {
		if rest, ok := strings.CutPrefix(k, name+"."); ok && !strings.Contains(rest, ".") {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	var values []string
	for _, k := range keys {
		values = append(values, c.Params.Get(k))
	}
	return values
}

// protocol is the service's: ec2, query, json, rest-json, rest-xml; empty if no model says.
func (c *Call) protocol() string {
	if c.svc == nil {
		return ""
	}
	return c.svc.Metadata.Protocol
}

// elbv2Version is the API version that tells the two load balancing services apart; both sign as elasticloadbalancing.
const elbv2Version = "2015-12-01"

// modelOf gives botocore's name for a signing name where it is not the same.
func modelOf(signing string, form url.Values) string {
	switch signing {
	case "elasticloadbalancing":
		if form.Get("Version") == elbv2Version {
			return "elbv2"
		}
		return "elb"
	case "monitoring":
		return "cloudwatch"
	}
	return signing
}

// parse fills the call from the request. It returns false if the request says neither service nor action.
func (c *Call) parse(models *model.Library) bool {
	r := c.request
	var signing string
	var signed bool
	c.AccessKey, c.Region, signing, signed = sigv4.Scope(r)
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if f, err := url.ParseQuery(string(c.raw)); err == nil {
			form = f
		}
	} else if r.URL.Query().Has("Action") {
		form = r.URL.Query()
	}
	if !signed {
		return false
	}
	c.Service = modelOf(signing, form)
	svc, err := models.Service(c.Service)
	if err == nil {
		c.svc = svc
	}
	switch {
	case form.Has("Action"):
		c.Action = form.Get("Action")
		c.Params = form
	case r.Header.Get("X-Amz-Target") != "":
		_, c.Action, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c.Body, c.Params = c.raw, url.Values{}
	case c.protocol() == "rest-json":
		c.Params = r.URL.Query()
		c.Body = c.raw
		if op, labels := c.svc.Route(r.Method, r.URL.EscapedPath()); op != nil {
			c.Action, c.labels = op.Name, labels
			for k, v := range labels {
				c.Params.Set(k, v)
			}
		}
	default:
		c.Action, c.Params, c.Body = r.Method+" "+r.URL.Path, r.URL.Query(), c.raw
		return c.protocol() == "rest-xml"
	}
	c.Params = withoutHead(c.Params)
	if c.svc != nil {
		c.op = c.svc.Operations[c.Action]
	}
	return c.Action != ""
}

func withoutHead(v url.Values) url.Values {
	p := url.Values{}
	for k, vs := range v {
		if k != "Action" && k != "Version" {
			p[k] = vs
		}
	}
	return p
}
