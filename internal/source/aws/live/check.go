package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
)

// Verdict is what a test of one permission found.
type Verdict string

// The verdicts.
const (
	Allowed     Verdict = "allowed"
	NotAllowed  Verdict = "not allowed"
	Warning     Verdict = "warning"          // it works, but in a way it should not
	CannotTest  Verdict = "cannot be tested" // AWS offers no harmless way to try
	CheckFailed Verdict = "failed"           // the test itself did not come to an end
)

const notEntered = "the account cannot be entered"

// errNothingToTry means that a permission cannot be tried for want of something to try it on.
var errNothingToTry = errors.New("there is no instance in the region to try it on")

// Check is the result of one line of a connector's test.
type Check struct {
	Action   string // IAM action: ec2:DescribeInstances
	Use      string // what hinomi needs it for
	Required bool   // without it the connector does not work as configured
	Verdict  Verdict
	Detail   string // what AWS answered, in words
}

// OK reports whether every check that is required came out well.
func OK(checks []Check) bool {
	for _, c := range checks {
		if c.Required && (c.Verdict == NotAllowed || c.Verdict == CheckFailed) {
			return false
		}
	}
	return true
}

// Test tries what a connector needs, line by line: entering the account, the role without its external ID (which must be refused),
// a dry run of every EC2 call, and elsewhere a harmless read. Nothing is changed in the account.
// installation is this installation's id, with which a snapshot is tried if the connector allows them.
func Test(ctx context.Context, c *connector.Connector, s *awsclient.Session, installation string, opts Options) ([]Check, error) {
	opts = opts.withDefaults()
	checks, entered := enterChecks(ctx, c, s)
	region := s.Home()
	if len(c.Regions) > 0 {
		region = c.Regions[0]
	}
	tries := tries(c, s, region, installation, opts.ScanTag)
	found := make([]Check, len(tries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(min(opts.Parallel, 16))
	for i, t := range tries {
		found[i] = t.Check
		switch {
		case !entered:
			found[i].Verdict, found[i].Detail = CannotTest, notEntered
		case t.try == nil:
			found[i].Verdict = CannotTest
		default:
			g.Go(func() error {
				found[i].Verdict, found[i].Detail = judge(s, t.try(ctx))
				return ctx.Err()
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("test connector %s: %w", c.Name, err)
	}
	return append(checks, found...), nil
}

// TestBase tries a base account's key: whose it is, and whether it can assume the roles of the connectors that use it.
func TestBase(ctx context.Context, clients *awsclient.Clients, base connector.BaseAccount, key awsclient.Key, users []awsclient.Who) ([]Check, error) {
	s, err := clients.Session(awsclient.Who{Connector: "base-account", Account: base.Account, Type: base.Type, Key: &key})
	if err != nil {
		return nil, err
	}
	id, err := s.Identity(ctx)
	checks := []Check{identityCheck(s, id, err)}
	for _, w := range users {
		c := Check{Action: "sts:AssumeRole", Use: "enter account " + w.Account, Required: true}
		w.Key = &key
		u, err := clients.Session(w)
		if err == nil {
			err = u.Assume(ctx)
		}
		c.Verdict, c.Detail = judge(s, err)
		checks = append(checks, c)
	}
	return checks, ctx.Err()
}

func identityCheck(s *awsclient.Session, id awsclient.Identity, err error) Check {
	c := Check{Action: "sts:GetCallerIdentity", Use: "make sure that the credentials are of account " + s.Account(), Required: true}
	c.Verdict, c.Detail = judge(s, err)
	if err == nil {
		c.Detail = id.ARN
	}
	if errors.Is(err, awsclient.ErrWrongAccount) {
		c.Verdict, c.Detail = NotAllowed, err.Error()
	}
	return c
}

// enterChecks assumes the role as configured and without its external ID.
func enterChecks(ctx context.Context, c *connector.Connector, s *awsclient.Session) (checks []Check, entered bool) {
	if role := c.Credentials.RoleARN; role != "" {
		assume := Check{Action: "sts:AssumeRole", Use: "enter the account", Required: true}
		assume.Verdict, assume.Detail = judge(s, s.Assume(ctx))
		if of := connector.RoleAccount(role); of != c.Account {
			assume.Verdict, assume.Detail = NotAllowed, fmt.Sprintf("role %s belongs to account %q, the connector to %s", role, of, c.Account)
		}
		checks = append(checks, assume)
		if assume.Verdict != Allowed {
			return checks, false
		}
		checks = append(checks, externalIDCheck(ctx, c, s))
	}
	id, err := s.Identity(ctx)
	who := identityCheck(s, id, err)
	return append(checks, who), who.Verdict == Allowed
}

// externalIDCheck assumes the role without the external ID: a role that allows that can be used by anyone who
// uses the same hinomi and guesses the role's name (IAM User Guide, "The confused deputy problem").
func externalIDCheck(ctx context.Context, c *connector.Connector, s *awsclient.Session) Check {
	check := Check{Action: "sts:ExternalId", Use: "be refused without the connector's external ID"}
	if c.Credentials.ExternalID == "" {
		check.Verdict, check.Detail = Warning, "the connector has no external ID: whoever may use this hinomi's credentials can enter the account by the role's name"
		return check
	}
	err := s.Without().Assume(ctx)
	switch f := s.Classify(err); {
	case err == nil:
		check.Verdict, check.Detail = Warning, "the role can be assumed without the external ID: add the condition sts:ExternalId to its trust policy, see `hinomi connector policy`"
	case f.Class == awsclient.Denied:
		check.Verdict, check.Detail = Allowed, "refused, as it must be"
	default:
		check.Verdict, check.Detail = CheckFailed, f.String()
	}
	return check
}

// judge says what the answer to a try means. A dry run that would have worked and a thing that does not exist both mean that the
// permission is there: AWS checks it first.
func judge(s *awsclient.Session, err error) (Verdict, string) {
	if err == nil || awsclient.IsDryRunAllowed(err) || isGone(err) {
		return Allowed, ""
	}
	if errors.Is(err, errNothingToTry) {
		return CannotTest, err.Error()
	}
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "Invalid") && !strings.Contains(api.ErrorCode(), "ClientTokenId") {
		return CannotTest, "AWS refused the question before the permission: " + api.ErrorCode()
	}
	f := s.Classify(err)
	switch f.Class {
	case awsclient.Denied:
		return NotAllowed, f.String()
	case awsclient.Unsupported:
		return CannotTest, f.String()
	default:
		return CheckFailed, f.String()
	}
}
