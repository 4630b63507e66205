package awsclient_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
)

const (
	ended   = `<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error></Errors><RequestID>r</RequestID></Response>`
	assumed = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIA%016d</AccessKeyId>` +
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
)

// revoking is an AWS that has revoked the first sessions of a role.
type revoking struct {
	sessions int64 // how many of them are over
	handed   atomic.Int64
	asked    atomic.Int64
}

func (r *revoking) answer(req *http.Request) (int, string) {
	body, err := io.ReadAll(req.Body)
	switch {
	case err != nil:
		return http.StatusInternalServerError, err.Error()
	case strings.Contains(string(body), "Action=AssumeRole"):
		return http.StatusOK, fmt.Sprintf(assumed, r.handed.Add(1), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	case !strings.Contains(string(body), "Action=DescribeVpcs"):
		return http.StatusBadRequest, "no body" // it was not sent again from its beginning
	}
	r.asked.Add(1)
	for n := int64(1); n <= r.sessions; n++ {
		if strings.Contains(req.Header.Get("Authorization"), fmt.Sprintf("ASIA%016d", n)) {
			return http.StatusBadRequest, ended
		}
	}
	if !strings.Contains(req.Header.Get("Authorization"), "ASIA") && r.sessions > 0 {
		return http.StatusBadRequest, ended
	}
	return http.StatusOK, noVPCs
}

func byRole() awsclient.Who {
	w := keyed()
	w.Type, w.Chain = connector.Commercial, []awsclient.Role{{ARN: "arn:aws:iam::" + account + ":role/hinomi", ExternalID: "x"}}
	return w
}

// TestSessionRevoked asks once more, with new credentials, where AWS has ended a role's session before its time; where that helps not, it says so.
func TestSessionRevoked(t *testing.T) {
	for _, tc := range []struct {
		name          string
		who           awsclient.Who
		sessions      int64
		handed, asked int64
		class         awsclient.Class
	}{
		{"good", byRole(), 0, 1, 1, ""},
		{"once", byRole(), 1, 2, 2, ""},
		{"for_ever", byRole(), 100, 2, 2, awsclient.Expired},
		{"key_pair", keyed(), 1, 0, 1, awsclient.Expired}, // there is nothing to renew
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &revoking{sessions: tc.sessions}
			s := session(t, awsclient.Config{Endpoint: serve(t, r.answer), MaxBackoff: time.Millisecond}, tc.who)
			_, err := s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
			if f := s.Classify(err); f.Class != tc.class || (tc.class == "") != (err == nil) || tc.class != "" && !strings.Contains(f.Advice, "credentials") {
				t.Errorf("got %v, want class %q", err, tc.class)
			}
			if r.handed.Load() != tc.handed || r.asked.Load() != tc.asked {
				t.Errorf("got %d sessions and %d requests, want %d and %d", r.handed.Load(), r.asked.Load(), tc.handed, tc.asked)
			}
		})
	}
}

// TestSessionRevokedForMany renews the session once, however many requests were on their way with it.
func TestSessionRevokedForMany(t *testing.T) {
	r := &revoking{sessions: 1}
	var arrived sync.WaitGroup
	const many = 16
	arrived.Add(many)
	url := serve(t, func(req *http.Request) (int, string) {
		if strings.Contains(req.Header.Get("Authorization"), fmt.Sprintf("ASIA%016d", 1)) {
			arrived.Done()
			arrived.Wait() // none is answered before all are on their way
		}
		return r.answer(req)
	})
	s := session(t, awsclient.Config{Endpoint: url, MaxBackoff: time.Millisecond}, byRole())
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			if _, err := s.EC2("eu-west-1").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r.handed.Load() != 2 || r.asked.Load() != 2*many {
		t.Errorf("got %d sessions and %d requests, want 2 and %d", r.handed.Load(), r.asked.Load(), 2*many)
	}
}
