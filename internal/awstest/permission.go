package awstest

import (
	"net/url"
	"strings"

	"hinomi/internal/awstest/policy"
)

// rights are what a user or a role may do.
type rights struct {
	actions  []string          // patterns of Allow
	policies []policy.Document // of AllowPolicy
}

// iamPrefix are the services whose actions in IAM begin otherwise than botocore's name.
var iamPrefix = map[string]string{"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}

// iamAction is a call's action as policies name it.
func iamAction(service, action string) string {
	if p := iamPrefix[service]; p != "" {
		service = p
	}
	return service + ":" + action
}

// Allow limits a user or a role of an account to these actions, "ec2:DescribeInstances" or "ec2:Describe*"; further calls add to it. Nobody is limited
// until Allow or AllowPolicy names him. sts:GetCallerIdentity is always allowed, as in AWS.
func (a *AWS) Allow(account, name string, actions ...string) {
	r := a.rightsOf(account, name)
	a.mu.Lock()
	defer a.mu.Unlock()
	r.actions = append(r.actions, actions...)
}

// AllowPolicy limits a user or a role of an account to what these IAM policy documents allow and do not deny. Effect, Action, NotAction and string conditions on
// sts:ExternalId, aws:RequestedRegion, aws:RequestTag, aws:TagKeys, aws:ResourceTag, ec2:ResourceTag, ec2:CreateAction are evaluated; Resource is not.
func (a *AWS) AllowPolicy(account, name string, docs ...string) {
	a.t.Helper()
	r := a.rightsOf(account, name)
	for _, d := range docs {
		p, err := policy.Parse(d)
		if err != nil {
			a.t.Fatalf("awstest: policy of %s in %s: %v", name, account, err)
		}
		a.mu.Lock()
		r.policies = append(r.policies, p)
		a.mu.Unlock()
	}
}

// AllowAll takes the limits of a user or a role away.
func (a *AWS) AllowAll(account, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.rights, account+"/"+name)
}

func (a *AWS) rightsOf(account, name string) *rights {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := account + "/" + name
	if a.rights[k] == nil {
		a.rights[k] = &rights{}
	}
	return a.rights[k]
}

// authorize refuses what the caller's rights do not cover.
func (a *AWS) authorize(c *Call) *Reply {
	a.mu.Lock()
	var r rights
	limited := a.rights[c.who.account+"/"+c.who.name]
	if limited != nil {
		r = *limited
	}
	a.mu.Unlock()
	action := iamAction(c.Service, c.Action)
	if limited == nil || action == "sts:GetCallerIdentity" || a.allows(c, r, action, a.conditionKeys(c, r)) {
		needed := a.tagsOnCreate(c)
		if limited != nil && needed != nil && !a.allows(c, r, "ec2:CreateTags", needed) {
			return c.denied()
		}
		return nil
	}
	return c.denied()
}

func (a *AWS) allows(c *Call, r rights, action string, ctx map[string][]string) bool {
	allowed := policy.MatchesAny(r.actions, action)
	for _, p := range r.policies {
		for _, s := range p.Statement {
			if !s.Covers(action) {
				continue
			}
			ok, err := s.Condition.Holds(ctx)
			if err != nil {
				a.errorf("policy of %s, %s: %v", c.Principal, action, err)
				return false
			}
			switch {
			case ok && s.Effect == "Deny":
				return false
			case ok && s.Effect == "Allow":
				allowed = true
			}
		}
	}
	return allowed
}

// conditionKeys is the request's context: the keys that policies' conditions may ask for, in lower case.
func (a *AWS) conditionKeys(c *Call, r rights) map[string][]string {
	ctx := map[string][]string{"aws:requestedregion": {c.Region}}
	addTags(ctx, "aws:requesttag/", requestTags(c))
	conditional := false
	for _, p := range r.policies {
		for _, s := range p.Statement {
			conditional = conditional || s.Condition != nil
		}
	}
	if c.Service != "ec2" || !conditional {
		return ctx
	}
	tags := map[string]string{}
	for _, id := range append(append(c.List("ResourceId"), c.List("SnapshotId")...), c.Param("SnapshotId"), c.Param("VolumeId"), c.Param("InstanceId"), c.Param("InstanceSpecification.InstanceId")) {
		for k, v := range a.tagsOf(c, id) {
			tags[k] = v
		}
	}
	addTags(ctx, "aws:resourcetag/", tags)
	addTags(ctx, "ec2:resourcetag/", tags)
	return ctx
}

// tagsOnCreate is the context of the ec2:CreateTags right that a creating action with tags needs besides its own, or nil. EC2 User Guide, "Grant permission to tag resources during creation".
func (a *AWS) tagsOnCreate(c *Call) map[string][]string {
	tags := requestTags(c)
	if c.Service != "ec2" || c.Action == "CreateTags" || len(tags) == 0 {
		return nil
	}
	ctx := map[string][]string{"aws:requestedregion": {c.Region}, "ec2:createaction": {c.Action}}
	addTags(ctx, "aws:requesttag/", tags)
	return ctx
}

func addTags(ctx map[string][]string, prefix string, tags map[string]string) {
	for k, v := range tags {
		ctx[prefix+strings.ToLower(k)] = []string{v}
		if prefix == "aws:requesttag/" {
			ctx["aws:tagkeys"] = append(ctx["aws:tagkeys"], k)
		}
	}
}

// requestTags are the tags that a request wants to set: Tag.N of CreateTags, TagSpecification.N.Tag.M elsewhere.
func requestTags(c *Call) map[string]string {
	tags := map[string]string{}
	for k := range c.Params {
		if base, ok := strings.CutSuffix(k, ".Key"); ok && (strings.HasPrefix(base, "Tag.") || strings.HasPrefix(base, "TagSpecification.")) {
			tags[c.Param(k)] = c.Param(base + ".Value")
		}
	}
	return tags
}

// tagsOf asks moto for the tags of a resource of the caller's.
func (a *AWS) tagsOf(c *Call, id string) map[string]string {
	if id == "" {
		return nil
	}
	root, err := a.moto.Form(c.ctx, c.Account, c.Region, "ec2", ec2Version, "DescribeTags", url.Values{"Filter.1.Name": {"resource-id"}, "Filter.1.Value.1": {id}})
	if err != nil {
		a.errorf("tags of %s: %v", id, err)
		return nil
	}
	tags := map[string]string{}
	if set := root.Child("tagSet"); set != nil {
		for _, t := range set.Children {
			tags[t.Path("key")] = t.Path("value")
		}
	}
	return tags
}
