package awsclient

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// renewable are credentials in use, and how often they were given up.
type renewable struct {
	*aws.CredentialsCache
	able  bool // asking again gives others: a role is assumed anew
	spent atomic.Int64
}

// giveUp drops the credentials that a request began with, unless somebody has since.
func (r *renewable) giveUp(began int64) {
	if r.spent.CompareAndSwap(began, began+1) {
		r.Invalidate()
	}
}

// sessionOver are the codes by which AWS says that a session has ended (Amazon EC2 API Reference, "Error codes"; IAM "Common Error Types").
var sessionOver = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}

func isSessionOver(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(sessionOver, api.ErrorCode())
}

// renew asks once more, with new credentials, where AWS says that those of a request have ended before their time: a role's sessions were revoked,
// or the clocks differ. It stands before everything that retries, since the SDK signs all tries of a request with the same credentials.
func renew(s *Session, creds *renewable) func(*middleware.Stack) error {
	again := middleware.FinalizeMiddlewareFunc("HinomiRenew", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		began := creds.spent.Load()
		request, ok := in.Request.(*smithyhttp.Request)
		first := in
		if ok {
			first.Request = request.Clone() // what follows writes the endpoint into it
		}
		out, meta, err := next.HandleFinalize(ctx, first)
		if err == nil || s.Classify(err).Class != Expired {
			return out, meta, err
		}
		creds.giveUp(began) // the next request gets new ones
		if !ok || !creds.able || !isSessionOver(err) || request.RewindStream() != nil {
			return out, meta, err
		}
		return next.HandleFinalize(ctx, in)
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Add(again, middleware.Before) }
}
