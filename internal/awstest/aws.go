package awstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"hinomi/internal/awstest/blocks"
	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/sigv4"
	"hinomi/internal/awstest/wire"
)

// maxRequest bounds a request's body.
const maxRequest = 64 << 20

// Options are what New needs to know.
type Options struct {
	// Now is the clock by which sessions and block tokens expire; time.Now if nil.
	Now func() time.Time
	// PageLimit caps every page of a paged EC2, Query or JSON answer, whatever the caller asks for, as AWS may; 0 is AWS's own limit.
	PageLimit int
	// EmptyAnswers are further EC2 actions that moto lacks and that are answered as by an account that has none of the things asked for.
	EmptyAnswers []string
	// TokenLife is how long EBS block tokens are good; AWS's seven days if 0.
	TokenLife time.Duration
	// Quiet does not log values that the models' enums lack.
	Quiet bool
}

// AWS is the server of one test.
type AWS struct {
	t    testing.TB
	moto *Moto
	opts Options
	nth  int64 // which of moto's servers this is
	now  func() time.Time
	http *httptest.Server

	mu      sync.Mutex
	rules   []*rule
	calls   []*Call
	keys    map[string]*principal // by access key ID
	roles   map[string]*role      // by ARN
	rights  map[string]*rights    // by account/name
	regions map[string]*opted     // by account
	pages   pages
	images  map[string]string // AMI by account/region, for seeds
	ebs     *blocks.Store
	closed  bool
	served  map[string]func(*Call) *Reply // by service

	tolerated map[MotoFault]bool
}

// New starts a server in front of moto and stops it when the test ends. Nothing is reset: give each test accounts of its own, or call
// moto's Reset.
func New(t testing.TB, moto *Moto, opts Options) *AWS {
	t.Helper()
	moto.Require(t)
	a := &AWS{
		t: t, moto: moto, opts: opts, nth: moto.NextFront(), now: opts.Now,
		keys: map[string]*principal{}, roles: map[string]*role{}, rights: map[string]*rights{}, regions: map[string]*opted{},
		pages: pages{next: map[string]*page{}}, images: map[string]string{},
		tolerated: map[MotoFault]bool{}, served: map[string]func(*Call) *Reply{},
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.ebs = blocks.New(a.now, opts.TokenLife)
	a.http = httptest.NewServer(a)
	t.Cleanup(func() {
		a.http.CloseClientConnections() // a caller that was killed does not close its own
		a.http.Close()
		a.mu.Lock()
		a.closed = true
		a.mu.Unlock()
		a.ebs.Close()
	})
	return a
}

// URL is the endpoint, for AWS_ENDPOINT_URL.
func (a *AWS) URL() string { return a.http.URL }

// Moto is the server behind.
func (a *AWS) Moto() *Moto { return a.moto }

// Account returns the number of the nth account of this test, which no other test of the process has.
func (a *AWS) Account(n int) string { return fmt.Sprintf("%06d%06d", 200_000+a.nth, n) }

// client hides from net/http that a request's body can write itself: smithy-go's answers io.EOF when it is closed, which smithy-go does as soon as the answer's head
// is there, and net/http then drops the connection under the answer. A server on loopback can be fast enough for that.
type client struct{ http *http.Client }

// Do sends the request.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.http.Do(r)
}

// Config returns an SDK configuration with this endpoint, a region and a key.
func (a *AWS) Config(region string, k Key) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(a.URL()), HTTPClient: client{a.http.Client()},
		Credentials: credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token),
	}
}

// Calls returns the calls so far, in the order of arrival.
func (a *AWS) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := make([]Call, 0, len(a.calls))
	for _, c := range a.calls {
		calls = append(calls, *c)
	}
	return calls
}

// CallsTo returns the calls of one service's action; "*" is any.
func (a *AWS) CallsTo(service, action string) []Call {
	r := rule{service: service, action: action}
	return slices.DeleteFunc(a.Calls(), func(c Call) bool { return !r.matches(&c) })
}

// ResetCalls forgets the calls; the next one has number 1 again.
func (a *AWS) ResetCalls() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = nil
}

// errorf fails the test, unless it is over.
func (a *AWS) errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.t.Errorf("awstest: "+format, args...)
	}
}

func (a *AWS) logf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed && !a.opts.Quiet {
		a.t.Logf("awstest: "+format, args...)
	}
}

// ServeHTTP answers one call.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return // the caller hung up
	}
	c := &Call{ctx: r.Context(), request: r, raw: raw, Time: a.now()}
	known := c.parse(a.moto.Models())
	a.record(c)
	if !known {
		a.errorf("request without service or action: %s %s, Authorization %.60q", r.Method, r.URL, r.Header.Get("Authorization"))
		a.finish(w, c, c.Error(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"))
		return
	}
	a.checkRequest(c)
	rep := a.runBefore(c)
	if rep == nil {
		rep = a.answer(c)
	}
	a.checkAnswer(c, rep) // a hook's own answer too
	was := rep.Body
	if rep = a.runAfter(c, rep); !bytes.Equal(was, rep.Body) {
		a.checkAnswer(c, rep)
	}
	a.finish(w, c, rep)
}

// record numbers the call and says who made it.
func (a *AWS) record(c *Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, c)
	c.Number = len(a.calls)
	if p := a.keys[c.AccessKey]; p != nil {
		c.who, c.Account, c.Principal = p, p.account, p.arn
	}
}

func (a *AWS) finish(w http.ResponseWriter, c *Call, rep *Reply) {
	a.mu.Lock()
	c.Status, c.Code = rep.Status, rep.Code
	c.request, c.raw = nil, nil // not kept: a scan makes thousands of calls
	a.mu.Unlock()
	rep.Write(w)
}

// answer decides who the caller is, whether it may, and who answers.
func (a *AWS) answer(c *Call) *Reply {
	if rep := a.authenticate(c); rep != nil {
		return rep
	}
	if rep := a.authorize(c); rep != nil {
		return rep
	}
	if c.protocol() == "ec2" && c.Param("DryRun") == "true" {
		return c.Error(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	if own := a.own(c); own != nil {
		return own(c)
	}
	if serve := a.served[c.Service]; serve != nil {
		if rep := serve(c); rep != nil {
			return rep
		}
	}
	switch c.Service + ":" + c.Action { // an account without Systems Manager, which awstest/ssm gives it
	case "ssm:ListInventoryEntries":
		return c.Error(http.StatusBadRequest, "InvalidInstanceId", "The instance is not managed.")
	case "ssm:GetServiceSetting":
		return c.Error(http.StatusBadRequest, "ServiceSettingNotFound", "The setting is not found.")
	}
	rep := a.pass(c)
	if rep.Status < http.StatusMultipleChoices {
		a.learn(c, rep)
	}
	return rep
}

// Serve lets answer give a service's answers, where moto's do not suffice, from the first call on. Where it returns nil, moto answers.
func (a *AWS) Serve(service string, answer func(*Call) *Reply) { a.served[service] = answer }

// own returns our own answer to a call, or nil if it is moto's to give.
func (a *AWS) own(c *Call) func(*Call) *Reply {
	switch c.Service + ":" + c.Action {
	case "sts:AssumeRole":
		return a.assumeRole
	case "sts:GetCallerIdentity":
		return a.callerIdentity
	case "sts:GetAccessKeyInfo":
		return a.accessKeyInfo
	case "ec2:DescribeRegions":
		return a.describeRegions
	case "ec2:DescribeVpcBlockPublicAccessOptions":
		return a.blockPublicAccessOptions
	case "ebs:ListSnapshotBlocks":
		return a.listSnapshotBlocks
	case "ebs:ListChangedBlocks":
		return a.listChangedBlocks
	case "ebs:GetSnapshotBlock":
		return a.getSnapshotBlock
	}
	if c.Service == "ec2" && (slices.Contains(notInMoto, c.Action) || slices.Contains(a.opts.EmptyAnswers, c.Action)) {
		return a.empty
	}
	return nil
}

// pass hands a call to moto, page by page where AWS pages.
func (a *AWS) pass(c *Call) *Reply {
	if pg, ok := a.paginator(c); ok {
		return a.paged(c, pg)
	}
	return a.toMoto(c, c.raw)
}

// toMoto sends a body to moto in the call's place.
func (a *AWS) toMoto(c *Call, body []byte) *Reply {
	h := c.request.Header.Clone()
	h.Del("Content-Length")
	if !bytes.Equal(body, c.raw) { // moto verifies signatures too, when it enforces IAM
		if auth := sigv4.Authorization(c.request, c.who.secret, sigv4.PayloadHash(body), int64(len(body))); auth != "" {
			h.Set("Authorization", auth)
		}
	}
	rep, err := a.moto.Send(c.ctx, c.Account, c.request.Method, c.request.URL.RequestURI(), h, c.request.Host, body)
	if err != nil {
		if c.ctx.Err() == nil { // otherwise the caller hung up
			a.errorf("%s %s: %v", c.Service, c.Action, err)
		}
		return c.Error(http.StatusServiceUnavailable, "ServiceUnavailable", err.Error())
	}
	if rep.Status >= http.StatusInternalServerError && wire.ErrorCode(rep) == "" {
		a.errorf("moto cannot answer %s %s: %d, %s", c.Service, c.Action, rep.Status, a.moto.LastError())
		return c.Error(http.StatusNotImplemented, "NotImplemented", fmt.Sprintf("moto does not know %s %s", c.Service, c.Action))
	}
	if rep.Status >= http.StatusBadRequest {
		rep.Code = wire.ErrorCode(rep)
	}
	if c.protocol() == "ec2" && rep.Code == "AccessDenied" {
		return c.denied() // moto words it as IAM does
	}
	return rep
}

// form sends an action to moto in an account of the test's, past everything; it fails the test if moto refuses.
func (a *AWS) form(account, region, service, version, action string, params map[string][]string) *model.Node {
	n, err := a.moto.Form(a.t.Context(), account, region, service, version, action, params)
	if err != nil {
		a.t.Helper()
		a.t.Fatalf("awstest: %v", err)
	}
	return n
}
