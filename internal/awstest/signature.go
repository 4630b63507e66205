package awstest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signed says whether the request was signed with this secret, by signing it again. Presigned requests are not judged.
func (c *Call) signed(secret string) bool {
	_, got, ok := strings.Cut(c.request.Header.Get("Authorization"), "Signature=")
	if !ok {
		return c.request.URL.Query().Has("X-Amz-Signature")
	}
	hash := c.request.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = payloadHash(c.raw)
	}
	_, want, ok := strings.Cut(c.authorization(secret, hash, c.request.ContentLength), "Signature=")
	return ok && want == strings.TrimSpace(got)
}

func payloadHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// authorization is the header that signs the request with this secret and payload. IAM User Guide, "Signature Version 4": only the headers that the request's own
// SignedHeaders names count. It is empty if the request was not signed in its head.
func (c *Call) authorization(secret, hash string, length int64) string {
	_, rest, ok := strings.Cut(c.request.Header.Get("Authorization"), "SignedHeaders=")
	when, err := time.Parse("20060102T150405Z", c.request.Header.Get("X-Amz-Date"))
	u, uerr := url.Parse("http://" + c.request.Host + c.request.URL.RequestURI())
	_, _, service, sok := scope(c.request)
	if !ok || !sok || err != nil || uerr != nil {
		return ""
	}
	names, _, _ := strings.Cut(rest, ",")
	again := &http.Request{Method: c.request.Method, URL: u, Host: c.request.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = length
		default:
			again.Header[http.CanonicalHeaderKey(name)] = c.request.Header.Values(name)
		}
	}
	cred := aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(c.ctx, cred, again, hash, service, c.Region, when); err != nil {
		return ""
	}
	return again.Header.Get("Authorization")
}
