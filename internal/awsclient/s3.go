package awsclient

import "github.com/aws/aws-sdk-go-v2/service/s3"

// S3 returns an S3 client for a region. Where another endpoint than AWS's own answers, the bucket stands in the path: such an endpoint has
// one name.
func (s *Session) S3(region string) *s3.Client {
	return s3.NewFromConfig(s.config(region, s.creds), func(o *s3.Options) { o.UsePathStyle = s.c.cfg.Endpoint != "" })
}
