package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hinomi/internal/event"
)

// busName is the name of the event bus before the queue. A rule's queue must be in the rule's region (EventBridge User Guide, "Sending events
// to an AWS service in another account"), a bus need not: so events of every account and region go to one bus, and by its rule to one queue.
const busName = "hinomi"

// Numbers of the queue: what `hinomi stream add` advises (SQS Developer Guide, "Queue quotas": 14 days is the most).
const (
	queueRetention  = 14 * 24 * 60 * 60 // seconds
	queueDeliveries = 5
)

var (
	organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`) // Organizations API Reference, Organization, Id
	senderAccount  = regexp.MustCompile(`^[0-9]{12}$`)
	queueARN       = regexp.MustCompile(`^arn:(aws[a-z-]*):sqs:([a-z0-9-]+):([0-9]{12}):[A-Za-z0-9_-]{1,80}$`)
)

// readQueue are the actions of whoever takes events from the queue.
func readQueue() []string {
	return []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
}

// EventQueue is a queue for events with its dead-letter queue, and the event bus before it. Who may send to the bus is an organisation, or
// accounts; with neither it is the queue's own account alone.
type EventQueue struct {
	Organization string // o-…
	Accounts     []string
}

func (q EventQueue) check() error {
	if q.Organization != "" && len(q.Accounts) > 0 {
		return errors.New("name an organisation or accounts, not both")
	}
	if q.Organization != "" && !organizationID.MatchString(q.Organization) {
		return fmt.Errorf("%q is no organisation's id, o-…", q.Organization)
	}
	for _, a := range q.Accounts {
		if !senderAccount.MatchString(a) {
			return fmt.Errorf("%q is no account's id of 12 digits", a)
		}
	}
	return nil
}

// EventRules are the rules that send an account's events of one region to the bus before a queue.
type EventRules struct{ QueueARN string }

// bus returns the ARN of the bus that EventQueue makes beside the queue.
func (r EventRules) bus() (string, error) {
	m := queueARN.FindStringSubmatch(r.QueueARN)
	if m == nil {
		return "", fmt.Errorf("%q is no ARN of a standard queue, arn:aws:sqs:REGION:ACCOUNT:NAME", r.QueueARN)
	}
	return "arn:" + m[1] + ":events:" + m[2] + ":" + m[3] + ":event-bus/" + busName, nil
}

// CloudFormation renders the queue as a template in YAML. Creating it needs CAPABILITY_IAM.
func (q EventQueue) CloudFormation() ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	var y yaml
	y.line(0, "AWSTemplateFormatVersion: \"2010-09-09\"")
	y.line(0, "Description: The queue from which hinomi takes events, and the event bus before it.")
	y.line(0, "Resources:")
	for _, name := range []string{"HinomiDeadLetters", "HinomiQueue"} {
		y.line(1, "%s:", name)
		y.line(2, "Type: AWS::SQS::Queue")
		y.line(2, "UpdateReplacePolicy: Delete")
		y.line(2, "DeletionPolicy: Delete")
		y.line(2, "Properties:")
		y.line(3, "SqsManagedSseEnabled: true")
		y.line(3, "MessageRetentionPeriod: %d", queueRetention)
		if name == "HinomiQueue" {
			y.line(3, "RedrivePolicy:")
			y.line(4, "deadLetterTargetArn: !GetAtt HinomiDeadLetters.Arn")
			y.line(4, "maxReceiveCount: %d", queueDeliveries)
		}
	}
	for _, name := range []string{"HinomiDeadLetters", "HinomiQueue"} {
		y.queuePolicy(name, name == "HinomiQueue")
	}
	y.line(1, "HinomiBus:")
	y.line(2, "Type: AWS::Events::EventBus")
	y.line(2, "Properties:")
	y.line(3, "Name: %s", busName)
	y.line(1, "HinomiBusRule:")
	y.line(2, "Type: AWS::Events::Rule")
	y.line(2, "Properties:")
	y.line(3, "Description: Events of AWS go to hinomi's queue")
	y.line(3, "EventBusName: !Ref HinomiBus")
	y.line(3, "EventPattern:")
	y.line(4, "source:")
	y.line(5, "- prefix: aws.")
	y.line(3, "State: ENABLED")
	y.line(3, "Targets:")
	y.line(4, "- Id: hinomi")
	y.line(5, "Arn: !GetAtt HinomiQueue.Arn")
	y.senders(q)
	y.reader()
	return []byte(y.text.String()), nil
}

// reader writes the policy for hinomi's own role, and the outputs.
func (y *yaml) reader() {
	y.line(1, "# For hinomi's own role: what taking events from the queue needs.")
	y.line(1, "HinomiReadQueue:")
	y.line(2, "Type: AWS::IAM::ManagedPolicy")
	y.line(2, "Properties:")
	y.line(3, "Description: hinomi takes events from its queue with it")
	y.line(3, "PolicyDocument:")
	y.line(4, "Version: %q", version)
	y.line(4, "Statement:")
	y.line(5, "- Sid: ReadQueue")
	y.line(6, "Effect: Allow")
	y.list(6, "Action", readQueue())
	y.line(6, "Resource: !GetAtt HinomiQueue.Arn")
	y.line(0, "Outputs:")
	for _, o := range [][3]string{
		{"QueueUrl", "For hinomi stream add", "!Ref HinomiQueue"},
		{"QueueArn", "For hinomi stream template --rules --queue-arn", "!GetAtt HinomiQueue.Arn"},
		{"ReadPolicyArn", "The policy for hinomi's own role", "!Ref HinomiReadQueue"},
	} {
		y.line(1, "%s:", o[0])
		y.line(2, "Description: %s", o[1])
		y.line(2, "Value: %s", o[2])
	}
}

// queuePolicy lets the bus's rule alone send, and nobody do anything without TLS.
func (y *yaml) queuePolicy(queue string, send bool) {
	y.line(1, "%sPolicy:", queue)
	y.line(2, "Type: AWS::SQS::QueuePolicy")
	y.line(2, "Properties:")
	y.line(3, "Queues:")
	y.line(4, "- !Ref %s", queue)
	y.line(3, "PolicyDocument:")
	y.line(4, "Version: %q", version)
	y.line(4, "Statement:")
	if send {
		y.line(5, "# The rule of the bus sends, and no other rule of anybody.")
		y.line(5, "- Sid: Send")
		y.line(6, "Effect: Allow")
		y.line(6, "Principal:")
		y.line(7, "Service: events.amazonaws.com")
		y.line(6, "Action: sqs:SendMessage")
		y.line(6, "Resource: !GetAtt %s.Arn", queue)
		y.line(6, "Condition:")
		y.line(7, "ArnEquals:")
		y.line(8, "aws:SourceArn: !GetAtt HinomiBusRule.Arn")
		y.line(7, "StringEquals:")
		y.line(8, "aws:SourceAccount: !Ref AWS::AccountId")
	}
	y.line(5, "# Nothing without TLS.")
	y.line(5, "- Sid: OnlyTLS")
	y.line(6, "Effect: Deny")
	y.line(6, "Principal: \"*\"")
	y.line(6, "Action: sqs:*")
	y.line(6, "Resource: !GetAtt %s.Arn", queue)
	y.line(6, "Condition:")
	y.line(7, "Bool:")
	y.line(8, "aws:SecureTransport: \"false\"")
}

// senders writes who may send to the bus.
func (y *yaml) senders(q EventQueue) {
	if q.Organization == "" && len(q.Accounts) == 0 {
		return
	}
	y.line(1, "HinomiBusPolicy:")
	y.line(2, "Type: AWS::Events::EventBusPolicy")
	y.line(2, "Properties:")
	y.line(3, "EventBusName: !Ref HinomiBus")
	y.line(3, "StatementId: Senders")
	y.line(3, "Statement:")
	y.line(4, "Effect: Allow")
	if q.Organization != "" {
		y.line(4, "Principal: \"*\"")
	} else {
		y.line(4, "Principal:")
		y.line(5, "AWS:")
		for _, a := range q.Accounts {
			y.line(6, "- !Sub arn:${AWS::Partition}:iam::%s:root", a)
		}
	}
	y.line(4, "Action: events:PutEvents")
	y.line(4, "Resource: !GetAtt HinomiBus.Arn")
	if q.Organization != "" {
		y.line(4, "Condition:")
		y.line(5, "StringEquals:")
		y.line(6, "aws:PrincipalOrgID: %s", q.Organization)
	}
}

// CloudFormation renders the rules as a template in YAML for one account and region, or for a StackSet of many. Creating it needs CAPABILITY_IAM.
func (r EventRules) CloudFormation() ([]byte, error) {
	bus, err := r.bus()
	if err != nil {
		return nil, err
	}
	var y yaml
	y.line(0, "AWSTemplateFormatVersion: \"2010-09-09\"")
	y.line(0, "Description: The rules that tell hinomi what changes in this account and region.")
	y.line(0, "Resources:")
	y.line(1, "HinomiSend:")
	y.line(2, "Type: AWS::IAM::Role")
	y.line(2, "Properties:")
	y.line(3, "Description: EventBridge sends events to hinomi's bus with it")
	y.line(3, "AssumeRolePolicyDocument:")
	y.line(4, "Version: %q", version)
	y.line(4, "Statement:")
	y.line(5, "- Effect: Allow")
	y.line(6, "Principal:")
	y.line(7, "Service: events.amazonaws.com")
	y.line(6, "Action: sts:AssumeRole")
	y.line(6, "Condition:")
	y.line(7, "StringEquals:")
	y.line(8, "aws:SourceAccount: !Ref AWS::AccountId")
	y.line(3, "Policies:")
	y.line(4, "- PolicyName: hinomi")
	y.line(5, "PolicyDocument:")
	y.document(6, sendTo(bus))
	for _, p := range event.Patterns() {
		pattern, err := p.JSON(strings.Repeat("  ", 4)) // JSON is YAML
		if err != nil {
			return nil, err
		}
		y.line(1, "Hinomi%s:", p.Name)
		y.line(2, "Type: AWS::Events::Rule")
		y.line(2, "Properties:")
		y.line(3, "Description: %s", strconv.Quote(p.About))
		y.line(3, "State: ENABLED # which leaves out calls that only read")
		y.line(3, "EventPattern:")
		y.line(4, "%s", pattern)
		y.line(3, "Targets:")
		y.line(4, "- Id: hinomi")
		y.line(5, "Arn: %s", bus)
		y.line(5, "RoleArn: !GetAtt HinomiSend.Arn")
	}
	return []byte(y.text.String()), nil
}

func sendTo(bus string) Document {
	return Document{Statements: []Statement{{
		Sid: "Send", Actions: []string{"events:PutEvents"}, Resources: []string{bus}, Reason: "Send events to the bus before hinomi's queue, and nowhere else.",
	}}}
}
