package store

import (
	"context"
	"errors"
	"time"

	"hinomi/internal/asset"
)

// AgentCaptured returns what of an asset's inventory in Systems Manager was read last: the time of capture by type.
func (db *DB) AgentCaptured(ctx context.Context, ref asset.Ref) (map[string]time.Time, error) {
	body, err := one(ctx, db.q(ctx), text, `SELECT body FROM agent_captured WHERE asset_pk = $1`, assetKey(ref))
	if errors.Is(err, ErrNotFound) {
		return nil, nil //nolint:nilnil // nothing was read yet, and no fault
	}
	if err != nil {
		return nil, err
	}
	var out map[string]time.Time
	return out, fromJSON(body, &out)
}

// PutAgentCaptured stores what was read.
func (db *DB) PutAgentCaptured(ctx context.Context, ref asset.Ref, captured map[string]time.Time) error {
	body, err := asJSON(captured)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO agent_captured (asset_pk, body) VALUES ($1, $2) ON CONFLICT (asset_pk) DO UPDATE SET body = excluded.body`, assetKey(ref), body)
	return err
}

// AgentPlace is what of an account's region bears on why Systems Manager does not manage instances. A fact that is not there was not read.
type AgentPlace struct {
	Account           string          `json:"account"`
	Region            string          `json:"region"`
	DefaultManagement *bool           `json:"defaultManagement,omitempty"` // Default Host Management is on
	CoreRoles         map[string]bool `json:"coreRoles,omitempty"`         // by role: it has the policy that agents need
	Fault             string          `json:"fault,omitempty"`             // why managed instances could not be listed, in words
	ReadAt            time.Time       `json:"readAt"`
}

// PutAgentPlace stores what was read of a place.
func (db *DB) PutAgentPlace(ctx context.Context, p AgentPlace) error {
	body, err := asJSON(p)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO agent_place (account, region, body) VALUES ($1, $2, $3)
ON CONFLICT (account, region) DO UPDATE SET body = excluded.body`, p.Account, p.Region, body)
	return err
}

// AgentPlaces returns what is known of every place.
func (db *DB) AgentPlaces(ctx context.Context) ([]AgentPlace, error) {
	return query(ctx, db.q(ctx), jsonRow[AgentPlace], `SELECT body FROM agent_place ORDER BY account, region`)
}
