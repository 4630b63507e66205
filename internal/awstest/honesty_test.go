package awstest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
)

// witness is a test whose errors are kept instead of failing it.
type witness struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func (w *witness) Helper() {}

// take returns the errors so far and forgets them.
func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.errors
	w.errors = nil
	return e
}

// raw sends a request that no SDK would make.
func raw(t *testing.T, a *awstest.AWS, k awstest.Key, service, contentType, target, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.ID+"/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	req.Header.Set("Content-Type", contentType)
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsAreHeldAgainstTheModel(t *testing.T) {
	w := &witness{TB: t}
	a := awstest.New(w, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "base")
	form := func(kv ...string) string {
		v := url.Values{"Version": {"2016-11-15"}}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v.Encode()
	}
	const isForm, isJSON, orgs = "application/x-www-form-urlencoded", "application/x-amz-json-1.1", "AWSOrganizationsV20161128."
	for _, tc := range []struct{ name, service, kind, target, body, want string }{
		{"right", "ec2", isForm, "", form("Action", "DescribeVpcs", "MaxResults", "5", "VpcId.1", "vpc-1", "Filter.1.Name", "cidr", "Filter.1.Value.1", "10.0.0.0/8"), ""},
		{"unknown_member", "ec2", isForm, "", form("Action", "DescribeVpcs", "VpcIds.1", "vpc-1"), "unknown member: VpcIds"},
		{"unknown_nested", "ec2", isForm, "", form("Action", "DescribeVpcs", "Filter.1.Nme", "cidr"), "unknown member: Filter[].Nme"},
		{"list_not_numbered", "ec2", isForm, "", form("Action", "DescribeVpcs", "VpcId.x", "vpc-1"), "unknown member: VpcId.x"},
		{"wrong_type", "ec2", isForm, "", form("Action", "DescribeVpcs", "MaxResults", "many"), "wrong type: MaxResults"},
		{"missing_required", "ec2", isForm, "", form("Action", "DeleteSnapshot"), "missing required member: SnapshotId"},
		{"unknown_action", "ec2", isForm, "", form("Action", "DescribeEverything"), "DescribeEverything is no action of ec2"},
		{"query_list", "elasticloadbalancing", isForm, "", "Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.1=x", ""},
		{"query_list_flat", "elasticloadbalancing", isForm, "", "Action=DescribeLoadBalancers&Version=2015-12-01&Names.1=x", "unknown member: Names.1"},
		{"json_right", "organizations", isJSON, orgs + "DescribeAccount", `{"AccountId":"` + a.Account(1) + `"}`, ""},
		{"json_unknown", "organizations", isJSON, orgs + "ListAccounts", `{"Max":3}`, "unknown member: Max"},
		{"json_wrong_type", "organizations", isJSON, orgs + "ListAccounts", `{"MaxResults":"3"}`, "wrong type: MaxResults"},
		{"json_missing", "organizations", isJSON, orgs + "DescribeAccount", `{}`, "missing required member: AccountId"},
		{"not_json", "organizations", isJSON, orgs + "ListAccounts", `{`, "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw(t, a, k, tc.service, tc.kind, tc.target, tc.body)
			got := w.take()
			if tc.want == "" && len(got) > 0 {
				t.Errorf("got %v, want no error", got)
			}
			if tc.want != "" && !slices.ContainsFunc(got, func(e string) bool { return strings.Contains(e, tc.want) }) {
				t.Errorf("got %v, want %q", got, tc.want)
			}
		})
	}
	t.Run("no_credentials", func(t *testing.T) {
		res, err := http.Get(a.URL() + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := w.take(); res.StatusCode != http.StatusForbidden || len(got) != 1 {
			t.Errorf("got %s and %v, want 403 and an error", res.Status, got)
		}
	})
}

// TestHooksAreHeldAgainstTheModel shows that a test's own answers are judged like moto's.
func TestHooksAreHeldAgainstTheModel(t *testing.T) {
	w := &witness{TB: t}
	a := awstest.New(w, moto, awstest.Options{})
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")), once)
	answer := func(name string) *model.Node {
		return &model.Node{Name: "DescribeVpcsResponse", Children: []*model.Node{{Name: name}}}
	}
	for name, want := range map[string]string{"vpcSet": "", "vpcs": "unknown member: vpcs"} {
		for when, add := range map[string]func() (remove func()){
			"before": func() func() {
				return a.Before("ec2", "DescribeVpcs", func(c *awstest.Call) *awstest.Reply { return c.XML(answer(name)) })
			},
			"after": func() func() {
				return a.After("ec2", "DescribeVpcs", awstest.EditXML(func(_ *awstest.Call, root *model.Node) { root.Children = answer(name).Children }))
			},
		} {
			remove := add()
			if _, err := c.DescribeVpcs(t.Context(), nil); err != nil {
				t.Error(err)
			}
			got := strings.Join(w.take(), "\n")
			if (want == "") != (got == "") || !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", when, got, want)
			}
			remove()
		}
	}
}

// TestMotoLacks shows that an action that moto does not know fails the test, unless the test says that its account has none.
func TestMotoLacks(t *testing.T) {
	w := &witness{TB: t}
	a := awstest.New(w, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "base")
	if _, err := ec2.NewFromConfig(a.Config("us-east-1", k), once).DescribeCoipPools(t.Context(), nil); code(t, err) != "NotImplemented" {
		t.Errorf("got %v, want NotImplemented", err)
	}
	if got := w.take(); len(got) != 1 || !strings.Contains(got[0], "moto cannot answer ec2 DescribeCoipPools") {
		t.Errorf("got %v, want that moto cannot", got)
	}
	b := awstest.New(t, moto, awstest.Options{EmptyAnswers: []string{"DescribeCoipPools"}})
	kb := b.AddKey(a.Account(2), "base")
	if out, err := ec2.NewFromConfig(b.Config("us-east-1", kb), once).DescribeCoipPools(t.Context(), nil); err != nil || len(out.CoipPools) != 0 {
		t.Errorf("got %v, %v, want an empty list", out, err)
	}
}

func TestBadImage(t *testing.T) {
	w := &witness{TB: t}
	a := awstest.New(w, moto, awstest.Options{})
	account := a.Account(1)
	s := a.SeedInstance(account, "us-east-1", 0)
	big := t.TempDir() + "/big.img"
	writeImage(t, big, 9<<30, nil)
	a.AttachImage(s.Volumes[0], big)
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "base")), once)
	if _, err := c.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: aws.String(s.Volumes[0])}); err != nil {
		t.Fatal(err)
	}
	if got := w.take(); len(got) != 1 || !strings.Contains(got[0], "9 GiB, the volume only 8") {
		t.Errorf("got %v, want that the image is larger than its volume", got)
	}
}
