package connector_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"hinomi/internal/connector"
)

func good() connector.Connector {
	return connector.Connector{
		Name: "production", Type: connector.Commercial, Account: "123456789012", Period: connector.DefaultPeriod,
		Credentials: connector.Credentials{RoleARN: "arn:aws:iam::123456789012:role/path/hinomi", ExternalID: "x"},
		Regions:     []string{"eu-west-1", "ap-southeast-4"}, Modules: connector.Modules(), Verbs: connector.Verbs(),
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*connector.Connector)
		words  string // "" is valid
	}{
		"good": {func(*connector.Connector) {}, ""},
		"key": {func(c *connector.Connector) {
			c.Credentials = connector.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
		}, ""},
		"no_name":      {func(c *connector.Connector) { c.Name = " " }, "name is empty"},
		"type":         {func(c *connector.Connector) { c.Type = "moon" }, `account type "moon"`},
		"account":      {func(c *connector.Connector) { c.Account = "12345678901" }, "is not 12 digits"},
		"role_of":      {func(c *connector.Connector) { c.Account = "210987654321" }, "belongs to account 123456789012"},
		"role_form":    {func(c *connector.Connector) { c.Credentials.RoleARN = "arn:aws:iam::123456789012:user/x" }, "not the ARN of an IAM role"},
		"partition":    {func(c *connector.Connector) { c.Type = connector.China }, "partition aws,"},
		"both":         {func(c *connector.Connector) { c.Credentials.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, "both a role and an access key"},
		"neither":      {func(c *connector.Connector) { c.Credentials = connector.Credentials{} }, "neither a role nor"},
		"key_form":     {func(c *connector.Connector) { c.Credentials = connector.Credentials{AccessKeyID: "secret/key"} }, "not of AWS's form"},
		"region":       {func(c *connector.Connector) { c.Regions = []string{"mars"} }, `region "mars"`},
		"other_world":  {func(c *connector.Connector) { c.Regions = []string{"us-gov-west-1"} }, "region us-gov-west-1 is of partition aws-us-gov"},
		"zone":         {func(c *connector.Connector) { c.Regions = []string{"eu-west-1a"} }, `region "eu-west-1a"`},
		"period":       {func(c *connector.Connector) { c.Period = connector.Duration(time.Minute) }, "is under"},
		"module":       {func(c *connector.Connector) { c.Modules = []connector.Module{"weather"} }, "weather"},
		"verb":         {func(c *connector.Connector) { c.Verbs = []connector.Verb{"reboot"} }, "reboot"},
		"reader":       {func(c *connector.Connector) { c.Reader = "210987654321" }, ""},
		"no_reader":    {func(c *connector.Connector) { c.Reader = "security" }, `reader "security" is not an account`},
		"organization": {func(c *connector.Connector) { c.Organization.Enroll = true }, "role name"},
		"two_faults":   {func(c *connector.Connector) { c.Name, c.Regions = "", []string{"mars"} }, `name is empty; region "mars"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			err := c.Validate()
			if tt.words == "" {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			if !errors.Is(err, connector.ErrInvalid) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, want ErrInvalid with %q", err, tt.words)
			}
		})
	}
}

func TestAccountTypes(t *testing.T) {
	for _, tt := range []struct {
		typ             connector.AccountType
		partition, home string
	}{
		{connector.Commercial, "aws", "us-east-1"},
		{connector.GovCloud, "aws-us-gov", "us-gov-west-1"},
		{connector.China, "aws-cn", "cn-north-1"},
	} {
		if tt.typ.Partition() != tt.partition || tt.typ.HomeRegion() != tt.home {
			t.Errorf("%s: got %s, %s, want %s, %s", tt.typ, tt.typ.Partition(), tt.typ.HomeRegion(), tt.partition, tt.home)
		}
		home := false
		for _, r := range connector.Regions(tt.typ) {
			home = home || r == tt.home
			if c := (connector.Connector{Name: "x", Type: tt.typ, Account: "123456789012", Regions: []string{r}, Credentials: connector.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}}); c.Validate() != nil {
				t.Errorf("region %s: %v", r, c.Validate())
			}
		}
		if !home {
			t.Errorf("%s is not among the regions of %s", tt.home, tt.typ)
		}
	}
	if n := len(connector.Regions(connector.Commercial)); n < 30 {
		t.Errorf("got %d commercial regions, want 30 or more", n)
	}
}

func TestDurationText(t *testing.T) {
	b, err := json.Marshal(connector.DefaultPeriod)
	if err != nil || string(b) != `"4h0m0s"` {
		t.Errorf("got %s, %v", b, err)
	}
	var d connector.Duration
	if err := json.Unmarshal([]byte(`"90m"`), &d); err != nil || d != connector.Duration(90*time.Minute) {
		t.Errorf("got %v, %v", d, err)
	}
	if err := json.Unmarshal([]byte(`"often"`), &d); err == nil {
		t.Error("got no error")
	}
}

func TestRoleAccount(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:role/a": "123456789012", "arn:aws-cn:iam::123456789012:role/p/a": "123456789012",
		"arn:aws:iam::12345678901:role/a": "", "arn:aws:sts::123456789012:assumed-role/a/b": "", "": "",
	} {
		if got := connector.RoleAccount(arn); got != want {
			t.Errorf("%q: got %q, want %q", arn, got, want)
		}
	}
}
