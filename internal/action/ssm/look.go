package ssm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"hinomi/internal/run"
)

// State is what a place has of what a plan is about.
type State struct {
	Bucket       Bucket
	Sync         *Sync                // the one of our name, whoever's it is
	Documents    map[string]*Document // by name: those of ours that are there
	Associations []Association        // those of our names, and those that gather inventory of every instance
}

// Sync is a resource data sync.
type Sync struct{ Bucket, Prefix, Region, Status, Message string }

// Document is one of ours.
type Document struct {
	Installation string // of its tag
	Version      string // the name of the version in force
	Latest       string // of the newest version, and its number
	LatestNumber string
	Status       string
}

// Association is one of Systems Manager's associations.
type Association struct {
	ID, Name, Document, Schedule string
	Parameters                   map[string][]string
	Everyone                     bool // targets every managed instance
	Installation                 string
}

// Look reads what is there. An error leaves the state unknown: nothing may be planned on it.
func (m *Manager) Look(ctx context.Context) (State, error) {
	s := State{Documents: map[string]*Document{}}
	var err error
	if s.Bucket, err = m.lookBucket(ctx); err != nil {
		return State{}, err
	}
	if s.Sync, err = m.lookSync(ctx); err != nil {
		return State{}, err
	}
	things, _ := m.all(&Want{})
	var names []string
	for _, t := range things {
		if t.kind == run.KindAssociation {
			names = append(names, t.name)
		}
		if t.kind != run.KindDocument {
			continue
		}
		d, err := m.lookDocument(ctx, t.name)
		if err != nil {
			return State{}, err
		}
		if d != nil {
			s.Documents[t.name] = d
		}
	}
	if s.Associations, err = m.lookAssociations(ctx, names); err != nil {
		return State{}, err
	}
	return s, nil
}

func (m *Manager) lookSync(ctx context.Context) (*Sync, error) {
	in := &ssm.ListResourceDataSyncInput{MaxResults: aws.Int32(50)}
	for {
		page, err := m.ssm.ListResourceDataSync(ctx, in)
		if err != nil {
			return nil, m.fault("list resource data syncs", err)
		}
		for _, i := range page.ResourceDataSyncItems {
			if aws.ToString(i.SyncName) != DataSync {
				continue
			}
			s := &Sync{Status: string(i.LastStatus), Message: aws.ToString(i.LastSyncStatusMessage)}
			if d := i.S3Destination; d != nil {
				s.Bucket, s.Prefix, s.Region = aws.ToString(d.BucketName), aws.ToString(d.Prefix), aws.ToString(d.Region)
			}
			return s, nil
		}
		if aws.ToString(page.NextToken) == "" {
			return nil, nil //nolint:nilnil // there is none
		}
		in.NextToken = page.NextToken
	}
}

func (m *Manager) lookDocument(ctx context.Context, name string) (*Document, error) {
	out, err := m.ssm.DescribeDocument(ctx, &ssm.DescribeDocumentInput{Name: &name})
	if is[*ssmtypes.InvalidDocument](err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, m.fault("describe document "+name, err)
	}
	d := &Document{
		Version: aws.ToString(out.Document.VersionName), LatestNumber: aws.ToString(out.Document.LatestVersion), Status: string(out.Document.Status),
		Installation: tagOf(out.Document.Tags),
	}
	d.Latest = d.Version
	if d.LatestNumber != aws.ToString(out.Document.DefaultVersion) {
		last, err := m.ssm.DescribeDocument(ctx, &ssm.DescribeDocumentInput{Name: &name, DocumentVersion: aws.String("$LATEST")})
		if err != nil {
			return nil, m.fault("describe the newest version of document "+name, err)
		}
		d.Latest = aws.ToString(last.Document.VersionName)
	}
	if d.Installation == "" { // a description may leave the tags out
		tags, err := m.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingDocument, ResourceId: &name})
		if err != nil {
			return nil, m.fault("list tags of document "+name, err)
		}
		d.Installation = tagOf(tags.TagList)
	}
	return d, nil
}

// lookAssociations reads those of our names, and every one that gathers inventory of all instances.
func (m *Manager) lookAssociations(ctx context.Context, names []string) ([]Association, error) {
	var out []Association
	in := &ssm.ListAssociationsInput{MaxResults: aws.Int32(50)}
	for {
		page, err := m.ssm.ListAssociations(ctx, in)
		if err != nil {
			return nil, m.fault("list associations", err)
		}
		for _, a := range page.Associations {
			if !slices.Contains(names, aws.ToString(a.AssociationName)) && (!gathers(aws.ToString(a.Name)) || !everyone(a.Targets)) {
				continue
			}
			one, err := m.lookAssociation(ctx, aws.ToString(a.AssociationId))
			if err != nil {
				return nil, err
			}
			if one != nil {
				out = append(out, *one)
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return out, nil
		}
		in.NextToken = page.NextToken
	}
}

func (m *Manager) lookAssociation(ctx context.Context, id string) (*Association, error) {
	d, err := m.ssm.DescribeAssociation(ctx, &ssm.DescribeAssociationInput{AssociationId: &id})
	if is[*ssmtypes.AssociationDoesNotExist](err) {
		return nil, nil //nolint:nilnil // deleted since it was listed
	}
	if err != nil {
		return nil, m.fault("describe association "+id, err)
	}
	tags, err := m.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingAssociation, ResourceId: &id})
	if err != nil {
		return nil, m.fault("list tags of association "+id, err)
	}
	v := d.AssociationDescription
	return &Association{
		ID: id, Name: aws.ToString(v.AssociationName), Document: aws.ToString(v.Name), Schedule: aws.ToString(v.ScheduleExpression),
		Parameters: v.Parameters, Everyone: everyone(v.Targets), Installation: tagOf(tags.TagList),
	}, nil
}

// gathers reports whether a document, by name or ARN, is AWS's own that gathers inventory.
func gathers(document string) bool {
	return document == gather || strings.HasPrefix(document, "arn:") && strings.HasSuffix(document, ":document/"+gather)
}

func everyone(targets []ssmtypes.Target) bool {
	return slices.ContainsFunc(targets, func(t ssmtypes.Target) bool {
		return aws.ToString(t.Key) == "InstanceIds" && slices.Contains(t.Values, "*")
	})
}

func tagOf(tags []ssmtypes.Tag) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == run.TagInstallation {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// tags mark what is ours.
func (m *Manager) tags() []ssmtypes.Tag {
	return []ssmtypes.Tag{{Key: aws.String(run.TagInstallation), Value: &m.installation}}
}

func (m *Manager) fault(what string, err error) error {
	return fmt.Errorf("%s in %s/%s: %w", what, m.at.Account, m.at.Region, err)
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func hasCode(err error, codes ...string) bool {
	var e smithy.APIError
	return errors.As(err, &e) && slices.Contains(codes, e.ErrorCode())
}
