package scanning

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

// errNoReader marks a connector whose snapshots nobody can read, because its reader account cannot be entered.
var errNoReader = errors.New("its reader account cannot be used")

// readerOf returns the session that reads the snapshots of a connector: its reader account's, or its own.
func (a *Agentless) readerOf(ctx context.Context, c *connector.Connector, own *awsclient.Session) (*awsclient.Session, error) {
	account := c.ReadBy()
	if account == "" {
		return own, nil
	}
	r, err := a.connectorOf(ctx, account)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: no connector reads account %s: hinomi connector add --account %s makes one", errNoReader, account, account)
	case err != nil:
		return nil, err
	case !r.Enabled:
		return nil, fmt.Errorf("%w: connector %s of account %s is disabled", errNoReader, r.Name, account)
	case r.Type != c.Type:
		return nil, fmt.Errorf("%w: account %s is of type %s, connector %s of %s", errNoReader, account, r.Type, c.Name, c.Type)
	}
	return a.Session(ctx, &r)
}

// readFault is an error that another account met as the reader of an account's snapshots.
type readFault struct {
	session *awsclient.Session
	err     error
}

// Error implements error.
func (f *readFault) Error() string {
	return fmt.Sprintf("account %s, which reads the snapshots: %v", f.session.Account(), f.err)
}

// Unwrap returns what went wrong.
func (f *readFault) Unwrap() error { return f.err }

// byReader says who met an error of AWS's, if that was not the account itself.
func (c *capture) byReader(err error) error {
	if err == nil || c.reader == c.session || c.reader.Classify(err).Code == "" {
		return err
	}
	return &readFault{c.reader, err}
}
