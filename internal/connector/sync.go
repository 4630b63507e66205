package connector

import "time"

// SyncState is where a connector's sync stands, in the words of the model.
type SyncState string

// The states of a sync.
const (
	Queued          SyncState = "QUEUED"
	Running         SyncState = "RUNNING"
	FinishedSuccess SyncState = "FINISHED_SUCCESS"
	FinishedErrors  SyncState = "FINISHED_ERRORS"
)

// Sync is one reading of a connector's world.
type Sync struct {
	ID          string         `json:"id"`
	ConnectorID string         `json:"connectorId"`
	State       SyncState      `json:"state"`
	QueuedAt    time.Time      `json:"queuedAt,omitzero"`
	StartedAt   time.Time      `json:"startedAt,omitzero"`
	EndedAt     time.Time      `json:"endedAt,omitzero"`
	NextAt      time.Time      `json:"nextAt,omitzero"`
	Counts      Counts         `json:"counts"`
	Regions     []RegionResult `json:"regions,omitempty"`
	Error       string         `json:"error,omitempty"` // of the sync as a whole, in words
}

// Counts says what a sync found and changed.
type Counts struct {
	Instances int `json:"instances"`
	Assets    int `json:"assets"`
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Gone      int `json:"gone"`
	Gaps      int `json:"gaps"`
	Calls     int `json:"calls"` // AWS API requests
}

// RegionResult is one region of one account in a sync.
type RegionResult struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Instances int    `json:"instances"`
	Assets    int    `json:"assets"`
	Error     string `json:"error,omitempty"` // in words: which call, what AWS answered, what to do
}

// View is the posture view's own entry for an account. It lives on when its connector's option is switched off.
type View struct {
	Account   string      `json:"account"`
	Type      AccountType `json:"type"`
	Name      string      `json:"name"`
	Connector string      `json:"connector,omitempty"` // id of the connector that feeds it; "" if none does any more
	CreatedAt time.Time   `json:"createdAt,omitzero"`
}
