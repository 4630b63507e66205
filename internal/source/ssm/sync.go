package ssm

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Sync is a resource data sync that writes inventories to a bucket.
type Sync struct {
	Name      string
	Bucket    string
	Prefix    string // "" for none
	Region    string // the bucket's
	Failed    bool   // its last run failed
	Message   string // what Systems Manager says of that
	Succeeded time.Time
}

// Stopped says why the bucket of a data sync does not hold what Systems Manager knows, "" if it does.
func (s *Sync) Stopped() string {
	switch {
	case s.Failed:
		return "its last run failed: " + s.Message
	case s.Succeeded.IsZero():
		return "it has not run to its end yet"
	}
	return ""
}

// Sync finds a resource data sync of the place by its name. It returns nil if there is none that writes to a bucket.
func (r *Reader) Sync(ctx context.Context, name string) (*Sync, error) {
	in := &ssm.ListResourceDataSyncInput{MaxResults: aws.Int32(maxPage)}
	for range maxPages {
		page, err := r.api.ListResourceDataSync(ctx, in)
		if err != nil {
			return nil, r.fault("list resource data syncs", err)
		}
		for i := range page.ResourceDataSyncItems {
			v := &page.ResourceDataSyncItems[i]
			if aws.ToString(v.SyncName) != name || v.S3Destination == nil || aws.ToString(v.S3Destination.BucketName) == "" {
				continue
			}
			d := v.S3Destination
			return &Sync{
				Name: name, Bucket: aws.ToString(d.BucketName), Prefix: aws.ToString(d.Prefix), Region: aws.ToString(d.Region),
				Failed: v.LastStatus == ssmtypes.LastResourceDataSyncStatusFailed, Message: aws.ToString(v.LastSyncStatusMessage),
				Succeeded: aws.ToTime(v.LastSuccessfulSyncTime),
			}, nil
		}
		if aws.ToString(page.NextToken) == "" {
			return nil, nil //nolint:nilnil // there is none
		}
		in.NextToken = page.NextToken
	}
	return nil, r.fault("list resource data syncs", errEndless)
}
