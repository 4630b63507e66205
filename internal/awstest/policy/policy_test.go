package policy_test

import (
	"testing"

	"hinomi/internal/awstest/policy"
)

func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		name, statement, action string
		want                    bool
	}{
		{"exact", `{"Action":"ec2:DescribeVpcs"}`, "ec2:DescribeVpcs", true},
		{"case", `{"Action":"EC2:describevpcs"}`, "ec2:DescribeVpcs", true},
		{"star", `{"Action":["s3:*","ec2:Describe*"]}`, "ec2:DescribeVpcs", true},
		{"question_mark", `{"Action":"ec2:DescribeVpc?"}`, "ec2:DescribeVpcs", true},
		{"other", `{"Action":"ec2:DescribeVpc"}`, "ec2:DescribeVpcs", false},
		{"brackets_are_plain", `{"Action":"ec2:Describe[V]pcs"}`, "ec2:DescribeVpcs", false},
		{"not_action", `{"NotAction":"ec2:*"}`, "sts:AssumeRole", true},
		{"not_action_names_it", `{"NotAction":"ec2:*"}`, "ec2:DescribeVpcs", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := policy.Parse(`{"Statement":` + tc.statement + `}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Statement[0].Covers(tc.action); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	ctx := map[string][]string{"sts:externalid": {"one"}, "aws:tagkeys": {"a", "b"}, "aws:resourcetag/path": {"x/y"}}
	for _, tc := range []struct {
		name, condition string
		want, known     bool
	}{
		{"equals", `{"StringEquals":{"sts:ExternalId":["none","one"]}}`, true, true},
		{"equals_other", `{"StringEquals":{"sts:ExternalId":"two"}}`, false, true},
		{"equals_absent", `{"StringEquals":{"aws:RequestTag/x":"1"}}`, false, true},
		{"if_exists_absent", `{"StringEqualsIfExists":{"aws:RequestTag/x":"1"}}`, true, true},
		{"not_equals_absent", `{"StringNotEquals":{"aws:RequestTag/x":"1"}}`, true, true},
		{"not_equals", `{"StringNotEquals":{"sts:ExternalId":"one"}}`, false, true},
		{"like_past_a_slash", `{"StringLike":{"aws:ResourceTag/path":"x*"}}`, true, true},
		{"all_values", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}}`, true, true},
		{"all_values_one_more", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}`, false, true},
		{"null_false", `{"Null":{"sts:ExternalId":"false"}}`, true, true},
		{"null_true", `{"Null":{"aws:RequestTag/x":true}}`, true, true},
		{"two_operators", `{"StringEquals":{"sts:ExternalId":"one"},"StringLike":{"aws:ResourceTag/path":"z*"}}`, false, true},
		{"unknown_operator", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := policy.Parse(`{"Statement":[{"Condition":` + tc.condition + `}]}`)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Statement[0].Condition.Holds(ctx)
			if got != tc.want || (err == nil) != tc.known {
				t.Errorf("got %t, %v, want %t", got, err, tc.want)
			}
		})
	}
}

// FuzzParse shows that no document breaks the evaluation. The seeds follow the IAM User Guide's examples.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}}`,
		`{"Statement":[{"Effect":"Deny","Principal":"*","NotAction":["a:*"],"Condition":{"Null":{"k":true}}}]}`, `{"Statement":null}`, `[]`, `{`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, doc string) {
		p, err := policy.Parse(doc)
		if err != nil {
			return
		}
		for _, s := range p.Statement {
			s.Covers("ec2:DescribeVpcs")
			_, _ = s.Condition.Holds(map[string][]string{"k": {"v"}}) // an unknown operator is an error, and that is right
		}
	})
}
