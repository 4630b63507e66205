// Package sigv4 reads and verifies the signatures of requests, for the test double in internal/awstest. Source: IAM User Guide, "Signature Version 4".
package sigv4

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

// Scope reads the credential scope of a SigV4 request: access key, region and service.
func Scope(r *http.Request) (key, region, service string, ok bool) {
	cred := ""
	if _, after, found := strings.Cut(r.Header.Get("Authorization"), "Credential="); found {
		cred, _, _ = strings.Cut(after, ",")
	} else {
		cred = r.URL.Query().Get("X-Amz-Credential") // a presigned request
	}
	part := strings.Split(strings.TrimSpace(cred), "/")
	if len(part) != 5 {
		return "", "", "", false
	}
	return part[0], part[2], strings.ToLower(part[3]), true
}

// Verify says whether the request was signed with this secret, by signing it again. Presigned requests are not judged.
func Verify(r *http.Request, body []byte, secret string) bool {
	_, got, ok := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	if !ok {
		return r.URL.Query().Has("X-Amz-Signature")
	}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = PayloadHash(body)
	}
	_, want, ok := strings.Cut(Authorization(r, secret, hash, r.ContentLength), "Signature=")
	return ok && want == strings.TrimSpace(got)
}

// PayloadHash is the hash of a body as requests name it.
func PayloadHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Authorization is the header that signs the request with this secret and payload. Only the headers that the request's own
// SignedHeaders names count. It is empty if the request was not signed in its head.
func Authorization(r *http.Request, secret, hash string, length int64) string {
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	u, uerr := url.Parse("http://" + r.Host + r.URL.RequestURI())
	key, region, service, sok := Scope(r)
	if !ok || !sok || err != nil || uerr != nil {
		return ""
	}
	names, _, _ := strings.Cut(rest, ",")
	again := &http.Request{Method: r.Method, URL: u, Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = length
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	cred := aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}
	once := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" } // S3 alone signs the path as it is sent
	if err := v4.NewSigner(once).SignHTTP(r.Context(), cred, again, hash, service, region, when); err != nil {
		return ""
	}
	return again.Header.Get("Authorization")
}
