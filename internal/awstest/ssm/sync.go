package ssm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"hinomi/internal/awstest"
)

// sync1 is a resource data sync.
type sync1 struct {
	SyncName      string
	SyncType      string `json:",omitempty"`
	S3Destination struct {
		BucketName, Prefix, SyncFormat, Region string
	}
	SyncCreatedTime        float64
	LastStatus             string
	LastSyncStatusMessage  string            `json:",omitempty"`
	LastSuccessfulSyncTime float64           `json:",omitempty"`
	written                map[string]string // by key: when what was written of it was captured
}

// Syncs are the names of an account's resource data syncs in a region.
func (s *Server) Syncs(account, region string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.place(account, region).syncs {
		names = append(names, v.SyncName)
	}
	return names
}

// DeleteSync deletes a resource data sync, as somebody else does.
func (s *Server) DeleteSync(account, region, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.place(account, region)
	p.syncs = slices.DeleteFunc(p.syncs, func(v *sync1) bool { return v.SyncName == name })
}

func (s *Server) createSync(c *awstest.Call, p *place) (any, *failure) {
	in := read[sync1](s, c)
	if slices.ContainsFunc(p.syncs, func(v *sync1) bool { return v.SyncName == in.SyncName }) {
		return nil, &failure{"ResourceDataSyncAlreadyExistsException", "A sync configuration with the same name already exists."}
	}
	if len(p.syncs) >= s.opts.MaxSyncs {
		return nil, &failure{"ResourceDataSyncCountExceededException", "You have exceeded the allowed maximum sync configurations."}
	}
	in.SyncCreatedTime, in.LastStatus = seconds(s.opts.Now()), "InProgress"
	p.syncs = append(p.syncs, &in)
	return nil, nil //nolint:nilnil // an empty answer
}

func (s *Server) deleteSync(c *awstest.Call, p *place) (any, *failure) {
	in := read[sync1](s, c)
	i := slices.IndexFunc(p.syncs, func(v *sync1) bool { return v.SyncName == in.SyncName })
	if i < 0 {
		return nil, &failure{"ResourceDataSyncNotFoundException", "The specified sync name wasn't found."}
	}
	p.syncs = slices.Delete(p.syncs, i, i+1)
	return nil, nil //nolint:nilnil // an empty answer
}

func (s *Server) listSyncs(c *awstest.Call, p *place) (any, *failure) {
	page, next, bad := cut(s, read[pager](s, c), 50, p.syncs)
	if bad != nil {
		return nil, bad
	}
	return withNext(map[string]any{"ResourceDataSyncItems": page}, next), nil
}

// RunSync lets a resource data sync write what is new of an account's inventories to its bucket, as it does some time after a capture, and returns
// how many objects it wrote: a line of JSON for each entry (Systems Manager User Guide, "Query inventory data from multiple Regions and accounts").
func (s *Server) RunSync(ctx context.Context, client *s3.Client, account, region, name string) int {
	s.mu.Lock()
	p := s.place(account, region)
	i := slices.IndexFunc(p.syncs, func(v *sync1) bool { return v.SyncName == name })
	if i < 0 {
		s.mu.Unlock()
		s.t.Errorf("awstest/ssm: no data sync %s", name)
		return 0
	}
	sync := p.syncs[i]
	if sync.written == nil {
		sync.written = map[string]string{}
	}
	bodies := map[string][]byte{}
	for _, n := range p.nodes {
		for kind, it := range n.items {
			key := fmt.Sprintf("%s/accountid=%s/region=%s/resourcetype=ManagedInstanceInventory/%s.json", kind, account, region, n.ID)
			if sync.S3Destination.Prefix != "" {
				key = sync.S3Destination.Prefix + "/" + key
			}
			if sync.written[key] == it.captured || len(it.entries) == 0 {
				continue
			}
			sync.written[key], bodies[key] = it.captured, it.lines(n.ID)
		}
	}
	sync.LastStatus, sync.LastSyncStatusMessage, sync.LastSuccessfulSyncTime = "Successful", "", seconds(s.opts.Now())
	bucket := sync.S3Destination.BucketName
	s.mu.Unlock() // what is put passes this server
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(key), Body: bytes.NewReader(bodies[key])}); err != nil {
			s.t.Errorf("awstest/ssm: data sync %s: %v", name, err)
		}
	}
	return len(bodies)
}

// lines is what a data sync writes of an item.
func (it *item) lines(instance string) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	for _, entry := range it.entries {
		m := maps.Clone(entry)
		m["resourceId"], m["captureTime"], m["schemaVersion"] = instance, it.captured, it.schema
		_ = e.Encode(m) // text, into a buffer
	}
	return buf.Bytes()
}

// FailSync makes the last run of a resource data sync a failed one.
func (s *Server) FailSync(account, region, name, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.place(account, region).syncs {
		if v.SyncName == name {
			v.LastStatus, v.LastSyncStatusMessage = "Failed", why
		}
	}
}
