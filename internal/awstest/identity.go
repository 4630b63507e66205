package awstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/policy"
	"hinomi/internal/awstest/sigv4"
	"hinomi/internal/awstest/wire"
)

// API versions, by botocore's service-2.json.
const (
	ec2Version = "2016-11-15"
	iamVersion = "2010-05-08"
	stsVersion = "2011-06-15"
)

// Key is an access key; Token is set for a session's.
type Key struct{ ID, Secret, Token string }

// principal is whom an access key belongs to.
type principal struct {
	account, name string // name of the user or the role
	arn, userID   string
	secret        string
	token         string
	expires       time.Time // zero for a user's key
}

// Role is a role to add.
type Role struct {
	Account string
	Name    string
	// Trust are those who may assume it: account numbers, ARNs of users or roles, or "*".
	Trust []string
	// ExternalID is what they must name; empty if the role asks for none.
	ExternalID string
	// MaxSession is the longest session; an hour if 0, as in IAM.
	MaxSession time.Duration
	// Allow, if not nil, are the only actions that its sessions may do; see AWS.Allow.
	Allow []string
}

// role is what we enforce of a role: its trust policy as IAM keeps it.
type role struct {
	account, name string
	trust         policy.Document
	maxSession    time.Duration
}

// partition of a region. AWS General Reference, "Amazon Resource Names".
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// AddKey makes a user in an account, in the commercial partition, and returns an access key of it. It is real in moto too. A user who
// is there already gets a further key.
func (a *AWS) AddKey(account, user string) Key {
	a.t.Helper()
	return a.AddKeyIn("us-east-1", account, user)
}

// AddKeyIn is AddKey in the partition of a region.
func (a *AWS) AddKeyIn(region, account, user string) Key {
	a.t.Helper()
	if _, err := a.moto.Form(a.t.Context(), account, region, "iam", iamVersion, "CreateUser", url.Values{"UserName": {user}}); err != nil && !exists(err) {
		a.t.Fatalf("awstest: add key: %v", err)
	}
	n := a.form(account, region, "iam", iamVersion, "CreateAccessKey", url.Values{"UserName": {user}})
	k := n.Child("CreateAccessKeyResult").Child("AccessKey")
	key := Key{ID: k.Path("AccessKeyId"), Secret: k.Path("SecretAccessKey")}
	a.learnKey(account, region, user, key)
	return key
}

func (a *AWS) learnKey(account, region, user string, k Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[k.ID] = &principal{
		account: account, name: user, secret: k.Secret, userID: "AIDA" + strings.TrimPrefix(k.ID, "AKIA"),
		arn: fmt.Sprintf("arn:%s:iam::%s:user/%s", partition(region), account, user),
	}
}

// AddRole makes a role in the commercial partition and returns its ARN. It is real in moto too, with this trust policy. A role that is there already
// gets this one in place of its own.
func (a *AWS) AddRole(r Role) (arn string) {
	a.t.Helper()
	return a.AddRoleIn("us-east-1", r)
}

// AddRoleIn is AddRole in the partition of a region.
func (a *AWS) AddRoleIn(region string, r Role) (arn string) {
	a.t.Helper()
	arn, err := a.makeRole(a.t.Context(), region, r)
	if err != nil {
		a.t.Fatalf("awstest: add role %s in %s: %v", r.Name, r.Account, err)
	}
	return arn
}

func (a *AWS) makeRole(ctx context.Context, region string, r Role) (arn string, err error) {
	if r.MaxSession == 0 {
		r.MaxSession = time.Hour
	}
	doc, err := r.trustPolicy(region)
	if err != nil {
		return "", err
	}
	n, err := a.moto.Form(ctx, r.Account, region, "iam", iamVersion, "CreateRole", url.Values{
		"RoleName": {r.Name}, "AssumeRolePolicyDocument": {doc}, "MaxSessionDuration": {strconv.Itoa(int(r.MaxSession.Seconds()))},
	})
	switch {
	case err == nil:
		arn = n.Child("CreateRoleResult").Child("Role").Path("Arn")
	case exists(err):
		arn = fmt.Sprintf("arn:%s:iam::%s:role/%s", partition(region), r.Account, r.Name)
		if _, err = a.moto.Form(ctx, r.Account, region, "iam", iamVersion, "UpdateAssumeRolePolicy", url.Values{"RoleName": {r.Name}, "PolicyDocument": {doc}}); err != nil {
			return "", err
		}
	default:
		return "", err
	}
	a.learnRole(arn, r.Account, r.Name, doc, r.MaxSession)
	if r.Allow != nil {
		a.Allow(r.Account, r.Name, r.Allow...)
	}
	return arn, nil
}

// exists says whether IAM refused because there is such a user or role already.
func exists(err error) bool { return strings.Contains(err.Error(), "EntityAlreadyExists") }

// trustPolicy is the policy document that the role's trust and external ID amount to.
func (r Role) trustPolicy(region string) (string, error) {
	stmt := map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"AWS": trusted(region, r.Trust)}}
	if r.ExternalID != "" {
		stmt["Condition"] = map[string]any{"StringEquals": map[string]any{"sts:ExternalId": r.ExternalID}}
	}
	doc, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{stmt}})
	if err != nil {
		return "", fmt.Errorf("encode trust policy: %w", err)
	}
	return string(doc), nil
}

// memberRole takes up the role that Organizations makes in a new account, and moto with it. AWS Organizations User Guide, "Creating a member account": it
// trusts the management account.
func (a *AWS) memberRole(region, management, member, name string) {
	doc, err := Role{Trust: []string{management}}.trustPolicy(region)
	if err != nil {
		a.errorf("role %s in new account %s: %v", name, member, err)
		return
	}
	a.learnRole(fmt.Sprintf("arn:%s:iam::%s:role/%s", partition(region), member, name), member, name, doc, time.Hour)
}

// trusted writes principals as IAM does: an account number means its root.
func trusted(region string, who []string) []string {
	var list []string
	for _, w := range who {
		if !strings.ContainsAny(w, ":*") {
			w = fmt.Sprintf("arn:%s:iam::%s:root", partition(region), w)
		}
		list = append(list, w)
	}
	return list
}

func (a *AWS) learnRole(arn, account, name, doc string, maxSession time.Duration) {
	p, err := policy.Parse(doc)
	if err != nil {
		a.errorf("trust policy of %s: %v", arn, err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles[arn] = &role{account: account, name: name, trust: p, maxSession: maxSession}
}

// ExpireSessions ends every session that was given out so far.
func (a *AWS) ExpireSessions() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.keys {
		if p.token != "" {
			p.expires = a.now()
		}
	}
}

// authenticate refuses callers that AWS would not know.
func (a *AWS) authenticate(c *Call) *Reply {
	if c.who == nil {
		return c.badCredentials()
	}
	a.mu.Lock()
	token, expires := c.who.token, c.who.expires
	a.mu.Unlock()
	got := c.request.Header.Get("X-Amz-Security-Token")
	if got == "" {
		got = c.request.URL.Query().Get("X-Amz-Security-Token")
	}
	if got != token {
		return c.badCredentials()
	}
	if !sigv4.Verify(c.request, c.raw, c.who.secret) {
		return c.wrongSignature()
	}
	if token != "" && !a.now().Before(expires) {
		return c.expired()
	}
	if !a.optedIn(c.Account, c.Region) {
		return c.badCredentials()
	}
	return nil
}

// learn takes from an answer of moto's what we have to know later.
func (a *AWS) learn(c *Call, rep *Reply) {
	switch c.Service {
	case "iam", "ec2":
		root, err := model.ParseXML(rep.Body)
		if err != nil {
			return // checkAnswer says so
		}
		if c.Service == "ec2" {
			if a.learnSnapshots(c, root) {
				rep.Body = root.Bytes()
			}
			return
		}
		a.learnIAM(c, root)
	case "organizations":
		a.learnOrganization(c, rep)
	}
}

func (a *AWS) learnIAM(c *Call, root *model.Node) {
	result := root.Child(c.Action + "Result")
	arn := fmt.Sprintf("arn:%s:iam::%s:role/%s", partition(c.Region), c.Account, c.Param("RoleName"))
	switch c.Action {
	case "CreateRole":
		r := result.Child("Role")
		life := time.Hour
		if s, err := time.ParseDuration(r.Path("MaxSessionDuration") + "s"); err == nil {
			life = s
		}
		a.learnRole(r.Path("Arn"), c.Account, c.Param("RoleName"), c.Param("AssumeRolePolicyDocument"), life)
	case "UpdateAssumeRolePolicy":
		life := time.Hour
		a.mu.Lock()
		if r := a.roles[arn]; r != nil {
			life = r.maxSession
		}
		a.mu.Unlock()
		a.learnRole(arn, c.Account, c.Param("RoleName"), c.Param("PolicyDocument"), life)
	case "DeleteRole":
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.roles, arn)
	case "CreateAccessKey":
		k := result.Child("AccessKey")
		a.learnKey(c.Account, c.Region, k.Path("UserName"), Key{ID: k.Path("AccessKeyId"), Secret: k.Path("SecretAccessKey")})
	case "DeleteAccessKey":
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.keys, c.Param("AccessKeyId"))
	}
}

// learnOrganization takes up the role in an account that Organizations made.
func (a *AWS) learnOrganization(c *Call, rep *Reply) {
	if c.Action != "CreateAccount" {
		return
	}
	var in struct{ RoleName string }
	var out struct{ CreateAccountStatus struct{ AccountId string } } //nolint:revive // the field's name on the wire
	if json.Unmarshal(c.raw, &in) != nil || json.Unmarshal(rep.Body, &out) != nil {
		return // checkAnswer says so
	}
	if in.RoleName == "" {
		in.RoleName = "OrganizationAccountAccessRole"
	}
	a.memberRole(c.Region, c.Account, out.CreateAccountStatus.AccountId, in.RoleName)
}

// xmlns are the name spaces of answers that we give ourselves.
func (c *Call) response(result *model.Node) *model.Node {
	root := &model.Node{Name: c.Action + "Response", Space: c.svc.Metadata.XMLNamespace}
	if c.protocol() == "ec2" {
		root.Children = append([]*model.Node{{Name: "requestId", Text: wire.RequestID}}, result.Children...)
		return root
	}
	result.Name = c.Action + "Result"
	root.Children = []*model.Node{result, {Name: "ResponseMetadata", Children: []*model.Node{{Name: "RequestId", Text: wire.RequestID}}}}
	return root
}

func badRequest(c *Call, code, format string, args ...any) *Reply {
	return c.Error(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
}
