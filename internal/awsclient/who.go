package awsclient

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"hinomi/internal/connector"
)

// Key is an access key. Its secret parts never appear in logs, errors or formatted text.
type Key struct {
	ID     string
	Secret string
	Token  string // of temporary credentials; "" for a user's key
}

// String returns the key's id alone.
func (k Key) String() string { return k.ID }

// GoString returns the key's id alone, so that %#v does not show the secret.
func (k Key) GoString() string { return "awsclient.Key{ID:" + k.ID + "}" }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

func (k Key) provider() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token)
}

// Role is one role to assume.
type Role struct {
	ARN        string
	ExternalID string
}

// Who says as whom an account is read: starting from Key, or from the ambient credentials if it is nil, each role of Chain is
// assumed with the credentials of the one before it. An empty Chain means the starting credentials themselves.
type Who struct {
	Connector string // id; becomes part of the role session's name, which CloudTrail shows
	Account   string // 12 digits: the account that the last credentials must belong to
	Type      connector.AccountType
	Key       *Key
	Chain     []Role
}

// For returns the identity of a connector. own is the secret half of its access key pair, if it has one;
// base is the base account's key for its account type, or nil.
func For(c *connector.Connector, own, base *Key) (Who, error) {
	w := Who{Connector: c.ID, Account: c.Account, Type: c.Type}
	switch {
	case c.Credentials.RoleARN != "":
		w.Key = base
		w.Chain = []Role{{ARN: c.Credentials.RoleARN, ExternalID: c.Credentials.ExternalID}}
	case own == nil || own.Secret == "":
		return Who{}, fmt.Errorf("connector %s: the secret of access key %s is missing", c.Name, c.Credentials.AccessKeyID)
	default:
		w.Key = own
	}
	return w, w.check()
}

// Member returns the identity for a member account of an organisation: the same start and external ID as the organisation's
// connector, the role of the given name in the member.
func (w Who) Member(account, roleName string) Who {
	m := w
	m.Account = account
	r := Role{ARN: "arn:" + w.Type.Partition() + ":iam::" + account + ":role/" + strings.TrimPrefix(roleName, "/")}
	if len(w.Chain) > 0 {
		r.ExternalID = w.Chain[len(w.Chain)-1].ExternalID
		m.Chain = append(append([]Role{}, w.Chain[:len(w.Chain)-1]...), r)
	} else {
		m.Chain = []Role{r}
	}
	return m
}

func (w Who) check() error {
	if len(w.Chain) == 0 {
		return nil
	}
	last := w.Chain[len(w.Chain)-1].ARN
	for _, r := range w.Chain {
		if connector.RoleAccount(r.ARN) == "" {
			return fmt.Errorf("role %q is not the ARN of an IAM role", r.ARN)
		}
	}
	if got := connector.RoleAccount(last); got != w.Account {
		return fmt.Errorf("role %s belongs to account %s, not to %s", last, got, w.Account)
	}
	return nil
}

// key returns a text that is equal for equal identities, for finding a session again. It holds no secret part.
func (w Who) key() string {
	var b strings.Builder
	b.WriteString(w.Connector + "|" + w.Account + "|" + string(w.Type) + "|")
	if w.Key != nil {
		b.WriteString(w.Key.ID)
	}
	for _, r := range w.Chain {
		b.WriteString("|" + r.ARN + "|" + r.ExternalID)
	}
	return b.String()
}

// sameKey reports whether two identities start from the same credentials, secrets included.
func (w Who) sameKey(o Who) bool {
	return w.Key == nil && o.Key == nil || w.Key != nil && o.Key != nil && *w.Key == *o.Key
}

var notSessionName = regexp.MustCompile(`[^\w+=,.@-]`)

// sessionName returns hinomi-<connector id> in the form that STS takes: 2 to 64 of [\w+=,.@-] (STS API, AssumeRole, RoleSessionName).
func (w Who) sessionName() string {
	name := "hinomi-" + notSessionName.ReplaceAllString(w.Connector, "-")
	return strings.TrimRight(name[:min(len(name), 64)], "-")
}

// expiryWindow is how long before their end credentials are renewed: longer than the longest retried request.
const expiryWindow = 5 * time.Minute
