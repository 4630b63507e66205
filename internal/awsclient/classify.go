package awsclient

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class is what kind of failure an error of AWS is.
type Class string

// The classes of failures.
const (
	Expired        Class = "expired"         // credentials were refused or have ended
	Denied         Class = "denied"          // the permission is missing
	Throttled      Class = "throttled"       // refused for rate, after all retries
	RegionDisabled Class = "region disabled" // the region is not enabled in the account
	Unsupported    Class = "unsupported"     // the service or call does not exist there
	Network        Class = "network"         // no answer: name, connection, TLS, time-out
	Malformed      Class = "malformed"       // an answer that cannot be read
	Canceled       Class = "canceled"        // we stopped it
	Failed         Class = "failed"          // anything else
)

// Fault is an error of AWS in words.
type Fault struct {
	Class     Class
	Code      string // AWS's error code, "" if there was no answer
	Operation string // DescribeInstances; "" if not known
	Said      string // what AWS answered
	Advice    string // what to do, one sentence
	RequestID string
}

// String returns what was answered and what to do, in one line.
func (f Fault) String() string {
	s := f.Said
	if f.Code != "" {
		s = f.Code + ": " + s
	}
	if f.Operation != "" {
		s = f.Operation + ": " + s
	}
	if f.Advice != "" {
		s += " — " + f.Advice
	}
	return s
}

// The error codes of AWS by class (Amazon EC2 API Reference, "Error codes", "Common client errors"; IAM "Common Error Types").
var (
	expiredCodes = []string{
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidClientTokenId", "InvalidClientTokenIdException",
		"AuthFailure", "UnrecognizedClientException", "UnrecognizedClient", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
		"IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized",
	}
	// answers that a region gives to good credentials if the account has not enabled it (EC2 API Reference: AuthFailure, OptInRequired)
	disabledIfKnown = []string{"AuthFailure", "UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId", "InvalidClientTokenIdException"}
	deniedCodes     = []string{
		"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedException", "Unauthorized",
		"AuthorizationError", "OperationNotPermitted", "AuthorizationErrorException", "AccessDeniedForDependencyException",
	}
	disabledCodes    = []string{"OptInRequired", "RegionDisabledException", "SubscriptionRequiredException", "Blocked", "PendingVerification", "InvalidRegion"}
	unsupportedCodes = []string{
		"UnsupportedOperation", "UnsupportedOperationException", "InvalidAction", "UnknownOperationException", "UnknownOperation",
		"Unsupported", "UnsupportedException", "NotImplemented", "OperationNotSupportedException",
	}
)

var advice = map[Class]string{
	Expired:        "check the connector's credentials, and that they have not been deleted, rotated or ended",
	Denied:         "add the permission to the role, see `hinomi connector policy`",
	Throttled:      "other tools share this account's request rate; the next sync tries again",
	RegionDisabled: "enable the region in the account, or leave it out of the connector's list",
	Unsupported:    "nothing: the service is not offered there",
	Network:        "check the connection, the proxy and the endpoint address",
	Malformed:      "what answered does not speak AWS's protocol; check the endpoint address and proxies",
}

var deniedAction = regexp.MustCompile(`(?:perform|authorized to perform):? ([a-z0-9-]+:[A-Za-z0-9*]+)`)

// Classify says what an error of AWS means. It knows nothing of the credentials: see Session.Classify.
func Classify(err error) Fault { return classify(err, false) }

// Classify says what an error of AWS means, knowing whether AWS has accepted these credentials before: an answer that says the
// credentials are unknown then means that the region is not enabled.
func (s *Session) Classify(err error) Fault { return classify(err, s.accepted.Load()) }

func classify(err error, known bool) Fault {
	if err == nil {
		return Fault{}
	}
	f := Fault{Class: Failed, Said: oneLine(err.Error())}
	var op *smithy.OperationError
	for inner := err; errors.As(inner, &op); inner = op.Err {
		f.Operation = op.OperationName // the innermost: signing one call may take another, AssumeRole
	}
	var res interface{ ServiceRequestID() string }
	if errors.As(err, &res) {
		f.RequestID = res.ServiceRequestID()
	}
	var api smithy.APIError
	switch {
	case errors.Is(err, context.Canceled):
		f.Class, f.Said = Canceled, "stopped"
	case errors.Is(err, ErrWrongAccount), errors.Is(err, errNoCredentials):
		f.Class = Expired
	case errors.As(err, &api):
		f.Code, f.Said = api.ErrorCode(), oneLine(api.ErrorMessage())
		f.Class = classOf(f.Code, known, err)
	case isNoAnswer(err):
		f.Class = Network
	case errors.Is(err, ErrAnswerTooLarge), isDeserialization(err):
		f.Class = Malformed
	}
	f.Advice = advice[f.Class]
	if m := deniedAction.FindStringSubmatch(f.Said); f.Class == Denied && m != nil {
		f.Advice = "add " + m[1] + " to the role, see `hinomi connector policy`"
	}
	if f.Class == Denied && f.Operation == "AssumeRole" {
		f.Advice = "check that the role exists, that its trust policy names the account hinomi runs as and this connector's external ID, and that hinomi's own credentials allow sts:AssumeRole on it"
	}
	return f
}

func classOf(code string, known bool, err error) Class {
	bare := strings.TrimPrefix(code, "Client.")
	switch {
	case isThrottle(err):
		return Throttled
	case known && slices.Contains(disabledIfKnown, bare), slices.Contains(disabledCodes, bare):
		return RegionDisabled
	case slices.Contains(expiredCodes, bare):
		return Expired
	case slices.Contains(deniedCodes, code), slices.Contains(deniedCodes, bare):
		return Denied
	case slices.Contains(unsupportedCodes, bare):
		return Unsupported
	}
	var res *smithyhttp.ResponseError
	if errors.As(err, &res) && code == "UnknownError" && (res.HTTPStatusCode() == 403 || res.HTTPStatusCode() == 401) {
		return Denied
	}
	return Failed
}

// IsDryRunAllowed reports whether an EC2 dry run says that the call would have been allowed (EC2 API Reference, DryRun).
func IsDryRunAllowed(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "DryRunOperation"
}

func isThrottle(err error) bool {
	return err != nil && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// isAnswered reports whether an error is a good answer in disguise: a dry run that is allowed.
func isAnswered(err error) bool { return IsDryRunAllowed(err) }

func isDeserialization(err error) bool {
	var d *smithy.DeserializationError
	return errors.As(err, &d)
}

func isNoAnswer(err error) bool {
	var n net.Error
	var send *smithyhttp.RequestSendError
	return errors.As(err, &n) || errors.As(err, &send) || errors.Is(err, context.DeadlineExceeded) || isCut(err)
}

// isCut reports whether an answer broke off: the connection was closed before its end.
func isCut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// cutRetryable makes the SDK ask again where an answer broke off.
func cutRetryable(err error) aws.Ternary {
	if isCut(err) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// oneLine makes text from outside fit one line of bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 500 {
		s = string(r[:500]) + "…"
	}
	return s
}
