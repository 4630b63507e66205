package awstest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/awstest/model"
	"hinomi/internal/awstest/policy"
)

// minSession and chainedSession are STS's bounds on DurationSeconds. STS API Reference, AssumeRole: 15 minutes at least, one hour at most for
// a role that another role's session assumes.
const (
	minSession     = 15 * time.Minute
	chainedSession = time.Hour
)

// assumeRole holds the trust policy and the external ID against the caller, which moto does not, and lets moto make the session.
func (a *AWS) assumeRole(c *Call) *Reply {
	arn := c.Param("RoleArn")
	a.mu.Lock()
	r := a.roles[arn]
	a.mu.Unlock()
	// A role that does not exist is refused in the same words, so that nobody learns which roles there are.
	if r == nil || !a.trusts(c, r) {
		return c.Error(http.StatusForbidden, "AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Principal, arn))
	}
	life := time.Hour
	if d := c.Param("DurationSeconds"); d != "" {
		secs, err := strconv.Atoi(d)
		if life = time.Duration(secs) * time.Second; err != nil || life < minSession {
			return badRequest(c, "ValidationError", "1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", d)
		}
	}
	switch {
	case c.who.token != "" && life > chainedSession:
		return badRequest(c, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case life > r.maxSession:
		return badRequest(c, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	rep := a.toMoto(c, c.raw)
	if rep.Status != http.StatusOK {
		return rep
	}
	root, err := model.ParseXML(rep.Body)
	if err != nil {
		a.errorf("AssumeRole: %v", err)
		return rep
	}
	res := root.Child("AssumeRoleResult")
	cred, user := res.Child("Credentials"), res.Child("AssumedRoleUser")
	expires := a.now().Add(life).UTC().Truncate(time.Second)
	cred.Set("Expiration", expires.Format(time.RFC3339)) // by the test's clock, not moto's
	a.mu.Lock()
	a.keys[cred.Path("AccessKeyId")] = &principal{
		account: r.account, name: r.name, arn: user.Path("Arn"), userID: user.Path("AssumedRoleId"),
		secret: cred.Path("SecretAccessKey"), token: cred.Path("SessionToken"), expires: expires,
	}
	a.mu.Unlock()
	rep.Body = root.Bytes()
	return rep
}

// trusts evaluates a role's trust policy for the caller.
func (a *AWS) trusts(c *Call, r *role) bool {
	ctx := map[string][]string{}
	if id := c.Param("ExternalId"); id != "" {
		ctx["sts:externalid"] = []string{id}
	}
	allowed := false
	for _, s := range r.trust.Statement {
		if !s.Covers("sts:AssumeRole") || !is(s.Principal, c.who) {
			continue
		}
		ok, err := s.Condition.Holds(ctx)
		if err != nil {
			a.errorf("trust policy of role %s in %s: %v", r.name, r.account, err)
			return false
		}
		switch {
		case ok && s.Effect == "Deny":
			return false
		case ok && s.Effect == "Allow":
			allowed = true
		}
	}
	return allowed
}

// callerIdentity answers for the key, which moto does not for users' keys.
func (a *AWS) callerIdentity(c *Call) *Reply {
	return c.XML(c.response(&model.Node{Children: []*model.Node{
		{Name: "Arn", Text: c.who.arn}, {Name: "UserId", Text: c.who.userID}, {Name: "Account", Text: c.who.account},
	}}))
}

// accessKeyInfo answers for every key of this test; moto names the caller's account for a key that it does not know.
func (a *AWS) accessKeyInfo(c *Call) *Reply {
	a.mu.Lock()
	p := a.keys[c.Param("AccessKeyId")]
	a.mu.Unlock()
	if p == nil {
		return badRequest(c, "ValidationError", "Invalid access key")
	}
	return c.XML(c.response(&model.Node{Children: []*model.Node{{Name: "Account", Text: p.account}}}))
}

// is says whether a statement's principal means this caller. An account's root means everyone in it; a role's ARN means its sessions.
func is(p policy.Principals, who *principal) bool {
	for _, w := range p {
		part := strings.Split(w, ":")
		switch {
		case w == "*", w == who.arn, w == who.account:
			return true
		case len(part) != 6 || part[4] != who.account:
		case part[5] == "root":
			return true
		case who.token != "" && strings.HasPrefix(part[5], "role/"):
			if w[strings.LastIndex(w, "/")+1:] == who.name {
				return true
			}
		}
	}
	return false
}
