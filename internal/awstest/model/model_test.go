package model_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/awstest/model"
)

func service(t *testing.T, name string) *model.Service {
	t.Helper()
	lib, err := model.Find(t.Context())
	if err != nil {
		if errors.Is(err, model.ErrNoModels) && os.Getenv("HINOMI_TEST_REQUIRE") != "all" {
			t.Skipf("SKIPPED, not tested: %v", err)
		}
		t.Fatal(err)
	}
	s, err := lib.Service(name)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := lib.Service(name); err != nil || again != s {
		t.Errorf("got another model of %s the second time, %v", name, err)
	}
	return s
}

func faults(list []model.Fault) []string {
	var s []string
	for _, f := range list {
		s = append(s, string(f.Kind)+": "+f.Path)
	}
	slices.Sort(s)
	return s
}

func TestNoSuchService(t *testing.T) {
	if _, err := model.Open(t.TempDir()).Service("ec2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
}

func TestXMLAnswer(t *testing.T) {
	ec2, elb := service(t, "ec2"), service(t, "elbv2")
	for _, tc := range []struct {
		name, action, body string
		s                  *model.Service
		want               []string
	}{
		{"right", "DescribeVpcs", `<DescribeVpcsResponse><requestId>r</requestId><vpcSet><item><vpcId>vpc-1</vpcId><isDefault>true</isDefault></item></vpcSet></DescribeVpcsResponse>`, ec2, nil},
		{"unknown", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet><item><vpcID>vpc-1</vpcID></item></vpcSet></DescribeVpcsResponse>`, ec2, []string{"unknown member: vpcSet[].vpcID"}},
		{"wrong_item", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet><member/></vpcSet></DescribeVpcsResponse>`, ec2, []string{"unknown member: vpcSet.member"}},
		{"not_boolean", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet><item><isDefault>True</isDefault></item></vpcSet></DescribeVpcsResponse>`, ec2, []string{"wrong type: vpcSet[].isDefault"}},
		{"empty_boolean", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet><item><isDefault/></item></vpcSet></DescribeVpcsResponse>`, ec2, []string{"wrong type: vpcSet[].isDefault"}},
		{
			"not_a_time", "DescribeSnapshots", `<DescribeSnapshotsResponse><snapshotSet><item><startTime>today</startTime><volumeSize>8.5</volumeSize></item></snapshotSet></DescribeSnapshotsResponse>`, ec2,
			[]string{"wrong type: snapshotSet[].startTime", "wrong type: snapshotSet[].volumeSize"},
		},
		{"enum", "DescribeSnapshots", `<DescribeSnapshotsResponse><snapshotSet><item><status>done</status></item></snapshotSet></DescribeSnapshotsResponse>`, ec2, []string{"value not in enum: snapshotSet[].status"}},
		{"text_for_list", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet>none</vpcSet></DescribeVpcsResponse>`, ec2, []string{"wrong type: vpcSet"}},
		{"elements_for_text", "DescribeVpcs", `<DescribeVpcsResponse><vpcSet><item><vpcId><a/></vpcId></item></vpcSet></DescribeVpcsResponse>`, ec2, []string{"wrong type: vpcSet[].vpcId"}},
		{"other_root", "DescribeVpcs", `<DescribeSubnetsResponse/>`, ec2, []string{"unknown member: DescribeSubnetsResponse"}},
		{"query_right", "DescribeLoadBalancers", `<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member><DNSName>x</DNSName></member></LoadBalancers></DescribeLoadBalancersResult><ResponseMetadata/></DescribeLoadBalancersResponse>`, elb, nil},
		{"query_no_result", "DescribeLoadBalancers", `<DescribeLoadBalancersResponse/>`, elb, []string{"missing required member: DescribeLoadBalancersResult"}},
		{"query_wrong_item", "DescribeLoadBalancers", `<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><item/></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>`, elb, []string{"unknown member: LoadBalancers.item"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := model.ParseXML([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, faults(tc.s.XMLAnswer(tc.s.Operations[tc.action], root))); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONAnswer(t *testing.T) {
	s := service(t, "organizations")
	for _, tc := range []struct {
		name, body string
		want       []string
	}{
		{"right", `{"Accounts":[{"Id":"1","JoinedTimestamp":1.5e9,"Status":"ACTIVE"}]}`, nil},
		{"null", `{"Accounts":null,"NextToken":null}`, nil},
		{"empty", ``, nil},
		{"unknown", `{"Account":[]}`, []string{"unknown member: Account"}},
		{"number_for_string", `{"Accounts":[{"Id":1}]}`, []string{"wrong type: Accounts[].Id"}},
		{"string_for_time", `{"Accounts":[{"JoinedTimestamp":"2026-01-01T00:00:00Z"}]}`, []string{"wrong type: Accounts[].JoinedTimestamp"}},
		{"object_for_list", `{"Accounts":{}}`, []string{"wrong type: Accounts"}},
		{"enum", `{"Accounts":[{"Status":"GONE"}]}`, []string{"value not in enum: Accounts[].Status"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, faults(s.JSONAnswer(s.Operations["ListAccounts"], []byte(tc.body)))); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestREST(t *testing.T) {
	s := service(t, "ebs")
	op, labels := s.Route("GET", "/snapshots/snap-1/blocks/7")
	if op == nil || op.Name != "GetSnapshotBlock" || labels["snapshotId"] != "snap-1" || labels["blockIndex"] != "7" {
		t.Fatalf("got %v %v, want GetSnapshotBlock", op, labels)
	}
	if op, _ := s.Route("GET", "/volumes"); op != nil {
		t.Errorf("got %s for a path that is none", op.Name)
	}
	if got := s.RESTRequest(op, labels, url.Values{"blockToken": {"t"}}, nil, nil); len(got) > 0 {
		t.Errorf("got %v, want no fault", got)
	}
	bad := s.RESTRequest(op, map[string]string{"snapshotId": "snap-1", "blockIndex": "x"}, url.Values{"token": {"t"}}, nil, nil)
	if diff := cmp.Diff([]string{"missing required member: blockToken", "unknown member: token", "wrong type: blockIndex"}, faults(bad)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	head := http.Header{"X-Amz-Data-Length": {"many"}, "X-Amz-Checksum-Algorithm": {"MD5"}}
	if diff := cmp.Diff([]string{"value not in enum: x-amz-Checksum-Algorithm", "wrong type: x-amz-Data-Length"}, faults(s.RESTAnswer(op, head, []byte("data")))); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	// moto sends a block's index as a string, which the SDK for Go refuses.
	list, _ := s.Route("GET", "/snapshots/snap-1/blocks")
	if diff := cmp.Diff([]string{"wrong type: Blocks[].BlockIndex"}, faults(s.RESTAnswer(list, nil, []byte(`{"Blocks":[{"BlockIndex":"0","BlockToken":"t"}]}`)))); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestNode(t *testing.T) {
	n, err := model.ParseXML([]byte(`<a xmlns="urn:x"><b>1 &lt; 2</b><c><d/></c></a>`))
	if err != nil {
		t.Fatal(err)
	}
	n.Set("e", "é")
	n.Set("b", "")
	n.Child("c").Set("d", "<")
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<a xmlns="urn:x"><c><d>&lt;</d></c><e>é</e></a>`
	if got := string(n.Bytes()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := n.Path("c", "x", "y"); got != "" {
		t.Errorf("got %q for a path that is none", got)
	}
	for _, bad := range []string{"", "<a>", "<a/><b/>", "text", strings.Repeat("<a>", 100)} {
		if _, err := model.ParseXML([]byte(bad)); err == nil {
			t.Errorf("got no error for %.20q", bad)
		}
	}
}

// FuzzParseXML shows that what was read is written so that it reads the same again. The seeds are answers as EC2 and STS give them, by their API references.
func FuzzParseXML(f *testing.F) {
	for _, s := range []string{
		`<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`,
		`<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		`<a>&#x41;<![CDATA[<]]></a>`, `<a`, `<a:b xmlns:a="x"/>`, "<a>\xff</a>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := model.ParseXML(b)
		if err != nil {
			return
		}
		if _, err := model.ParseXML(n.Bytes()); err != nil {
			t.Errorf("wrote %q, which does not read: %v", n.Bytes(), err)
		}
	})
}
