package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Connector is a connector with its last sync and the time of the next.
type Connector struct {
	connector.Connector
	LastSync *connector.Sync `json:"lastSync,omitempty" doc:"Absent before the first one"`
	NextSync time.Time       `json:"nextSync,omitzero"`
}

// AddedConnector is a connector that was made, and what its maker should know.
type AddedConnector struct {
	Connector Connector `json:"connector"`
	Warnings  []string  `json:"warnings" nullable:"false" doc:"Such as another connector for the same account"`
}

// NewConnector is a connector to be made.
type NewConnector struct {
	Name         string                  `json:"name" minLength:"1" maxLength:"256"`
	Description  string                  `json:"description,omitempty" maxLength:"4096"`
	Type         connector.AccountType   `json:"type,omitempty" enum:"commercial,govcloud,china" default:"commercial"`
	Account      string                  `json:"account" pattern:"^[0-9]{12}$" doc:"AWS account: 12 digits"`
	Credentials  NewCredentials          `json:"credentials"`
	Regions      []string                `json:"regions,omitempty" maxItems:"100" doc:"Empty: all, including those enabled later"`
	Period       connector.Duration      `json:"period,omitempty" doc:"Between two syncs, such as 4h, which is the default"`
	Modules      []connector.Module      `json:"modules,omitempty" maxItems:"10" enum:"vulnerability,network,configuration" doc:"Activated for what it imports"`
	Tags         []string                `json:"tags,omitempty" maxItems:"100" doc:"Tags of ours for all it imports"`
	Enabled      *bool                   `json:"enabled,omitempty" default:"true"`
	PostureView  bool                    `json:"postureView,omitempty"`
	KeepBaseline bool                    `json:"keepBaseline,omitempty" doc:"One snapshot of each volume stays after a scan, so that the next reads only what changed"`
	Reader       string                  `json:"reader,omitempty" pattern:"^([0-9]{12})?$" doc:"Account whose connector reads the snapshots, which are shared with it; empty: the account itself"`
	Organization *connector.Organization `json:"organization,omitempty"`
	Verbs        []connector.Verb        `json:"verbs,omitempty" maxItems:"10" enum:"snapshot-volumes,manage-ssm" doc:"What hinomi may write in the account; empty: nothing"`
}

// NewCredentials are the way into an account: a role, or an access key.
type NewCredentials struct {
	RoleARN         string      `json:"roleArn,omitempty" maxLength:"2048"`
	ExternalID      string      `json:"externalId,omitempty" maxLength:"1224" doc:"One that was issued before; one is made if it is left out"`
	AccessKeyID     string      `json:"accessKeyId,omitempty" maxLength:"128"`
	SecretAccessKey secret.Text `json:"secretAccessKey,omitempty" maxLength:"1024" writeOnly:"true" doc:"Kept sealed, never returned"`
}

// ConnectorChange changes the parts of a connector that are given. Account, type and external ID stay: another account is another connector.
type ConnectorChange struct {
	Name         *string                 `json:"name,omitempty" minLength:"1" maxLength:"256"`
	Description  *string                 `json:"description,omitempty" maxLength:"4096"`
	Credentials  *ChangedCredentials     `json:"credentials,omitempty"`
	Regions      *[]string               `json:"regions,omitempty" maxItems:"100" doc:"Empty: all, including those enabled later"`
	Period       *connector.Duration     `json:"period,omitempty" doc:"Between two syncs, such as 4h"`
	Modules      *[]connector.Module     `json:"modules,omitempty" maxItems:"10" enum:"vulnerability,network,configuration"`
	Tags         *[]string               `json:"tags,omitempty" maxItems:"100"`
	Enabled      *bool                   `json:"enabled,omitempty"`
	KeepBaseline *bool                   `json:"keepBaseline,omitempty" doc:"Switching it off removes the snapshots that stayed"`
	Reader       *string                 `json:"reader,omitempty" pattern:"^([0-9]{12})?$" doc:"Account whose connector reads the snapshots; empty: the account itself"`
	PostureView  *bool                   `json:"postureView,omitempty" doc:"Switching it off leaves the view; only DELETE /api/v1/views/ACCOUNT removes that"`
	Organization *connector.Organization `json:"organization,omitempty"`
	Verbs        *[]connector.Verb       `json:"verbs,omitempty" maxItems:"10" enum:"snapshot-volumes,manage-ssm"`
}

// ChangedCredentials replace the way into the account: a role, or an access key with its secret.
type ChangedCredentials struct {
	RoleARN         string      `json:"roleArn,omitempty" maxLength:"2048"`
	AccessKeyID     string      `json:"accessKeyId,omitempty" maxLength:"128"`
	SecretAccessKey secret.Text `json:"secretAccessKey,omitempty" maxLength:"1024" writeOnly:"true" doc:"Kept sealed, never returned"`
}

// TestResult is what a connector's test found.
type TestResult struct {
	OK     bool    `json:"ok" doc:"Everything that is required can be done"`
	Checks []Check `json:"checks" nullable:"false"`
}

// ConnectorPath names a connector.
type ConnectorPath struct {
	Connector string `path:"connector" maxLength:"256" doc:"ID or name"`
}

type newConnectorInput struct{ Body NewConnector }

type connectorChangeInput struct {
	ConnectorPath
	Body ConnectorChange
}

func (s *server) addConnectors() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/connectors" + path, Tags: []string{"connectors"}, Summary: summary}
	}
	add(s, op("list-connectors", http.MethodGet, "", "Connectors, by name"), func(ctx context.Context, by auth.Principal, in *PageQuery) (*out[Page[Connector]], error) {
		list, next, err := s.db.Connectors(ctx, by.Scope, in.Cursor, in.Limit)
		if err != nil {
			return nil, err
		}
		views := make([]Connector, len(list))
		for i, c := range list {
			if views[i], err = s.connectorView(ctx, by, c); err != nil {
				return nil, err
			}
		}
		return page(views, next, nil)
	})
	add(s, op("get-connector", http.MethodGet, "/{connector}", "One connector"), func(ctx context.Context, by auth.Principal, in *ConnectorPath) (*out[Connector], error) {
		return s.connectorAnswer(ctx, by, in.Connector)
	})
	create := op("add-connector", http.MethodPost, "", "Make a connector")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.addConnector)
	add(s, op("edit-connector", http.MethodPatch, "/{connector}", "Change the given parts of a connector"), func(ctx context.Context, by auth.Principal, in *connectorChangeInput) (*out[Connector], error) {
		return s.editConnector(ctx, by, in.Connector, in.Body)
	})
	for _, e := range []struct {
		name    string
		summary string
		on      bool
	}{{"enable", "Sync a connector by its period again", true}, {"disable", "Do not sync a connector any more", false}} {
		add(s, op(e.name+"-connector", http.MethodPost, "/{connector}/"+e.name, e.summary), func(ctx context.Context, by auth.Principal, in *ConnectorPath) (*out[Connector], error) {
			return s.editConnector(ctx, by, in.Connector, ConnectorChange{Enabled: &e.on})
		})
	}
	remove := op("remove-connector", http.MethodDelete, "/{connector}", "Remove a connector with its secret; its assets stay, stale")
	remove.DefaultStatus = http.StatusNoContent
	add(s, remove, func(ctx context.Context, by auth.Principal, in *ConnectorPath) (*none, error) {
		return &none{}, s.act.RemoveConnector(ctx, by, in.Connector)
	})
	add(s, op("test-connector", http.MethodPost, "/{connector}/test", "Try line by line what the connector needs; nothing is changed in the account"), s.testConnector)
}

func (s *server) connectorAnswer(ctx context.Context, by auth.Principal, idOrName string) (*out[Connector], error) {
	c, err := s.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return nil, err
	}
	v, err := s.connectorView(ctx, by, c)
	return answer(v), err
}

func (s *server) connectorView(ctx context.Context, by auth.Principal, c connector.Connector) (Connector, error) {
	v := Connector{Connector: c}
	last, err := s.db.LastSync(ctx, by.Scope, c.ID)
	switch {
	case err == nil:
		v.LastSync = &last
	case !errors.Is(err, store.ErrNotFound):
		return v, err
	}
	if v.NextSync, err = s.db.NextSync(ctx, c.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return v, err
	}
	return v, nil
}

func (s *server) addConnector(ctx context.Context, by auth.Principal, in *newConnectorInput) (*out[AddedConnector], error) {
	b := in.Body
	c := connector.Connector{
		Name: b.Name, Description: b.Description, Type: b.Type, Account: b.Account, Regions: b.Regions, Period: b.Period, Modules: b.Modules, Tags: b.Tags,
		Enabled: b.Enabled == nil || *b.Enabled, PostureView: b.PostureView, KeepBaseline: b.KeepBaseline, Reader: b.Reader, Verbs: b.Verbs,
		Credentials: connector.Credentials{RoleARN: b.Credentials.RoleARN, ExternalID: b.Credentials.ExternalID, AccessKeyID: b.Credentials.AccessKeyID},
	}
	if b.Organization != nil {
		c.Organization = *b.Organization
	}
	if err := keyGiven(c.Credentials.AccessKeyID, b.Credentials.SecretAccessKey); err != nil {
		return nil, err
	}
	if err := withinScope(by, &c); err != nil {
		return nil, err
	}
	made, warnings, err := s.act.AddConnector(ctx, by, c, b.Credentials.SecretAccessKey)
	if err != nil {
		return nil, err
	}
	v, err := s.connectorView(ctx, by, made)
	return answer(AddedConnector{v, append([]string{}, warnings...)}), err
}

// keyGiven refuses half a key pair.
func keyGiven(id string, key secret.Text) error {
	switch {
	case id != "" && key.Empty():
		return invalid("body.credentials.secretAccessKey", "an access key needs its secret")
	case id == "" && !key.Empty():
		return invalid("body.credentials.accessKeyId", "a secret needs its access key's ID")
	}
	return nil
}

// withinScope refuses a connector that its maker could not see: a restricted administrator stays within the accounts and tags of its own.
func withinScope(by auth.Principal, c *connector.Connector) error {
	if by.Scope.Sees(c.Account, c.Tags) {
		return nil
	}
	return &Problem{
		Status: http.StatusForbidden, Code: "scope-restricted", Permission: string(auth.WriteConnectors), Detail: "The connector would lie outside your scope of accounts and tags.",
		Hint: "Use an account of your scope, and give the connector one of its tags.",
	}
}

func (s *server) editConnector(ctx context.Context, by auth.Principal, idOrName string, change ConnectorChange) (*out[Connector], error) {
	var id string
	err := s.db.InTx(ctx, func(ctx context.Context) error { // read and written in one transaction: changes at the same time do not undo each other
		c, err := s.db.Connector(ctx, by.Scope, idOrName)
		if err != nil {
			return err
		}
		id = c.ID
		key, err := change.apply(&c)
		if err != nil {
			return err
		}
		if err := withinScope(by, &c); err != nil {
			return err
		}
		_, err = s.act.EditConnector(ctx, by, c, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.connectorAnswer(ctx, by, id)
}

// apply writes the given parts into a connector and returns the new secret, if there is one.
func (b ConnectorChange) apply(c *connector.Connector) (secret.Text, error) {
	put(&c.Name, b.Name)
	put(&c.Description, b.Description)
	put(&c.Regions, b.Regions)
	put(&c.Period, b.Period)
	put(&c.Modules, b.Modules)
	put(&c.Tags, b.Tags)
	put(&c.Enabled, b.Enabled)
	put(&c.PostureView, b.PostureView)
	put(&c.KeepBaseline, b.KeepBaseline)
	put(&c.Reader, b.Reader)
	put(&c.Organization, b.Organization)
	put(&c.Verbs, b.Verbs)
	if b.Credentials == nil {
		return secret.Text{}, nil
	}
	k := *b.Credentials
	if err := keyGiven(k.AccessKeyID, k.SecretAccessKey); err != nil {
		return secret.Text{}, err
	}
	c.Credentials.RoleARN, c.Credentials.AccessKeyID = k.RoleARN, k.AccessKeyID
	return k.SecretAccessKey, nil
}

func put[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *server) testConnector(ctx context.Context, by auth.Principal, in *ConnectorPath) (*out[TestResult], error) {
	checks, err := s.act.TestConnector(ctx, by, in.Connector)
	if err != nil {
		return nil, err
	}
	r := TestResult{OK: true, Checks: append([]Check{}, checks...)}
	for _, c := range checks {
		r.OK = r.OK && (c.OK || !c.Required)
	}
	return answer(r), nil
}
