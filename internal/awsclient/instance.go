package awsclient

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Here is the instance that this process runs on, as its metadata service says (EC2 User Guide, "Instance identity documents").
type Here struct {
	Instance string
	Account  string
	Region   string
}

// ThisInstance asks the metadata service, by its second version alone. endpoint is "" but in tests. It fails where there is none.
func ThisInstance(ctx context.Context, endpoint string) (Here, error) {
	c := imds.New(imds.Options{Endpoint: endpoint, EnableFallback: aws.FalseTernary})
	out, err := c.GetInstanceIdentityDocument(ctx, &imds.GetInstanceIdentityDocumentInput{})
	if err != nil {
		return Here{}, fmt.Errorf("ask the instance metadata service who this is: %w", err)
	}
	if out.InstanceID == "" || out.Region == "" {
		return Here{}, fmt.Errorf("ask the instance metadata service who this is: %w", io.ErrUnexpectedEOF)
	}
	return Here{Instance: out.InstanceID, Account: out.AccountID, Region: out.Region}, nil
}
