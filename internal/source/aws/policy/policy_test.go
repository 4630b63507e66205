package policy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/connector"
	"hinomi/internal/source/aws/mapping"
	"hinomi/internal/source/aws/policy"
)

const externalID = "hinomi-0f1e2d3c4b5a69788796a5b4c3d2e1f0"

func everything(typ connector.AccountType) policy.Need {
	return policy.Need{Type: typ, AllRegions: true, Network: true, Scanning: true, Baseline: true, ScanTag: "scan: of", Organization: true, Installation: "i-7f3a"}
}

func TestMinimalIsThreeActions(t *testing.T) {
	d, err := policy.Role(policy.Need{Type: connector.Commercial})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"}
	if diff := cmp.Diff(want, d.Actions()); diff != "" {
		t.Errorf("listed regions (-want +got):\n%s", diff)
	}
	d, err = policy.Role(policy.Need{Type: connector.Commercial, AllRegions: true})
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRegions"}
	if diff := cmp.Diff(want, d.Actions()); diff != "" {
		t.Errorf("all regions (-want +got):\n%s", diff)
	}
}

func TestNeedOfConnector(t *testing.T) {
	c := &connector.Connector{
		Type: connector.GovCloud, Regions: []string{"us-gov-west-1"}, Modules: []connector.Module{connector.Vulnerability},
		Verbs: []connector.Verb{connector.SnapshotVolumes}, Organization: connector.Organization{Enroll: true},
	}
	got := policy.NeedOf(c, false, "x")
	want := policy.Need{Type: connector.GovCloud, Agent: true, Scanning: true, Organization: true, Installation: "x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNetworkHoldsEveryCall(t *testing.T) {
	d, err := policy.Role(policy.Need{Type: connector.Commercial, Network: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range mapping.Parts() {
		for _, a := range p.Actions {
			if !slices.Contains(d.Actions(), a) {
				t.Errorf("%s, which %s needs, is in no statement", a, p.Name)
			}
		}
	}
}

func TestWritesAreBoundToOurTag(t *testing.T) {
	d, err := policy.Role(everything(connector.China))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Statements {
		if s.Reason == "" {
			t.Errorf("%s has no reason", s.Sid)
		}
		for _, a := range s.Actions {
			_, name, _ := strings.Cut(a, ":")
			reads := strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "List") && !strings.HasPrefix(a, "ebs:") || strings.HasPrefix(name, "Get") && !strings.HasPrefix(a, "ebs:") || strings.HasPrefix(name, "Search")
			bound := slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
				return strings.HasSuffix(c.Key, "/HinomiInstallation") && slices.Equal(c.Values, []string{"i-7f3a"})
			})
			source := s.Sid == "SnapshotFrom" // what is read from has no tag of ours
			if !reads && !bound && !source && a != "kms:Decrypt" {
				t.Errorf("%s in %s is not bound to the installation's tag", a, s.Sid)
			}
		}
		for _, r := range s.Resources {
			if r != "*" && !strings.HasPrefix(r, "arn:aws-cn:") {
				t.Errorf("%s is not of the partition", r)
			}
		}
	}
	if _, err := policy.Role(policy.Need{Scanning: true}); err == nil {
		t.Error("scanning without an installation's id: got no error")
	}
}

func TestJSON(t *testing.T) {
	d, err := policy.Role(everything(connector.Commercial))
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	// IAM and STS quotas: a role's inline policies hold 10,240 characters, white space not counted; a managed policy 6,144.
	if n := len(strings.Join(strings.Fields(string(b)), "")); n > 6144 {
		t.Errorf("the whole policy has %d characters, more than a managed policy holds", n)
	}
	var doc struct {
		Version   string
		Statement []struct {
			Sid, Effect      string
			Action, Resource []string
			Condition        map[string]map[string][]string
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != "2012-10-17" || len(doc.Statement) != len(d.Statements) {
		t.Errorf("got version %s and %d statements", doc.Version, len(doc.Statement))
	}
	for _, s := range doc.Statement {
		if s.Sid == "TagNewSnapshots" {
			want := map[string]map[string][]string{"StringEquals": {
				"aws:RequestTag/HinomiInstallation": {"i-7f3a"}, "ec2:CreateAction": {"CreateSnapshot", "CreateSnapshots"},
			}}
			if diff := cmp.Diff(want, s.Condition); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func TestTrustAndBase(t *testing.T) {
	trust, err := policy.Trust(externalID, "arn:aws:iam::111111111111:root")
	if err != nil {
		t.Fatal(err)
	}
	b, err := trust.JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Version":"2012-10-17","Statement":[{"Sid":"Hinomi","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]},` +
		`"Action":["sts:AssumeRole"],"Condition":{"StringEquals":{"sts:ExternalId":["` + externalID + `"]}}}]}`
	var got bytes.Buffer
	if err := json.Compact(&got, b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := policy.Trust("", "arn:aws:iam::111111111111:root"); err == nil {
		t.Error("a trust policy without an external ID: got no error")
	}
	base, err := policy.Base("arn:aws:iam::222222222222:role/b", "arn:aws:iam::222222222222:role/a", "arn:aws:iam::222222222222:role/b")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"arn:aws:iam::222222222222:role/a", "arn:aws:iam::222222222222:role/b"}, base.Statements[0].Resources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func template(t *testing.T, typ connector.AccountType) policy.Template {
	t.Helper()
	d, err := policy.Role(everything(typ))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := policy.Trust(externalID, "arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:role/${odd}")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Template{RoleName: "hinomi", Permissions: d, Trust: trust}
}

// tool finds a program, or skips the test, loudly.
func tool(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" && name != "terraform" { // not in any distribution
			t.Fatalf("%s is missing", name)
		}
		t.Skipf("SKIPPED, not tested: %s is missing", name)
	}
	return p
}

func TestCloudFormationLint(t *testing.T) {
	lint := tool(t, "cfn-lint")
	dir := t.TempDir()
	for _, typ := range connector.AccountTypes() {
		tm := template(t, typ)
		role, err := tm.CloudFormation()
		if err != nil {
			t.Fatal(err)
		}
		set, err := tm.StackSet(typ, typ == connector.GovCloud)
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"role": role, "set": set} {
			if err := os.WriteFile(filepath.Join(dir, name+"-"+string(typ)+".yaml"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// What the members get is a template too.
		_, inner, found := strings.Cut(string(set), "TemplateBody: |\n")
		if !found {
			t.Fatal("the StackSet has no template")
		}
		inner = strings.ReplaceAll("\n"+inner, "\n        ", "\n")[1:]
		if diff := cmp.Diff(string(role), inner); diff != "" {
			t.Errorf("the members' template is not the role's (-want +got):\n%s", diff)
		}
	}
	args := []string{"--include-checks", "I", "--regions", "us-east-1", "--"}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(lint, append(args, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, bytes.Replace(mustRead(t, files[0]), []byte("AWS::IAM::Role"), []byte("AWS::IAM::Rule"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(lint, bad).Run(); err == nil {
		t.Error("cfn-lint finds nothing wrong with a resource type that does not exist: the test proves nothing")
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTerraformForm(t *testing.T) {
	got, err := template(t, connector.Commercial).Terraform()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte("$${odd}")) {
		t.Error("a template sequence in a principal is not escaped")
	}
	name := filepath.Join(t.TempDir(), "hinomi.tf")
	if err := os.WriteFile(name, got, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "terraform"), "fmt", "-check", "-diff", name)
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, out)
	}
}

func TestTemplateRefuses(t *testing.T) {
	tm := template(t, connector.Commercial)
	tm.RoleName = "a\n  - b"
	if _, err := tm.CloudFormation(); err == nil {
		t.Error("a role name with a line break: got no error")
	}
	if _, err := (policy.Template{RoleName: "x"}).Terraform(); err == nil {
		t.Error("a role without policies: got no error")
	}
}
