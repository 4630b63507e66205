package store

import (
	"context"
	"time"

	"hinomi/internal/asset"
)

// AgentRead is what of an instance's inventory in Systems Manager was read last, so that only what is new is read again.
type AgentRead struct {
	Captured map[string]time.Time `json:"captured,omitempty"` // by type of inventory: when it was captured
	ETags    map[string]string    `json:"etags,omitempty"`    // by type: the object that a resource data sync wrote of it
	AskedAt  time.Time            `json:"askedAt,omitzero"`   // when Systems Manager itself was asked, not the data sync's bucket
}

// AgentReads returns what was read last of the instances of an account's region, by instance ID. Those of which nothing was read are not in it.
func (db *DB) AgentReads(ctx context.Context, account, region string) (map[string]AgentRead, error) {
	type row struct {
		id   string
		read AgentRead
	}
	list, err := query(ctx, db.q(ctx), func(sc scanner) (row, error) {
		var r row
		var body string
		if err := sc.Scan(&r.id, &body); err != nil {
			return r, err
		}
		return r, fromJSON(body, &r.read)
	}, `SELECT a.id, c.body FROM agent_captured c JOIN asset a ON a.pk = c.asset_pk WHERE a.account = $1 AND a.region = $2 AND a.kind = $3`,
		account, region, string(asset.KindInstance))
	out := make(map[string]AgentRead, len(list))
	for _, r := range list {
		out[r.id] = r.read
	}
	return out, err
}

// PutAgentRead stores what was read of an instance.
func (db *DB) PutAgentRead(ctx context.Context, ref asset.Ref, r AgentRead) error {
	body, err := asJSON(r)
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
	Sync              *AgentSync      `json:"sync,omitempty"` // how the bucket of a resource data sync was read; nil: it was not looked for
}

// AgentSync is one look at the bucket of a resource data sync.
type AgentSync struct {
	Name      string `json:"name"`
	Bucket    string `json:"bucket,omitempty"`
	Fault     string `json:"fault,omitempty"` // why Systems Manager was asked in its place, in words
	Unchanged int    `json:"unchanged"`       // instances of which no object is new
	Read      int    `json:"read"`            // instances whose objects were read
	Asked     int    `json:"asked"`           // instances of which Systems Manager itself was asked
	Behind    int    `json:"behind"`          // of these: those of which it had something newer than the bucket
	Calls     int    `json:"calls"`           // requests for what came from the bucket
	Saved     int    `json:"saved"`           // requests that Systems Manager would have had more for the same
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
