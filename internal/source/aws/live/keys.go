package live

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"hinomi/internal/awsclient"
)

// maxKeyTags bounds the pages read of one key: a key has at most 50 tags (AWS KMS developer guide, "Quotas"), and a page holds as many.
const maxKeyTags = 10

// KeyTags returns the tags of a KMS key by its ARN or ID (KMS API: ListResourceTags). A key of AWS's own (aws/ebs) has none that a customer
// could set; it answers all the same.
func KeyTags(ctx context.Context, s *awsclient.Session, region, key string) (map[string]string, error) {
	out := map[string]string{}
	in := &kms.ListResourceTagsInput{KeyId: aws.String(key)}
	for range maxKeyTags {
		page, err := s.KMS(region).ListResourceTags(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the tags of KMS key %s: %w", key, err)
		}
		for _, t := range page.Tags {
			out[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
		}
		if !page.Truncated || aws.ToString(page.NextMarker) == "" {
			return out, nil
		}
		in.Marker = page.NextMarker
	}
	return nil, fmt.Errorf("list the tags of KMS key %s: more than %d pages", key, maxKeyTags)
}
