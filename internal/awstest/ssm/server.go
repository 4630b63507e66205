// Package ssm is the part of Systems Manager that moto lacks, for tests and benches: managed instances and their inventory, associations
// and their runs, resource data syncs, packages and their attachments, with AWS's pages, limits and errors. It answers behind
// internal/awstest, which holds every request and every answer against AWS's own service model, asks for permissions and makes faults.
package ssm

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hinomi/internal/awstest"
)

// Options are what Serve needs to know.
type Options struct {
	Now      func() time.Time // time.Now if nil
	Page     int              // caps every page; 0 is AWS's own largest
	MaxSyncs int              // resource data syncs of an account in a region; AWS's 5 if 0 (AWS General Reference, Systems Manager quotas)
	Slow     bool             // runs of associations stay pending until Settle
}

// Server is Systems Manager for one test.
type Server struct {
	t    testing.TB
	opts Options

	mu       sync.Mutex
	places   map[string]*place // by account/region
	policies map[string][]byte // by bucket
	serial   int
}

// place is Systems Manager in one account and region.
type place struct {
	nodes        []*Node
	settings     map[string]string
	associations []*association
	syncs        []*sync1
	documents    map[string]*document
}

// Serve puts Systems Manager in front of moto's.
func Serve(t testing.TB, a *awstest.AWS, opts Options) *Server {
	s := &Server{t: t, opts: opts, places: map[string]*place{}, policies: map[string][]byte{}}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	if s.opts.MaxSyncs == 0 {
		s.opts.MaxSyncs = 5
	}
	a.Serve("ssm", s.answer)
	a.Serve("s3", s.bucketPolicy)
	return s
}

func (s *Server) place(account, region string) *place {
	k := account + "/" + region
	if s.places[k] == nil {
		s.places[k] = &place{settings: map[string]string{}, documents: map[string]*document{}}
	}
	return s.places[k]
}

// failure is an error of the service's model.
type failure struct{ code, message string }

func (s *Server) answer(c *awstest.Call) *awstest.Reply {
	do, ok := map[string]func(*awstest.Call, *place) (any, *failure){
		"DescribeInstanceInformation": s.describeInstances, "ListInventoryEntries": s.listEntries, "PutInventory": s.putInventory,
		"GetServiceSetting": s.getSetting, "ListTagsForResource": s.listTags,
		"CreateAssociation": s.createAssociation, "UpdateAssociation": s.updateAssociation, "DescribeAssociation": s.describeAssociation,
		"DeleteAssociation": s.deleteAssociation, "ListAssociations": s.listAssociations, "StartAssociationsOnce": s.startAssociations,
		"DescribeAssociationExecutions": s.executions, "DescribeAssociationExecutionTargets": s.executionTargets,
		"CreateResourceDataSync": s.createSync, "DeleteResourceDataSync": s.deleteSync, "ListResourceDataSync": s.listSyncs,
		"CreateDocument": s.createDocument, "UpdateDocument": s.updateDocument, "UpdateDocumentDefaultVersion": s.defaultVersion,
		"DescribeDocument": s.describeDocument, "DeleteDocument": s.deleteDocument, "ListDocumentVersions": s.documentVersions,
	}[c.Action]
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, bad := do(c, s.place(c.Account, c.Region))
	if bad != nil {
		return c.Error(http.StatusBadRequest, bad.code, bad.message)
	}
	if out == nil {
		out = struct{}{}
	}
	return c.JSON(out)
}

// read decodes a request; the model was held against it before.
func read[T any](s *Server, c *awstest.Call) (in T) {
	if err := json.Unmarshal(c.Body, &in); err != nil {
		s.t.Errorf("awstest/ssm: %s: %v", c.Action, err)
	}
	return in
}

// pager is what every paged request has.
type pager struct {
	MaxResults int
	NextToken  string
}

// cut returns one page of a list and the token of the next. A token is the position of the first element, told from others by its prefix.
func cut[T any](s *Server, p pager, largest int, all []T) (page []T, next string, bad *failure) {
	const prefix = "page-"
	limit := largest
	if p.MaxResults > 0 {
		limit = min(limit, p.MaxResults)
	}
	if s.opts.Page > 0 {
		limit = min(limit, s.opts.Page)
	}
	from := 0
	if p.NextToken != "" {
		n, err := strconv.Atoi(p.NextToken[min(len(prefix), len(p.NextToken)):])
		if err != nil || n < 0 || n > len(all) || p.NextToken[:min(len(prefix), len(p.NextToken))] != prefix {
			return nil, "", &failure{"InvalidNextToken", "The specified token isn't valid."}
		}
		from = n
	}
	rest := all[from:]
	if len(rest) > limit {
		return slices.Clone(rest[:limit]), prefix + strconv.Itoa(from+limit), nil
	}
	return slices.Clone(rest), "", nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// bucketPolicy keeps the policies of buckets: moto would refuse every call for a Deny whose condition does not hold.
func (s *Server) bucketPolicy(c *awstest.Call) *awstest.Reply {
	method, path, _ := strings.Cut(c.Action, " ")
	bucket := strings.Trim(path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case method == http.MethodDelete && len(c.Params) == 0 && !strings.Contains(bucket, "/"):
		delete(s.policies, bucket)
	case !c.Params.Has("policy"):
	case method == http.MethodPut:
		if !json.Valid(c.Body) {
			return c.Error(http.StatusBadRequest, "MalformedPolicy", "Policies must be valid JSON")
		}
		s.policies[bucket] = c.Body
		return &awstest.Reply{Status: http.StatusNoContent}
	case method == http.MethodGet && s.policies[bucket] == nil:
		const none = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message></Error>`
		return &awstest.Reply{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/xml"}}, Body: []byte(none), Code: "NoSuchBucketPolicy"}
	case method == http.MethodGet:
		return &awstest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: s.policies[bucket]}
	}
	return nil
}

// Policy is a bucket's policy, "" if it has none.
func (s *Server) Policy(bucket string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.policies[bucket])
}
