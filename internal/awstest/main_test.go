package awstest_test

import (
	"errors"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	"hinomi/internal/awstest"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

// code is the error's code, or "" if there was none.
func code(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want an API error", err)
	}
	return api.ErrorCode()
}

// once is a client's option: no retries.
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// asError is errors.As for a test that only asks.
func asError[E error](err error, into *E) bool { return errors.As(err, into) }
