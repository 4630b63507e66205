package ssm

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm/collected"
)

// Objects is the part of S3 that is read; *s3.Client is one.
type Objects interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Bucket is where a resource data sync writes, or collectors put their large results.
type Bucket struct {
	Objects Objects
	Name    string
	Owner   string // the account that must own it
	Prefix  string // of the data sync; "" for none
}

// Object is one type of one instance's inventory, as the data sync wrote it.
type Object struct {
	Key, ETag string
	Size      int64 // bytes
	Written   time.Time
}

// Index is what a data sync wrote, by instance and type of inventory.
type Index map[string]map[string]Object

// SyncTypes lists the types of inventory that are read from a bucket: those of which an inventory is made.
func SyncTypes() []string { return []string{Application, WindowsUpdate, Detailed, CollectedByUs} }

// The bounds of one object: a type of inventory has at most 10,000 entries, and the agent sends at most 3 MB of it.
const (
	maxObject = 64 << 20
	maxLine   = 1 << 20
)

// Index lists what the data sync wrote of a place: one request a type and a thousand instances. Only instances that are wanted are in it.
func (b Bucket) Index(ctx context.Context, at Place, wanted func(instance string) bool) (Index, error) {
	out := Index{}
	for _, kind := range SyncTypes() {
		if err := b.list(ctx, at, kind, wanted, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b Bucket) list(ctx context.Context, at Place, kind string, wanted func(string) bool, out Index) error {
	folder := fmt.Sprintf("%s/accountid=%s/region=%s/resourcetype=ManagedInstanceInventory/", kind, at.Account, at.Region)
	if b.Prefix != "" {
		folder = strings.TrimSuffix(b.Prefix, "/") + "/" + folder
	}
	in := &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &folder, ExpectedBucketOwner: b.owner()}
	for range maxPages {
		page, err := b.Objects.ListObjectsV2(ctx, in)
		if err != nil {
			return fmt.Errorf("list %s in bucket %s: %w", folder, b.Name, err)
		}
		for _, o := range page.Contents {
			id, ok := strings.CutSuffix(strings.TrimPrefix(aws.ToString(o.Key), folder), ".json")
			if !ok || strings.Contains(id, "/") || !wanted(id) {
				continue
			}
			if out[id] == nil {
				out[id] = map[string]Object{}
			}
			out[id][kind] = Object{Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size), Written: aws.ToTime(o.LastModified)}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
	return fmt.Errorf("list %s in bucket %s: %w", folder, b.Name, errEndless)
}

func (b Bucket) owner() *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}

// Item reads an object of an instance's inventory.
func (b Bucket) Item(ctx context.Context, instance string, o Object) (Item, error) {
	if o.Size > maxObject {
		return Item{}, fmt.Errorf("read %s of bucket %s: %d bytes, at most %d", o.Key, b.Name, o.Size, int64(maxObject))
	}
	body, err := b.get(ctx, o.Key, maxObject)
	if err != nil {
		return Item{}, fmt.Errorf("read %s of bucket %s: %w", o.Key, b.Name, err)
	}
	item, err := ParseSynced(bytes.NewReader(body), instance)
	if err != nil {
		return Item{}, fmt.Errorf("read %s of bucket %s: %w", o.Key, b.Name, err)
	}
	return item, nil
}

func (b Bucket) get(ctx context.Context, key string, limit int64) ([]byte, error) {
	out, err := b.Objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
	if closeErr := out.Body.Close(); err == nil {
		err = closeErr
	}
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return body, err
}

// ParseSynced reads what a data sync wrote of one type of inventory of an instance: a JSON object a line, each an entry with the
// instance's ID, the capture time and the schema version beside its attributes (Systems Manager User Guide, "Query inventory data from
// multiple Regions and accounts"). It may be packed with gzip.
func ParseSynced(r io.Reader, instance string) (Item, error) {
	in := bufio.NewReader(r)
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return Item{}, fmt.Errorf("unpack: %w", err)
		}
		in = bufio.NewReader(io.LimitReader(z, maxObject+1))
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var item Item
	total := 0
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if total += len(text); total > maxObject {
			return Item{}, fmt.Errorf("more than %d bytes", maxObject)
		}
		if len(text) == 0 {
			continue
		}
		entry, at, err := parseLine(text, instance)
		switch {
		case err != nil:
			return Item{}, fmt.Errorf("line %d: %w", n, err)
		case !item.Captured.IsZero() && !at.Equal(item.Captured):
			return Item{}, fmt.Errorf("line %d: captured at %s, the lines before at %s", n, at, item.Captured)
		}
		item.Captured = at
		if item.Entries = append(item.Entries, entry); len(item.Entries) > maxItemEntries {
			return Item{}, fmt.Errorf("more than %d entries", maxItemEntries)
		}
	}
	if err := lines.Err(); err != nil {
		return Item{}, err
	}
	if len(item.Entries) == 0 {
		return Item{}, errors.New("it has no entries")
	}
	return item, nil
}

func parseLine(text []byte, instance string) (entry map[string]string, at time.Time, err error) {
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, at, err
	}
	entry = make(map[string]string, len(raw))
	for k, v := range raw {
		s, ok := v.(string)
		if !ok {
			if v == nil {
				continue
			}
			s = fmt.Sprint(v)
		}
		switch strings.ToLower(k) {
		case "resourceid":
			if s != instance {
				return nil, at, fmt.Errorf("it is of %q, the object of %q", s, instance)
			}
		case "capturetime":
			if at, err = time.Parse(time.RFC3339, s); err != nil {
				return nil, at, fmt.Errorf("its capture time: %w", err)
			}
		case "schemaversion":
		default:
			entry[k] = s
		}
	}
	if at.IsZero() {
		return nil, at, errors.New("it does not say when it was captured")
	}
	return entry, at, nil
}

// maxCollected bounds a collector's object.
const maxCollected = 32 << 20

// Collected reads a collector's inventory that was too large for an inventory item.
func (b Bucket) Collected(ctx context.Context, h collected.Head) (*inventory.Inventory, error) {
	body, err := b.get(ctx, h.Key, maxCollected)
	if err != nil {
		return nil, fmt.Errorf("read %s of bucket %s: %w", h.Key, b.Name, err)
	}
	inv, err := collected.Unpack(h, body)
	if err != nil {
		return nil, fmt.Errorf("read %s of bucket %s: %w", h.Key, b.Name, err)
	}
	return inv, nil
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
