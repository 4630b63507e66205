package awsclient

import "github.com/aws/aws-sdk-go-v2/service/sqs"

// SQS returns a Simple Queue Service client for a region.
func (s *Session) SQS(region string) *sqs.Client { return sqs.NewFromConfig(s.config(region, s.creds)) }
