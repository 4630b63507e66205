package policy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/event"
	"hinomi/internal/source/aws/policy"
)

const someQueue = "arn:aws:sqs:eu-west-1:111122223333:hinomi"

type renderer interface {
	CloudFormation() ([]byte, error)
	Terraform() ([]byte, error)
}

func streamTemplates() map[string]renderer {
	return map[string]renderer{
		"own": policy.EventQueue{}, "organization": policy.EventQueue{Organization: "o-a1b2c3d4e5"},
		"accounts": policy.EventQueue{Accounts: []string{"222233334444", "333344445555"}}, "rules": policy.EventRules{QueueARN: someQueue},
	}
}

func TestStreamCloudFormation(t *testing.T) {
	lint := tool(t, "cfn-lint")
	dir := t.TempDir()
	for name, r := range streamTemplates() {
		b, err := r.CloudFormation()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(lint, append([]string{"--include-checks", "I", "--regions", "eu-west-1", "--"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, bytes.ReplaceAll(mustRead(t, filepath.Join(dir, "rules.yaml")), []byte("EventPattern:"), []byte("EventPatron:")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(lint, bad).Run(); err == nil {
		t.Error("cfn-lint finds nothing wrong with a property that does not exist: the test proves nothing")
	}
}

func TestStreamTerraformForm(t *testing.T) {
	terraform := tool(t, "terraform")
	for name, r := range streamTemplates() {
		b, err := r.Terraform()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "hinomi.tf")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(terraform, "fmt", "-check", "-diff", file)
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: terraform fmt: %v\n%s", name, err, out)
		}
	}
}

// TestStreamSenders holds who may send, in both forms: the bus's own rule to the queue, and to the bus who was named and nobody else.
func TestStreamSenders(t *testing.T) {
	for name, want := range map[string]struct{ has, lacks []string }{
		"own":          {lacks: []string{"events:PutEvents", "PrincipalOrgID"}},
		"organization": {has: []string{"events:PutEvents", "aws:PrincipalOrgID", "o-a1b2c3d4e5"}, lacks: []string{":root"}},
		"accounts":     {has: []string{"events:PutEvents", ":iam::222233334444:root", ":iam::333344445555:root"}, lacks: []string{"PrincipalOrgID"}},
		"rules":        {has: []string{"arn:aws:events:eu-west-1:111122223333:event-bus/hinomi", "events:PutEvents"}, lacks: []string{"sqs:"}},
	} {
		always := []string{"aws:SecureTransport", "aws:SourceArn", "aws:SourceAccount", "1209600", "events.amazonaws.com", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
		if name == "rules" {
			always = []string{"aws:SourceAccount", "events.amazonaws.com"}
		}
		r := streamTemplates()[name]
		for form, render := range map[string]func() ([]byte, error){"cloudformation": r.CloudFormation, "terraform": r.Terraform} {
			b, err := render()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range slices.Concat(want.has, always) {
				if !strings.Contains(string(b), s) {
					t.Errorf("%s as %s: %s is missing", name, form, s)
				}
			}
			for _, s := range want.lacks {
				if strings.Contains(string(b), s) {
					t.Errorf("%s as %s: %s is in it", name, form, s)
				}
			}
		}
	}
}

// TestStreamRulesHoldEveryPattern holds that each pattern of package event is in the templates as it is.
func TestStreamRulesHoldEveryPattern(t *testing.T) {
	r := policy.EventRules{QueueARN: someQueue}
	for form, render := range map[string]struct {
		call   func() ([]byte, error)
		indent string
	}{"cloudformation": {r.CloudFormation, "        "}, "terraform": {r.Terraform, "    "}} {
		b, err := render.call()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range event.Patterns() {
			want, err := p.JSON(render.indent)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, want) {
				t.Errorf("%s lacks the pattern %s", form, p.Name)
			}
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	for name, r := range map[string]renderer{
		"organisation's id": policy.EventQueue{Organization: "o-1\n  x"}, "account": policy.EventQueue{Accounts: []string{"1"}},
		"both":     policy.EventQueue{Organization: "o-a1b2c3d4e5", Accounts: []string{"222233334444"}},
		"no queue": policy.EventRules{}, "FIFO": policy.EventRules{QueueARN: someQueue + ".fifo"},
	} {
		if _, err := r.CloudFormation(); err == nil {
			t.Errorf("%s as CloudFormation: got no error", name)
		}
		if _, err := r.Terraform(); err == nil {
			t.Errorf("%s as Terraform: got no error", name)
		}
	}
}
