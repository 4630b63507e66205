package policy

import (
	"fmt"
	"strings"

	"hinomi/internal/event"
)

// queueTerraform is what does not depend on who sends.
const queueTerraform = `# The queue from which hinomi takes events, and the event bus before it.
data "aws_caller_identity" "hinomi" {}

data "aws_partition" "hinomi" {}

resource "aws_sqs_queue" "hinomi_dead_letters" {
  name                      = "hinomi-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = %[1]d
}

resource "aws_sqs_queue" "hinomi" {
  name                      = "hinomi"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = %[1]d
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.hinomi_dead_letters.arn
    maxReceiveCount     = %[2]d
  })
}

resource "aws_cloudwatch_event_bus" "hinomi" {
  name = %[3]s
}

resource "aws_cloudwatch_event_rule" "hinomi" {
  name           = "hinomi"
  description    = "Events of AWS go to hinomi's queue"
  event_bus_name = aws_cloudwatch_event_bus.hinomi.name
  event_pattern  = jsonencode({ source = [{ prefix = "aws." }] })
}

resource "aws_cloudwatch_event_target" "hinomi" {
  rule           = aws_cloudwatch_event_rule.hinomi.name
  event_bus_name = aws_cloudwatch_event_bus.hinomi.name
  arn            = aws_sqs_queue.hinomi.arn
}

data "aws_iam_policy_document" "hinomi_queue" {
  # The rule of the bus sends, and no other rule of anybody.
  statement {
    sid       = "Send"
    effect    = "Allow"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.hinomi.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.hinomi.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.hinomi.account_id]
    }
  }

`

// onlyTLS ends a queue's policy document.
const onlyTLS = `  # Nothing without TLS.
  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.%[1]s.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "%[1]s" {
  queue_url = aws_sqs_queue.%[1]s.id
  policy    = data.aws_iam_policy_document.%[2]s.json
}

`

const busSenders = `data "aws_iam_policy_document" "hinomi_bus" {
  statement {
    sid       = "Senders"
    effect    = "Allow"
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.hinomi.arn]

    principals {
      type        = %s
      identifiers = [%s]
    }
%s  }
}

resource "aws_cloudwatch_event_bus_policy" "hinomi" {
  event_bus_name = aws_cloudwatch_event_bus.hinomi.name
  policy         = data.aws_iam_policy_document.hinomi_bus.json
}

`

const queueReader = `# For hinomi's own role: what taking events from the queue needs.
data "aws_iam_policy_document" "hinomi_read_queue" {
  statement {
    sid       = "ReadQueue"
    effect    = "Allow"
    actions   = %s
    resources = [aws_sqs_queue.hinomi.arn]
  }
}

resource "aws_iam_policy" "hinomi_read_queue" {
  name_prefix = "hinomi-read-queue-"
  description = "hinomi takes events from its queue with it"
  policy      = data.aws_iam_policy_document.hinomi_read_queue.json
}

output "queue_url" {
  description = "For hinomi stream add"
  value       = aws_sqs_queue.hinomi.url
}

output "queue_arn" {
  description = "For hinomi stream template --rules --queue-arn"
  value       = aws_sqs_queue.hinomi.arn
}

output "read_policy_arn" {
  description = "The policy for hinomi's own role"
  value       = aws_iam_policy.hinomi_read_queue.arn
}
`

// Terraform renders the queue as configuration for the provider hashicorp/aws, in the form that terraform fmt gives.
func (q EventQueue) Terraform() ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, queueTerraform, queueRetention, queueDeliveries, hcl(busName))
	fmt.Fprintf(&b, onlyTLS, "hinomi", "hinomi_queue")
	b.WriteString("data \"aws_iam_policy_document\" \"hinomi_dead_letters\" {\n")
	fmt.Fprintf(&b, onlyTLS, "hinomi_dead_letters", "hinomi_dead_letters")
	switch {
	case q.Organization != "":
		fmt.Fprintf(&b, busSenders, hcl("*"), hcl("*"), "\n    condition {\n      test     = \"StringEquals\"\n      variable = \"aws:PrincipalOrgID\"\n      values   = ["+hcl(q.Organization)+"]\n    }\n")
	case len(q.Accounts) > 0:
		var roots []string
		for _, a := range q.Accounts {
			roots = append(roots, `"arn:${data.aws_partition.hinomi.partition}:iam::`+a+`:root"`)
		}
		fmt.Fprintf(&b, busSenders, hcl("AWS"), strings.Join(roots, ", "), "")
	}
	fmt.Fprintf(&b, queueReader, hclInline(readQueue()))
	return []byte(b.String()), nil
}

const sendRole = `# The rules that tell hinomi what changes in this account and region.
data "aws_caller_identity" "hinomi" {}

data "aws_iam_policy_document" "hinomi_send_trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.hinomi.account_id]
    }
  }
}

resource "aws_iam_role" "hinomi_send" {
  name_prefix        = "hinomi-send-"
  description        = "EventBridge sends events to hinomi's bus with it"
  assume_role_policy = data.aws_iam_policy_document.hinomi_send_trust.json
}

resource "aws_iam_role_policy" "hinomi_send" {
  name   = "hinomi"
  role   = aws_iam_role.hinomi_send.id
  policy = data.aws_iam_policy_document.hinomi_send.json
}

`

const sendRule = `
resource "aws_cloudwatch_event_rule" %[1]s {
  name          = %[2]s
  description   = %[3]s
  state         = "ENABLED" # which leaves out calls that only read
  event_pattern = <<-JSON
    %[4]s
  JSON
}

resource "aws_cloudwatch_event_target" %[1]s {
  rule     = aws_cloudwatch_event_rule.%[5]s.name
  arn      = %[6]s
  role_arn = aws_iam_role.hinomi_send.arn
}
`

// Terraform renders the rules as configuration for the provider hashicorp/aws, for one account and region, in the form that terraform fmt gives.
func (r EventRules) Terraform() ([]byte, error) {
	bus, err := r.bus()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(sendRole)
	hclDocument(&b, "hinomi_send", sendTo(bus))
	for _, p := range event.Patterns() {
		pattern, err := p.JSON("    ")
		if err != nil {
			return nil, err
		}
		name := "hinomi_" + strings.ToLower(p.Name)
		fmt.Fprintf(&b, sendRule, hcl(name), hcl("hinomi-"+strings.ToLower(p.Name)), hcl(p.About), pattern, name, hcl(bus))
	}
	return []byte(b.String()), nil
}
