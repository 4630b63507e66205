package ssm_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"hinomi/internal/awstest"
	"hinomi/internal/awstest/ssm"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

const region = "eu-west-1"

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// TestErrors holds the refusals against those that AWS's model names for each call.
func TestErrors(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	s := ssm.Serve(t, a, ssm.Options{MaxSyncs: 1})
	account := a.Account(1)
	c := awsssm.NewFromConfig(a.Config(region, a.AddKey(account, "me")), func(o *awsssm.Options) { o.Retryer = aws.NopRetryer{} })
	ctx := t.Context()
	s.AddNode(account, region, ssm.Node{ID: "i-00000000000000001", Ping: "Online"})
	dest := &types.ResourceDataSyncS3Destination{BucketName: aws.String("b"), Region: aws.String(region), SyncFormat: types.ResourceDataSyncS3FormatJsonSerde}
	create := func(name string) error {
		_, err := c.CreateResourceDataSync(ctx, &awsssm.CreateResourceDataSyncInput{SyncName: &name, S3Destination: dest})
		return err
	}
	document := func(name, content string) error {
		_, err := c.CreateDocument(ctx, &awsssm.CreateDocumentInput{Name: &name, Content: &content, DocumentType: types.DocumentTypeCommand})
		return err
	}
	id := ""
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"sync", func() error { return create("one") }, ""},
		{"sync_again", func() error { return create("one") }, "ResourceDataSyncAlreadyExistsException"},
		{"sync_quota", func() error { return create("two") }, "ResourceDataSyncCountExceededException"},
		{"no_sync", func() error {
			_, err := c.DeleteResourceDataSync(ctx, &awsssm.DeleteResourceDataSyncInput{SyncName: aws.String("x")})
			return err
		}, "ResourceDataSyncNotFoundException"},
		{"document", func() error { return document("Doc", "{}") }, ""},
		{"document_again", func() error { return document("Doc", "{}") }, "DocumentAlreadyExists"},
		{"reserved_name", func() error { return document("amazon-doc", "{}") }, "InvalidDocumentContent"},
		{"large_document", func() error { return document("Large", string(make([]byte, 65<<10))) }, "MaxDocumentSizeExceeded"},
		{"association", func() error {
			out, err := c.CreateAssociation(ctx, &awsssm.CreateAssociationInput{Name: aws.String("Doc"), Targets: []types.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}}})
			if err == nil {
				id = *out.AssociationDescription.AssociationId
			}
			return err
		}, ""},
		{"association_without_document", func() error {
			_, err := c.CreateAssociation(ctx, &awsssm.CreateAssociationInput{Name: aws.String("None")})
			return err
		}, "InvalidDocument"},
		{"document_in_use", func() error {
			_, err := c.DeleteDocument(ctx, &awsssm.DeleteDocumentInput{Name: aws.String("Doc")})
			return err
		}, "AssociatedInstances"},
		{"start", func() error {
			_, err := c.StartAssociationsOnce(ctx, &awsssm.StartAssociationsOnceInput{AssociationIds: []string{id}})
			return err
		}, ""},
		{"delete", func() error {
			_, err := c.DeleteAssociation(ctx, &awsssm.DeleteAssociationInput{AssociationId: &id})
			return err
		}, ""},
		{"delete_again", func() error {
			_, err := c.DeleteAssociation(ctx, &awsssm.DeleteAssociationInput{AssociationId: &id})
			return err
		}, "AssociationDoesNotExist"},
		{"document_free", func() error {
			_, err := c.DeleteDocument(ctx, &awsssm.DeleteDocumentInput{Name: aws.String("Doc")})
			return err
		}, ""},
		{"unmanaged", func() error {
			_, err := c.ListInventoryEntries(ctx, &awsssm.ListInventoryEntriesInput{InstanceId: aws.String("i-00000000000000009"), TypeName: aws.String("AWS:Application")})
			return err
		}, "InvalidInstanceId"},
		{"bad_token", func() error {
			_, err := c.DescribeInstanceInformation(ctx, &awsssm.DescribeInstanceInformationInput{NextToken: aws.String("x")})
			return err
		}, "InvalidNextToken"},
	} {
		if err := step.do(); code(err) != step.want || (err != nil) != (step.want != "") {
			t.Errorf("%s: got %v, want %q", step.name, err, step.want)
		}
	}
}

// TestPagesAndFaults holds that pages are AWS's size and that faults on demand reach the caller.
func TestPagesAndFaults(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	s := ssm.Serve(t, a, ssm.Options{})
	account := a.Account(1)
	c := awsssm.NewFromConfig(a.Config(region, a.AddKey(account, "me")), func(o *awsssm.Options) { o.Retryer = aws.NopRetryer{} })
	for i := range 130 {
		s.AddNode(account, region, ssm.Node{ID: fmt.Sprintf("i-%017x", i), Ping: "Online", LastPing: time.Now()})
	}
	var sizes []int
	pages := awsssm.NewDescribeInstanceInformationPaginator(c, &awsssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(50)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(p.InstanceInformationList))
	}
	if fmt.Sprint(sizes) != "[50 50 30]" {
		t.Errorf("pages of %v", sizes)
	}
	a.Before("ssm", "DescribeInstanceInformation", awstest.Times(1, awstest.Throttle()))
	_, err := c.DescribeInstanceInformation(t.Context(), &awsssm.DescribeInstanceInformationInput{})
	if code(err) != "ThrottlingException" {
		t.Errorf("got %v, want throttling", err)
	}
	if out, err := c.DescribeInstanceInformation(t.Context(), &awsssm.DescribeInstanceInformationInput{}); err != nil || len(out.InstanceInformationList) == 0 {
		t.Errorf("after it: %v", err)
	}
}
