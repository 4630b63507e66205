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

// signed says whether the request was signed with this secret, by signing it again. IAM User Guide, "Signature Version 4": only the headers that SignedHeaders
// names count. Presigned requests are not judged.
func (c *Call) signed(secret, signing string) bool {
	auth := c.request.Header.Get("Authorization")
	_, rest, ok := strings.Cut(auth, "SignedHeaders=")
	if !ok {
		return c.request.URL.Query().Has("X-Amz-Signature")
	}
	names, rest, _ := strings.Cut(rest, ",")
	_, got, _ := strings.Cut(rest, "Signature=")
	when, err := time.Parse("20060102T150405Z", c.request.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	u, err := url.Parse("http://" + c.request.Host + c.request.URL.RequestURI())
	if err != nil {
		return false
	}
	again := &http.Request{Method: c.request.Method, URL: u, Host: c.request.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = c.request.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = c.request.Header.Values(name)
		}
	}
	sum := sha256.Sum256(c.raw)
	hash := hex.EncodeToString(sum[:])
	if h := c.request.Header.Get("X-Amz-Content-Sha256"); h != "" {
		hash = h
	}
	cred := aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(c.ctx, cred, again, hash, signing, c.Region, when); err != nil {
		return false
	}
	_, want, _ := strings.Cut(again.Header.Get("Authorization"), "Signature=")
	return want != "" && want == strings.TrimSpace(got)
}
