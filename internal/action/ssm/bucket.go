package ssm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"hinomi/internal/run"
)

// Bucket is what there is of our bucket.
type Bucket struct {
	Exists       bool
	Installation string
	Policy       string
	Private      bool // everything that would make it public is blocked
}

func (b Bucket) faults(m *Manager) (out []string) {
	if !b.Private {
		out = append(out, "public access block")
	}
	if !sameJSON(b.Policy, m.bucketPolicy()) {
		out = append(out, "policy")
	}
	if b.Installation == "" {
		out = append(out, "tags")
	}
	return out
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func (m *Manager) lookBucket(ctx context.Context) (b Bucket, err error) {
	name, owner := aws.String(m.Bucket()), aws.String(m.at.Account)
	_, err = m.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name, ExpectedBucketOwner: owner})
	switch {
	case hasCode(err, "NotFound", "NoSuchBucket"):
		return Bucket{}, nil
	case hasCode(err, "Forbidden", "AccessDenied"):
		// S3 says no more to a HEAD: GetBucketTagging's error tells whether it is another account's or a right is missing.
	case err != nil:
		return b, m.fault("look for bucket "+m.Bucket(), err)
	}
	b.Exists = true
	tags, err := m.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name, ExpectedBucketOwner: owner})
	switch {
	case hasCode(err, "NoSuchBucket"):
		return Bucket{}, nil
	case hasCode(err, "NoSuchTagSet", "NoSuchTagSetError"):
	case err != nil:
		return b, m.fault("read the tags of bucket "+m.Bucket(), err)
	default:
		for _, t := range tags.TagSet {
			if aws.ToString(t.Key) == run.TagInstallation {
				b.Installation = aws.ToString(t.Value)
			}
		}
	}
	policy, err := m.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name, ExpectedBucketOwner: owner})
	if err != nil && !hasCode(err, "NoSuchBucketPolicy") {
		return b, m.fault("read the policy of bucket "+m.Bucket(), err)
	}
	if err == nil {
		b.Policy = aws.ToString(policy.Policy)
	}
	block, err := m.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name, ExpectedBucketOwner: owner})
	if err != nil && !hasCode(err, "NoSuchPublicAccessBlockConfiguration") {
		return b, m.fault("read the public access block of bucket "+m.Bucket(), err)
	}
	if err == nil && block.PublicAccessBlockConfiguration != nil {
		c := block.PublicAccessBlockConfiguration
		b.Private = aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.RestrictPublicBuckets)
	}
	return b, nil
}

// bucketPolicy lets Systems Manager write what it syncs (Systems Manager User Guide, "Creating a resource data sync for Inventory"), and
// every instance of the account put its own large results, under the name of its own session: aws:userid is the role's ID and the
// instance's (IAM User Guide, "Global condition context keys"). Nothing goes over plain HTTP.
func (m *Manager) bucketPolicy() string {
	arn := "arn:" + m.at.Partition + ":s3:::" + m.Bucket()
	service := object{"Service": "ssm.amazonaws.com"}
	ofAccount := object{
		"StringEquals": object{"aws:SourceAccount": m.at.Account},
		"ArnLike":      object{"aws:SourceArn": "arn:" + m.at.Partition + ":ssm:*:" + m.at.Account + ":resource-data-sync/*"},
	}
	return writeJSON(object{"Version": "2012-10-17", "Statement": []object{
		{
			"Sid": "OnlyTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []string{arn, arn + "/*"},
			"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
		},
		{"Sid": "SyncChecksBucket", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": arn, "Condition": ofAccount},
		{
			"Sid": "SyncWrites", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
			"Resource": arn + "/" + SyncPrefix + "/*/accountid=" + m.at.Account + "/*", "Condition": ofAccount,
		},
		{
			"Sid": "InstancesPutTheirOwn", "Effect": "Allow", "Principal": object{"AWS": "*"}, "Action": "s3:PutObject",
			"Resource":  arn + "/" + CollectedPrefix + "/${aws:userid}/*",
			"Condition": object{"StringEquals": object{"aws:PrincipalAccount": m.at.Account}, "StringLike": object{"aws:userid": "*:i-*"}},
		},
	}})
}

func (m *Manager) makeBucket(ctx context.Context, t thing, exists bool) error {
	name, owner := aws.String(m.Bucket()), aws.String(m.at.Account)
	if !exists {
		if err := m.intend(ctx, t); err != nil {
			return err
		}
		in := &s3.CreateBucketInput{Bucket: name, ObjectOwnership: s3types.ObjectOwnershipBucketOwnerEnforced}
		if m.at.Region != "us-east-1" { // S3 API reference, CreateBucket: there the location is not said
			in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(m.at.Region)}
		}
		if _, err := m.s3.CreateBucket(ctx, in); err != nil && !hasCode(err, "BucketAlreadyOwnedByYou") {
			return m.fault("create bucket "+m.Bucket(), err)
		}
	}
	yes := aws.Bool(true)
	_, err := m.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: name, ExpectedBucketOwner: owner,
		PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes},
	})
	if err != nil {
		return m.fault("block public access to bucket "+m.Bucket(), err)
	}
	if _, err := m.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, ExpectedBucketOwner: owner, Policy: aws.String(m.bucketPolicy())}); err != nil {
		return m.fault("set the policy of bucket "+m.Bucket(), err)
	}
	_, err = m.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: name, ExpectedBucketOwner: owner, Tagging: &s3types.Tagging{
		TagSet: []s3types.Tag{{Key: aws.String(run.TagInstallation), Value: &m.installation}},
	}})
	if err != nil {
		return m.fault("tag bucket "+m.Bucket(), err)
	}
	return m.made(ctx, t, m.Bucket())
}

// upload puts a package's files into the bucket and returns their keys. Distributor copies them when the document is made.
func (m *Manager) upload(ctx context.Context, p *Package) (keys map[string]string, err error) {
	keys = map[string]string{}
	for _, f := range p.Files {
		key := packagePrefix + "/" + f.SHA256 + "/" + f.Name
		sum := sha256.Sum256(f.Data)
		_, err := m.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(m.Bucket()), Key: &key, Body: bytes.NewReader(f.Data), ExpectedBucketOwner: aws.String(m.at.Account),
			ContentType: aws.String("application/zip"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		})
		if err != nil {
			return nil, m.fault("upload "+key, err)
		}
		keys[f.Name] = key
	}
	return keys, nil
}

// emptyTries bounds how often a bucket is emptied: a data sync that has just been deleted may still write.
const emptyTries = 5

func (m *Manager) removeBucket(ctx context.Context) error {
	name, owner := aws.String(m.Bucket()), aws.String(m.at.Account)
	for try := 1; ; try++ {
		for {
			page, err := m.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name, ExpectedBucketOwner: owner})
			if hasCode(err, "NoSuchBucket") {
				return nil
			}
			if err != nil {
				return m.fault("list bucket "+m.Bucket(), err)
			}
			if len(page.Contents) == 0 {
				break
			}
			del := &s3types.Delete{Quiet: aws.Bool(true)}
			for _, o := range page.Contents {
				del.Objects = append(del.Objects, s3types.ObjectIdentifier{Key: o.Key})
			}
			out, err := m.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: name, ExpectedBucketOwner: owner, Delete: del})
			if err != nil {
				return m.fault("empty bucket "+m.Bucket(), err)
			}
			if len(out.Errors) > 0 {
				e := out.Errors[0]
				return m.fault("empty bucket "+m.Bucket(), fmt.Errorf("%d objects stay, the first is %s: %s", len(out.Errors), aws.ToString(e.Key), aws.ToString(e.Message)))
			}
		}
		_, err := m.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: name, ExpectedBucketOwner: owner})
		switch {
		case err == nil || hasCode(err, "NoSuchBucket"):
			return nil
		case !hasCode(err, "BucketNotEmpty") || try == emptyTries:
			return m.fault("delete bucket "+m.Bucket(), err)
		}
		if err := m.clock.Sleep(ctx, time.Duration(try)*time.Second); err != nil {
			return errors.Join(m.fault("delete bucket "+m.Bucket(), err))
		}
	}
}
