package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
)

func TestClassify(t *testing.T) {
	api := func(code, message string) error {
		return fmt.Errorf("describe: %w", &smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeVolumes", Err: &smithy.GenericAPIError{Code: code, Message: message}})
	}
	for _, tt := range []struct {
		err   error
		class awsclient.Class
		words string
	}{
		{api("ExpiredToken", "The security token included in the request is expired"), awsclient.Expired, "credentials"},
		{api("RequestExpired", "Request has expired."), awsclient.Expired, ""},
		{api("AuthFailure", "not able to validate"), awsclient.Expired, ""},
		{api("UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ec2:DescribeVolumes because no"), awsclient.Denied, "add ec2:DescribeVolumes to the role"},
		{api("AccessDeniedException", "User is not authorized to perform: ssm:DescribeInstanceInformation on resource: *"), awsclient.Denied, "ssm:DescribeInstanceInformation"},
		{api("AccessDenied", "no"), awsclient.Denied, "hinomi connector policy"},
		{api("RequestLimitExceeded", "Request limit exceeded."), awsclient.Throttled, ""},
		{api("ThrottlingException", "Rate exceeded"), awsclient.Throttled, ""},
		{api("OptInRequired", "You are not subscribed"), awsclient.RegionDisabled, "enable the region"},
		{api("UnsupportedOperation", "The operation is not supported in this region"), awsclient.Unsupported, ""},
		{api("UnknownOperationException", ""), awsclient.Unsupported, ""},
		{api("InternalError", "An internal error has occurred"), awsclient.Failed, "InternalError: An internal error"},
		{&net.DNSError{Err: "no such host", Name: "ec2.eu-atlantis-1.amazonaws.com", IsNotFound: true}, awsclient.Network, "eu-atlantis-1"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), awsclient.Network, ""},
		{context.DeadlineExceeded, awsclient.Network, ""},
		{context.Canceled, awsclient.Canceled, ""},
		{&smithy.DeserializationError{Err: errors.New("not XML")}, awsclient.Malformed, "protocol"},
		{errors.New("what"), awsclient.Failed, "what"},
	} {
		f := awsclient.Classify(tt.err)
		if f.Class != tt.class || !strings.Contains(f.String(), tt.words) {
			t.Errorf("%v: got %s %q, want %s and %q", tt.err, f.Class, f, tt.class, tt.words)
		}
		if strings.ContainsAny(f.String(), "\n\r") || len(f.String()) > 2000 {
			t.Errorf("%v: not one line of bounded length", tt.err)
		}
	}
	if f := awsclient.Classify(api("Odd", strings.Repeat("long\nline ", 1000))); len(f.Said) > 600 || strings.Contains(f.Said, "\n") {
		t.Errorf("got %d bytes", len(f.Said))
	}
}

// What says that credentials are unknown means something else once they were accepted: the region is not enabled.
func TestClassifyKnowsTheSession(t *testing.T) {
	url := serve(t, func(r *http.Request) (int, string) {
		if strings.Contains(r.Header.Get("Authorization"), "/ap-east-1/") {
			return http.StatusUnauthorized, strings.ReplaceAll(refused, "RequestLimitExceeded", "AuthFailure")
		}
		return http.StatusOK, noVPCs
	})
	s := session(t, awsclient.Config{Endpoint: url, MaxAttempts: 1}, keyed())
	_, err := s.EC2("ap-east-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if f := s.Classify(err); f.Class != awsclient.Expired {
		t.Errorf("before any answer: got %s, want expired", f.Class)
	}
	if _, err := s.EC2("us-east-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
		t.Fatal(err)
	}
	_, err = s.EC2("ap-east-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if f := s.Classify(err); f.Class != awsclient.RegionDisabled {
		t.Errorf("after an answer elsewhere: got %s, want region disabled", f.Class)
	}
}

func TestNetworkDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := session(t, awsclient.Config{Endpoint: url, MaxAttempts: 2, MaxBackoff: time.Millisecond}, keyed())
	_, err = s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if f := s.Classify(err); f.Class != awsclient.Network {
		t.Errorf("got %+v, want network", f)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, e := range []string{"localhost:5000", "ftp://x", "http://", "::"} {
		if _, err := awsclient.New(awsclient.Config{Endpoint: e}); err == nil {
			t.Errorf("endpoint %q: got no error", e)
		}
	}
}

func TestWho(t *testing.T) {
	c := &connector.Connector{ID: "c 1/é", Name: "n", Account: account, Type: connector.China, Credentials: connector.Credentials{RoleARN: "arn:aws-cn:iam::" + account + ":role/hinomi", ExternalID: "x"}}
	w, err := awsclient.For(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := w.Member("210987654321", "/org/member")
	if got, want := m.Chain[0].ARN, "arn:aws-cn:iam::210987654321:role/org/member"; got != want || m.Chain[0].ExternalID != "x" || w.Chain[0].ARN == got {
		t.Errorf("got %+v, want %s and the same external ID", m, want)
	}
	c.Credentials = connector.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	if _, err := awsclient.For(c, &awsclient.Key{ID: "AKIAIOSFODNN7EXAMPLE"}, nil); err == nil {
		t.Error("a key without its secret: got no error")
	}
	clients, err := awsclient.New(awsclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.Account = "999999999999"
	if _, err := clients.Session(w); err == nil {
		t.Error("a role of another account: got no error")
	}
	a, err := clients.Session(keyed())
	if err != nil {
		t.Fatal(err)
	}
	b, err := clients.Session(keyed())
	if err != nil {
		t.Fatal(err)
	}
	other := keyed()
	other.Key.Secret = "rotated"
	d, err := clients.Session(other)
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a == d {
		t.Error("the same identity must give the same session, a rotated secret another")
	}
}
