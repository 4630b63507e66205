package live_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/live"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

const (
	base       = "111111111111"
	externalID = "hinomi-6f1c2b9e0d4a4c7f8e3b5a6d7c8f9012"
	roleName   = "hinomi"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func clock() time.Time { return at }

// world is AWS with a base account whose key assumes roles.
type world struct {
	*awstest.AWS
	clients *awsclient.Clients
	key     awsclient.Key
}

func newWorld(t *testing.T, o awstest.Options) *world {
	t.Helper()
	w := &world{AWS: awstest.New(t, moto, o)}
	k := w.AddKey(base, strings.NewReplacer("/", "-").Replace(t.Name()))
	w.key = awsclient.Key{ID: k.ID, Secret: k.Secret}
	c, err := awsclient.New(awsclient.Config{Endpoint: w.URL(), MaxAttempts: 3, MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w.clients = c
	return w
}

// connect adds a role to an account and returns the connector for it.
func (w *world) connect(account string, regions ...string) *connector.Connector {
	arn := w.AddRole(awstest.Role{Account: account, Name: roleName, Trust: []string{base}, ExternalID: externalID})
	return &connector.Connector{
		ID: "c-" + account, Name: "test " + account, Type: connector.Commercial, Account: account, Regions: regions,
		Credentials: connector.Credentials{RoleARN: arn, ExternalID: externalID},
	}
}

func (w *world) session(t *testing.T, c *connector.Connector) *awsclient.Session {
	t.Helper()
	who, err := awsclient.For(c, nil, &w.key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.clients.Session(who)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) target(t *testing.T, c *connector.Connector) live.Target {
	t.Helper()
	return live.Target{Session: w.session(t, c), Regions: c.Regions}
}

var options = live.Options{Now: clock}
