package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/wire"
)

// Reply is an answer. Cut makes the server send CutAt bytes of its body and then drop the connection; with Status 0 nothing is sent at all.
type Reply = wire.Reply

// Drop is no answer: the connection ends.
func Drop() *Reply { return wire.Drop() }

// Error is an error in the form of the call's protocol. More are further members of the error's shape, by name and value in turn; only JSON protocols
// carry them.
func (c *Call) Error(status int, code, message string, more ...string) *Reply {
	return wire.Error(c.protocol(), status, code, message, more...)
}

// XML answers a document.
func (c *Call) XML(root *model.Node) *Reply {
	return &Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml;charset=UTF-8"}}, Body: root.Bytes()}
}

// JSON answers v.
func (c *Call) JSON(v any) *Reply {
	b, err := json.Marshal(v)
	if err != nil {
		return c.Error(http.StatusInternalServerError, "InternalFailure", fmt.Sprintf("encode answer: %v", err))
	}
	kind := "application/json"
	if c.protocol() == "json" {
		kind = "application/x-amz-json-" + c.svc.Metadata.JSONVersion
	}
	return &Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: b}
}

// denied is how each service says that the caller may not. The words are those of the IAM User Guide, "Access denied error messages".
func (c *Call) denied() *Reply {
	action := iamAction(c.Service, c.Action)
	caller := c.Principal
	if caller == "" {
		caller = "anonymous"
	}
	msg := fmt.Sprintf("User: %s is not authorized to perform: %s because no identity-based policy allows the %s action", caller, action, action)
	switch c.protocol() {
	case "ec2":
		return c.Error(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. "+msg)
	case "json":
		return c.Error(http.StatusBadRequest, "AccessDeniedException", msg)
	case "rest-json":
		return c.Error(http.StatusForbidden, "AccessDeniedException", msg, "Reason", "UNAUTHORIZED_ACCOUNT")
	default:
		return c.Error(http.StatusForbidden, "AccessDenied", msg)
	}
}

// badCredentials is how each service refuses an access key that does not exist, or a region that the account has not opted in to.
func (c *Call) badCredentials() *Reply {
	switch c.protocol() {
	case "ec2":
		return c.Error(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	case "json":
		return c.Error(http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
	case "rest-json":
		return c.Error(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
	default:
		return c.Error(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
}

// wrongSignature is how each service refuses a request that was not signed with the key's secret.
func (c *Call) wrongSignature() *Reply {
	const msg = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
	switch c.protocol() {
	case "ec2":
		return c.badCredentials()
	case "json", "rest-json":
		return c.Error(http.StatusForbidden, "InvalidSignatureException", msg)
	default:
		return c.Error(http.StatusForbidden, "SignatureDoesNotMatch", msg)
	}
}

// expired is how each service refuses a session whose time is over.
func (c *Call) expired() *Reply {
	switch c.protocol() {
	case "ec2":
		return c.Error(http.StatusBadRequest, "RequestExpired", "Request has expired.")
	case "json":
		return c.Error(http.StatusBadRequest, "ExpiredTokenException", "The security token included in the request is expired")
	case "rest-json":
		return c.Error(http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
	default:
		return c.Error(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
}
