package ssm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// makeDocument makes a document, or a version of one that is there, and puts it in force.
func (m *Manager) makeDocument(ctx context.Context, t thing, exists bool) error {
	attachments, err := m.attach(ctx, t.document)
	if err != nil {
		return err
	}
	if exists {
		number, err := m.newVersion(ctx, t, attachments)
		if err != nil {
			return err
		}
		if err := m.settled(ctx, t.name, number); err != nil {
			return err
		}
		if _, err := m.ssm.UpdateDocumentDefaultVersion(ctx, &ssm.UpdateDocumentDefaultVersionInput{Name: &t.name, DocumentVersion: &number}); err != nil {
			return m.fault("put version "+number+" of document "+t.name+" in force", err)
		}
		return m.made(ctx, t, t.name)
	}
	if err := m.intend(ctx, t); err != nil {
		return err
	}
	_, err = m.ssm.CreateDocument(ctx, &ssm.CreateDocumentInput{
		Name: &t.name, Content: &t.document.content, DocumentType: t.document.kind, DocumentFormat: ssmtypes.DocumentFormatJson,
		VersionName: aws.String(t.document.version()), Attachments: attachments, Tags: m.tags(),
	})
	if err != nil {
		return m.fault("create document "+t.name, err)
	}
	if err := m.settled(ctx, t.name, "1"); err != nil {
		return err
	}
	return m.made(ctx, t, t.name)
}

func (m *Manager) attach(ctx context.Context, d *documentSpec) (out []ssmtypes.AttachmentsSource, err error) {
	if d.pack == nil {
		return nil, nil
	}
	keys, err := m.upload(ctx, d.pack)
	if err != nil {
		return nil, err
	}
	for _, f := range d.pack.Files {
		out = append(out, ssmtypes.AttachmentsSource{
			Key: ssmtypes.AttachmentsSourceKeyS3FileUrl, Name: &f.Name, Values: []string{"s3://" + m.Bucket() + "/" + keys[f.Name]},
		})
	}
	return out, nil
}

// newVersion adds a version and returns its number, or that of the version that holds the same already.
func (m *Manager) newVersion(ctx context.Context, t thing, attachments []ssmtypes.AttachmentsSource) (number string, err error) {
	out, err := m.ssm.UpdateDocument(ctx, &ssm.UpdateDocumentInput{
		Name: &t.name, Content: &t.document.content, DocumentFormat: ssmtypes.DocumentFormatJson, DocumentVersion: aws.String("$LATEST"),
		VersionName: aws.String(t.document.version()), Attachments: attachments,
	})
	if err == nil {
		return aws.ToString(out.DocumentDescription.DocumentVersion), nil
	}
	if !is[*ssmtypes.DuplicateDocumentContent](err) && !is[*ssmtypes.DuplicateDocumentVersionName](err) {
		return "", m.fault("update document "+t.name, err)
	}
	in := &ssm.ListDocumentVersionsInput{Name: &t.name, MaxResults: aws.Int32(50)}
	for {
		page, listErr := m.ssm.ListDocumentVersions(ctx, in)
		if listErr != nil {
			return "", m.fault("list versions of document "+t.name, listErr)
		}
		for _, v := range page.DocumentVersions {
			if aws.ToString(v.VersionName) == t.document.version() {
				return aws.ToString(v.DocumentVersion), nil
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return "", m.fault("update document "+t.name, err)
		}
		in.NextToken = page.NextToken
	}
}

// How long Systems Manager has to take up a document with its attachments.
const (
	documentWait  = 5 * time.Minute
	documentPause = 2 * time.Second
)

// settled waits until a version of a document can be used.
func (m *Manager) settled(ctx context.Context, name, version string) error {
	for begun := m.clock.Now(); ; {
		out, err := m.ssm.DescribeDocument(ctx, &ssm.DescribeDocumentInput{Name: &name, DocumentVersion: &version})
		if err != nil {
			return m.fault("describe document "+name, err)
		}
		switch out.Document.Status {
		case ssmtypes.DocumentStatusActive:
			return nil
		case ssmtypes.DocumentStatusFailed, ssmtypes.DocumentStatusDeleting:
			return m.fault("make document "+name, errors.New(aws.ToString(out.Document.StatusInformation)))
		default:
		}
		if m.clock.Now().Sub(begun) >= documentWait {
			return m.fault("make document "+name, fmt.Errorf("it is %s after %s", out.Document.Status, documentWait))
		}
		if err := m.clock.Sleep(ctx, documentPause); err != nil {
			return m.fault("make document "+name, err)
		}
	}
}
