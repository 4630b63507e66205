package api

import (
	"context"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/run"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Actions are the changes that the interface can ask for. Each checks for itself what the principal may do, and writes the audit log
// with Remote(ctx) as where the request came from, in the transaction of the change.
type Actions interface {
	ConnectorActions
	BaseAccountActions
	AssetActions
	WorkActions
	PeopleActions
}

// WorkActions change what is judged and done.
type WorkActions interface {
	RuleActions
	CaseActions
}

// PeopleActions change who may ask.
type PeopleActions interface {
	UserActions
	TokenActions
}

// ConnectorActions change connectors and use them. A connector is named by its ID or its name.
type ConnectorActions interface {
	// AddConnector makes a connector and returns, beside it, what its maker should know.
	AddConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (made connector.Connector, warnings []string, err error)
	EditConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, error)
	RemoveConnector(ctx context.Context, by auth.Principal, idOrName string) error
	// SyncConnector queues a sync, or returns the one that waits or runs already.
	SyncConnector(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error)
	// TestConnector tries what the connector needs, line by line, and changes nothing in the account.
	TestConnector(ctx context.Context, by auth.Principal, idOrName string) ([]Check, error)
}

// Check is one thing that a connector's test tried.
type Check struct {
	Action   string `json:"action" doc:"IAM action, such as ec2:DescribeInstances"`
	Use      string `json:"use" doc:"What hinomi needs it for"`
	Required bool   `json:"required" doc:"Without it the connector does not work as configured"`
	Verdict  string `json:"verdict" doc:"Allowed, not allowed, cannot be tested …"`
	OK       bool   `json:"ok" doc:"The verdict does not stand in the way"`
	Detail   string `json:"detail,omitempty" doc:"What AWS answered, in words"`
}

// BaseAccountActions change base accounts, one per account type.
type BaseAccountActions interface {
	SetBaseAccount(ctx context.Context, by auth.Principal, b connector.BaseAccount, key secret.Text) (connector.BaseAccount, error)
	RemoveBaseAccount(ctx context.Context, by auth.Principal, t connector.AccountType) error
}

// AssetActions act on single assets.
type AssetActions interface {
	TagAsset(ctx context.Context, by auth.Principal, ref asset.Ref, name string, on bool) error
	// ActivateAsset decides by hand whether a module looks at an asset; automatic gives the decision back to the connector's setting.
	ActivateAsset(ctx context.Context, by auth.Principal, ref asset.Ref, m connector.Module, on, automatic bool) error
	// ScanInstance queues an agentless scan.
	ScanInstance(ctx context.Context, by auth.Principal, ref asset.Ref) (run.Scan, error)
}

// RuleActions change dynamic tags and the posture view.
type RuleActions interface {
	PutTagRule(ctx context.Context, by auth.Principal, r store.TagRule) (store.TagRule, error)
	RemoveTagRule(ctx context.Context, by auth.Principal, idOrName string) error
	RemoveView(ctx context.Context, by auth.Principal, account string) error
}

// CaseActions change findings' status and the queue.
type CaseActions interface {
	// SuppressFinding takes a finding out of the active ones until a time (zero: for good).
	SuppressFinding(ctx context.Context, by auth.Principal, id, why string, until time.Time) error
	UnsuppressFinding(ctx context.Context, by auth.Principal, id string) error
	CancelJob(ctx context.Context, by auth.Principal, id string) error
}

// UserActions change users.
type UserActions interface {
	AddUser(ctx context.Context, by auth.Principal, u auth.User, password string) (auth.User, error)
	// EditUser stores a user's role, scope and whether it is disabled.
	EditUser(ctx context.Context, by auth.Principal, u auth.User) error
	SetPassword(ctx context.Context, by auth.Principal, userID, password string) error
	RemoveUser(ctx context.Context, by auth.Principal, userID string) error
}

// TokenActions make and end API tokens.
type TokenActions interface {
	// AddToken makes a token and returns its value, which is shown once and not kept.
	AddToken(ctx context.Context, by auth.Principal, t auth.Token) (auth.Token, string, error)
	RevokeToken(ctx context.Context, by auth.Principal, id string) error
}
