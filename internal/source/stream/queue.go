package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is what SQS says of a queue.
type Queue struct {
	ARN         string
	Account     string
	Region      string
	DeadLetters string // ARN of the dead-letter queue; "" if there is none
	MaxReceive  int    // deliveries before a message goes there
	Waiting     int    // messages, about
}

// ErrURL refuses what is no queue's URL.
var ErrURL = errors.New("not the URL of an SQS queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")

var (
	queuePath = regexp.MustCompile(`^/([0-9]{12})/[A-Za-z0-9_-]{1,80}$`) // standard queues; a FIFO queue's name ends in .fifo, and no rule can send to it without a group
	queueHost = regexp.MustCompile(`^sqs(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$`)
)

// ParseURL returns the account and region in a queue's URL (SQS Developer Guide, "Queue and message identifiers"). Another host than AWS's own
// names no region.
func ParseURL(text string) (account, region string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", "", ErrURL
	}
	m := queuePath.FindStringSubmatch(u.Path)
	if m == nil {
		return "", "", ErrURL
	}
	if h := queueHost.FindStringSubmatch(u.Host); h != nil {
		if u.Scheme != "https" {
			return "", "", ErrURL
		}
		region = h[1]
	}
	return m[1], region, nil
}

// Describer is what asks for a queue's attributes; *sqs.Client is one.
type Describer interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Describe asks SQS about a queue.
func Describe(ctx context.Context, c Describer, queue string) (Queue, error) {
	out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameQueueArn, types.QueueAttributeNameRedrivePolicy, types.QueueAttributeNameApproximateNumberOfMessages,
	}})
	if err != nil {
		return Queue{}, fmt.Errorf("get the attributes of queue %s: %w", queue, err)
	}
	q := Queue{ARN: out.Attributes[string(types.QueueAttributeNameQueueArn)]}
	parts := strings.Split(q.ARN, ":")
	if len(parts) != 6 || parts[2] != "sqs" {
		return q, fmt.Errorf("get the attributes of queue %s: its ARN is %q", queue, q.ARN)
	}
	q.Region, q.Account = parts[3], parts[4]
	if _, err := fmt.Sscan(out.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)], &q.Waiting); err != nil {
		q.Waiting = -1
	}
	if text := out.Attributes[string(types.QueueAttributeNameRedrivePolicy)]; text != "" {
		var p struct {
			Target string      `json:"deadLetterTargetArn"`
			Max    json.Number `json:"maxReceiveCount"`
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return q, fmt.Errorf("read the redrive policy of queue %s: %w", queue, err)
		}
		q.DeadLetters = p.Target
		if n, err := p.Max.Int64(); err == nil {
			q.MaxReceive = int(n)
		}
	}
	return q, nil
}
