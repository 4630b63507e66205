package awsclient

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/directconnect"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Session is one identity in one account. Its clients are cheap: make one where it is needed and drop it.
// A session is safe for concurrent use.
type Session struct {
	c        *Clients
	who      Who
	creds    *renewable
	counts   counters
	accepted atomic.Bool // some request with these credentials was answered: AWS knows them
}

// ErrWrongAccount is returned where credentials belong to another account than the one they are used for.
var ErrWrongAccount = errors.New("credentials belong to another account")

// Session returns the session of an identity. The same identity gives the same session, so that a role is assumed once for all
// that happens in its hour. It fails only if the identity contradicts itself; credentials are asked for on first use.
func (c *Clients) Session(who Who) (*Session, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions.get(who.key()); s != nil && s.who.sameKey(who) {
		return s, nil
	}
	s := c.newSession(who)
	c.sessions.put(who.key(), s)
	return s, nil
}

func (c *Clients) newSession(who Who) *Session {
	s := &Session{c: c, who: who}
	s.counts.init()
	var p aws.CredentialsProvider = lazyAmbient{c}
	if who.Key != nil {
		p = who.Key.provider()
	}
	for _, r := range who.Chain {
		p = s.assume(p, r)
	}
	s.creds = cache(p, who.Key == nil || len(who.Chain) > 0)
	return s
}

// cache keeps credentials until they end; able says that its provider can give others.
func cache(p aws.CredentialsProvider, able bool) *renewable {
	return &renewable{able: able, CredentialsCache: aws.NewCredentialsCache(p, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = expiryWindow
		o.ExpiryWindowJitterFrac = 0.5
	})}
}

// assume returns credentials of a role, assumed with those of from.
func (s *Session) assume(from aws.CredentialsProvider, r Role) aws.CredentialsProvider {
	client := sts.NewFromConfig(s.config(s.who.Type.HomeRegion(), cache(from, s.who.Key == nil)))
	return stscreds.NewAssumeRoleProvider(client, r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = s.who.sessionName()
		o.Duration = s.c.cfg.RoleDuration
		if r.ExternalID != "" {
			o.ExternalID = aws.String(r.ExternalID)
		}
	})
}

func (s *Session) config(region string, creds *renewable) aws.Config {
	cfg := aws.Config{
		Region:      region,
		Credentials: creds.CredentialsCache,
		HTTPClient:  s.c.http,
		Retryer:     func() aws.Retryer { return s.c.retryer },
		APIOptions:  append(meter(s), renew(s, creds), awsmiddleware.AddUserAgentKey(s.c.cfg.UserAgent)),
	}
	if s.c.cfg.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(s.c.cfg.Endpoint)
	}
	return cfg
}

// Account returns the account that the session is for.
func (s *Session) Account() string { return s.who.Account }

// Who returns the identity of the session.
func (s *Session) Who() Who { return s.who }

// Type returns the account type.
func (s *Session) Type() string { return string(s.who.Type) }

// Home returns the region whose endpoints answer for the whole account type.
func (s *Session) Home() string { return s.who.Type.HomeRegion() }

// Counts returns how often each API was asked in each region through the session.
func (s *Session) Counts() []Count { return s.counts.list() }

// Calls returns the number of requests sent through the session, retries included.
func (s *Session) Calls() int { return s.counts.calls() }

// Without returns a fresh session whose last role is assumed without an external ID. `connector test` uses it: it must be refused.
func (s *Session) Without() *Session {
	w := s.who
	w.Chain = append([]Role{}, w.Chain...)
	if n := len(w.Chain); n > 0 {
		w.Chain[n-1].ExternalID = ""
	}
	return s.c.newSession(w)
}

// Start returns a session that stops before the last role: the credentials that assume it.
func (s *Session) Start() *Session {
	w := s.who
	if n := len(w.Chain); n > 0 {
		w.Chain = append([]Role{}, w.Chain[:n-1]...)
		w.Account = ""
	}
	return s.c.newSession(w)
}

// Identity is who AWS says that a session is.
type Identity struct {
	Account string
	ARN     string
	UserID  string // aws:userid: of a role its ID, a colon and the session's name
}

// Identity asks STS who the session is, assuming its roles if that was not done yet. It returns ErrWrongAccount, with the
// identity, if that is not the session's account. GetCallerIdentity needs no permission.
func (s *Session) Identity(ctx context.Context) (Identity, error) {
	out, err := s.STS(s.Home()).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, fmt.Errorf("get caller identity of account %s: %w", s.who.Account, err)
	}
	id := Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn), UserID: aws.ToString(out.UserId)}
	if s.who.Account != "" && id.Account != s.who.Account {
		return id, fmt.Errorf("%w: %s is of account %s, not of %s", ErrWrongAccount, id.ARN, id.Account, s.who.Account)
	}
	return id, nil
}

// Assume gets the session's credentials now, so that a refused role is found before anything else is asked.
func (s *Session) Assume(ctx context.Context) error {
	if _, err := s.creds.Retrieve(ctx); err != nil {
		return fmt.Errorf("get credentials for account %s: %w", s.who.Account, err)
	}
	return nil
}

// EC2 returns a client for a region.
func (s *Session) EC2(region string) *ec2.Client { return ec2.NewFromConfig(s.config(region, s.creds)) }

// EBS returns a client of the EBS direct APIs for a region.
func (s *Session) EBS(region string) *ebs.Client { return ebs.NewFromConfig(s.config(region, s.creds)) }

// ELBv2 returns a client for application, network and gateway load balancers in a region.
func (s *Session) ELBv2(region string) *elbv2.Client {
	return elbv2.NewFromConfig(s.config(region, s.creds))
}

// ELB returns a client for classic load balancers in a region.
func (s *Session) ELB(region string) *elb.Client { return elb.NewFromConfig(s.config(region, s.creds)) }

// SSM returns a Systems Manager client for a region.
func (s *Session) SSM(region string) *ssm.Client { return ssm.NewFromConfig(s.config(region, s.creds)) }

// KMS returns a Key Management Service client for a region.
func (s *Session) KMS(region string) *kms.Client { return kms.NewFromConfig(s.config(region, s.creds)) }

// STS returns a Security Token Service client for a region.
func (s *Session) STS(region string) *sts.Client { return sts.NewFromConfig(s.config(region, s.creds)) }

// NetworkFirewall returns a Network Firewall client for a region.
func (s *Session) NetworkFirewall(region string) *networkfirewall.Client {
	return networkfirewall.NewFromConfig(s.config(region, s.creds))
}

// DirectConnect returns a Direct Connect client for a region.
func (s *Session) DirectConnect(region string) *directconnect.Client {
	return directconnect.NewFromConfig(s.config(region, s.creds))
}

// IAM returns an Identity and Access Management client; the service has one endpoint per partition.
func (s *Session) IAM() *iam.Client { return iam.NewFromConfig(s.config(s.Home(), s.creds)) }

// Organizations returns an Organizations client; the service has one endpoint per partition.
func (s *Session) Organizations() *organizations.Client {
	return organizations.NewFromConfig(s.config(s.Home(), s.creds))
}
