package account

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

// doSync reads a connector. A sync whose process died starts again under the same ID.
func (a *Accounts) doSync(ctx context.Context, j *job.Job) error {
	var args syncArgs
	if err := j.Args(&args); err != nil {
		return err
	}
	s, err := a.DB.Sync(ctx, auth.Everything(), args.SyncID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // its connector was removed
	}
	if err != nil {
		return err
	}
	if s.State == connector.FinishedSuccess || s.State == connector.FinishedErrors {
		return nil
	}
	c, err := a.DB.Connector(ctx, auth.Everything(), args.Connector)
	if err != nil {
		return job.Permanent(err)
	}
	_, err = a.runSync(ctx, &c, s)
	if err != nil {
		return err
	}
	if c.Organization.Enroll {
		return a.queueDue(ctx) // accounts that were enrolled just now are due at once
	}
	return nil
}

// doDue queues a sync for every connector whose time has come.
func (a *Accounts) doDue(ctx context.Context, _ *job.Job) error { return a.queueDue(ctx) }

func (a *Accounts) queueDue(ctx context.Context) error {
	due, err := a.DB.DueConnectors(ctx)
	if err != nil {
		return err
	}
	for i := range due {
		c := &due[i]
		err := a.DB.InTx(ctx, func(ctx context.Context) error {
			if last, err := a.DB.LastSync(ctx, auth.Everything(), c.ID); err == nil && a.underWay(last) {
				return nil
			}
			_, err := a.queueSync(ctx, c)
			return err
		})
		if err != nil {
			return fmt.Errorf("queue the sync of connector %s: %w", c.Name, err)
		}
	}
	return nil
}
