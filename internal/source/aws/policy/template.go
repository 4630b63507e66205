package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hinomi/internal/connector"
)

// Template is a role with its two policies.
type Template struct {
	RoleName    string
	Permissions Document
	Trust       Document
}

var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`) // IAM API Reference, CreateRole, RoleName

func (t Template) check() error {
	switch {
	case !roleName.MatchString(t.RoleName):
		return fmt.Errorf("role name %q is not 1 to 64 of letters, digits and +=,.@-_", t.RoleName)
	case len(t.Trust.Statements) == 0 || len(t.Permissions.Statements) == 0:
		return fmt.Errorf("a role needs its permissions and its trust policy")
	}
	return nil
}

// yaml writes indented lines.
type yaml struct {
	text   strings.Builder
	indent string
}

func (y *yaml) line(depth int, format string, args ...any) {
	_, _ = y.text.WriteString(y.indent + strings.Repeat("  ", depth) + fmt.Sprintf(format, args...) + "\n")
}

// list writes a list of strings; quoted, because * and : mean something in YAML.
func (y *yaml) list(depth int, key string, values []string) {
	y.line(depth, "%s:", key)
	for _, v := range values {
		y.line(depth+1, "- %s", strconv.Quote(v))
	}
}

var plain = regexp.MustCompile(`^[A-Za-z][\w:/.-]*$`)

// plainKey is a key of a mapping, quoted if YAML would read it as something else (YAML 1.2.2, 7.3.3 and 10.3.2).
func plainKey(key string) string {
	if plain.MatchString(key) && key != "Null" {
		return key
	}
	return strconv.Quote(key)
}

func (y *yaml) document(depth int, d Document) {
	y.line(depth, "Version: %q", version)
	y.line(depth, "Statement:")
	for _, s := range d.Statements {
		y.line(depth+1, "# %s", s.Reason)
		y.line(depth+1, "- Sid: %s", s.Sid)
		y.line(depth+2, "Effect: Allow")
		if len(s.Principals) > 0 {
			y.line(depth+2, "Principal:")
			y.list(depth+3, "AWS", s.Principals)
		}
		y.list(depth+2, "Action", s.Actions)
		if len(s.Resources) > 0 {
			y.list(depth+2, "Resource", s.Resources)
		}
		if len(s.Conditions) == 0 {
			continue
		}
		y.line(depth+2, "Condition:")
		written := map[string]bool{}
		for _, c := range s.Conditions {
			if !written[c.Operator] {
				y.line(depth+3, "%s:", plainKey(c.Operator))
			}
			written[c.Operator] = true
			y.list(depth+4, plainKey(c.Key), c.Values)
		}
	}
}

func (y *yaml) role(t Template) {
	y.line(0, "AWSTemplateFormatVersion: \"2010-09-09\"")
	y.line(0, "Description: The role by which hinomi reads this account.")
	y.line(0, "Resources:")
	y.line(1, "HinomiRole:")
	y.line(2, "Type: AWS::IAM::Role")
	y.line(2, "Properties:")
	y.line(3, "RoleName: %q", t.RoleName)
	y.line(3, "Description: hinomi reads this account with it")
	y.line(3, "MaxSessionDuration: 3600")
	y.line(3, "AssumeRolePolicyDocument:")
	y.document(4, t.Trust)
	y.line(3, "Policies:")
	y.line(4, "- PolicyName: hinomi")
	y.line(5, "PolicyDocument:")
	y.document(6, t.Permissions)
	y.line(0, "Outputs:")
	y.line(1, "RoleArn:")
	y.line(2, "Description: The role for hinomi's connector")
	y.line(2, "Value: !GetAtt HinomiRole.Arn")
}

// CloudFormation renders the role as a CloudFormation template in YAML. Creating it needs CAPABILITY_NAMED_IAM.
func (t Template) CloudFormation() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var y yaml
	y.role(t)
	return []byte(y.text.String()), nil
}

// StackSet renders a CloudFormation template for an organisation's management account, or with delegated for a delegated administrator
// of StackSets: it makes the role in every member account of organisational units, and in those that join them later. typ gives the
// region in which the stacks of the members lie; a role is in none.
func (t Template) StackSet(typ connector.AccountType, delegated bool) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	callAs := "SELF"
	if delegated {
		callAs = "DELEGATED_ADMIN"
	}
	var y yaml
	y.line(0, "AWSTemplateFormatVersion: \"2010-09-09\"")
	y.line(0, "Description: The role by which hinomi reads each member account of the organisation.")
	y.line(0, "Parameters:")
	y.line(1, "OrganizationalUnits:")
	y.line(2, "Type: List<String>")
	y.line(2, "Description: Ids of the organisation's root (r-...) or of organisational units (ou-...)")
	y.line(0, "Resources:")
	y.line(1, "HinomiRoles:")
	y.line(2, "Type: AWS::CloudFormation::StackSet")
	y.line(2, "Properties:")
	y.line(3, "StackSetName: hinomi-role")
	y.line(3, "Description: The role by which hinomi reads each member account")
	y.line(3, "PermissionModel: SERVICE_MANAGED")
	y.line(3, "CallAs: %s", callAs)
	y.line(3, "AutoDeployment:")
	y.line(4, "Enabled: true")
	y.line(4, "RetainStacksOnAccountRemoval: false")
	y.line(3, "Capabilities:")
	y.line(4, "- CAPABILITY_NAMED_IAM")
	y.line(3, "OperationPreferences:")
	y.line(4, "FailureTolerancePercentage: 100")
	y.line(4, "MaxConcurrentPercentage: 100")
	y.line(3, "StackInstancesGroup:")
	y.line(4, "- DeploymentTargets:")
	y.line(6, "OrganizationalUnitIds: !Ref OrganizationalUnits")
	y.line(5, "Regions:")
	y.line(6, "- %s", typ.HomeRegion())
	y.line(3, "TemplateBody: |")
	y.indent = strings.Repeat("  ", 4)
	y.role(t)
	return []byte(y.text.String()), nil
}

// Terraform renders the role as Terraform configuration for the provider hashicorp/aws, in the form that terraform fmt gives.
func (t Template) Terraform() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("# The role by which hinomi reads this account.\n")
	b.WriteString("resource \"aws_iam_role\" \"hinomi\" {\n")
	fmt.Fprintf(&b, "  name                 = %s\n", hcl(t.RoleName))
	b.WriteString("  description          = \"hinomi reads this account with it\"\n")
	b.WriteString("  max_session_duration = 3600\n")
	b.WriteString("  assume_role_policy   = data.aws_iam_policy_document.hinomi_trust.json\n}\n\n")
	b.WriteString("resource \"aws_iam_role_policy\" \"hinomi\" {\n")
	b.WriteString("  name   = \"hinomi\"\n  role   = aws_iam_role.hinomi.id\n  policy = data.aws_iam_policy_document.hinomi.json\n}\n\n")
	hclDocument(&b, "hinomi_trust", t.Trust)
	b.WriteString("\n")
	hclDocument(&b, "hinomi", t.Permissions)
	b.WriteString("\noutput \"role_arn\" {\n  description = \"The role for hinomi's connector\"\n  value       = aws_iam_role.hinomi.arn\n}\n")
	return []byte(b.String()), nil
}

// Terraform renders the policy as a Terraform data source aws_iam_policy_document with a name.
func (d Document) Terraform(name string) []byte {
	var b strings.Builder
	hclDocument(&b, name, d)
	return []byte(b.String())
}

func hclDocument(b *strings.Builder, name string, d Document) {
	fmt.Fprintf(b, "data \"aws_iam_policy_document\" %s {\n", hcl(name))
	for i, s := range d.Statements {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "  # %s\n  statement {\n", s.Reason)
		fmt.Fprintf(b, "    sid    = %s\n    effect = \"Allow\"\n", hcl(s.Sid))
		hclList(b, "actions", s.Actions)
		if len(s.Resources) > 0 {
			hclList(b, "resources", s.Resources)
		}
		if len(s.Principals) > 0 {
			b.WriteString("\n    principals {\n      type        = \"AWS\"\n")
			b.WriteString("      identifiers = " + hclInline(s.Principals) + "\n    }\n")
		}
		for _, c := range s.Conditions {
			fmt.Fprintf(b, "\n    condition {\n      test     = %s\n      variable = %s\n      values   = %s\n    }\n", hcl(c.Operator), hcl(c.Key), hclInline(c.Values))
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
}

// hclList writes a list over several lines, apart from what is before it, so that no alignment of equal signs is wanted.
func hclList(b *strings.Builder, key string, values []string) {
	fmt.Fprintf(b, "\n    %s = [\n", key)
	for _, v := range values {
		fmt.Fprintf(b, "      %s,\n", hcl(v))
	}
	b.WriteString("    ]\n")
}

func hclInline(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = hcl(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// hcl quotes a string; ${ and %{ would begin a template (Terraform language, "Strings and Templates").
func hcl(s string) string {
	s = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
	return strconv.Quote(s)
}
