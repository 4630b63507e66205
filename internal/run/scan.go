// Package run holds the words for work in progress on assets: agentless scans with what they made in an account, and their end.
package run

import (
	"time"

	"hinomi/internal/asset"
)

// Scan is one agentless scan of one instance. Its ID stands in the tag of every snapshot it makes.
type Scan struct {
	ID        string     `json:"id"`
	Connector string     `json:"connector"`
	Instance  asset.Ref  `json:"instance"`
	State     State      `json:"state"`
	Reason    string     `json:"reason,omitempty"` // in words, for FAILED, CANCELED and DEFERRED
	Resources []Resource `json:"resources,omitempty"`
	QueuedAt  time.Time  `json:"queuedAt,omitzero"`
	StartedAt time.Time  `json:"startedAt,omitzero"`
	EndedAt   time.Time  `json:"endedAt,omitzero"`
	Calls     int        `json:"calls"` // AWS requests
	Bytes     int64      `json:"bytes"` // read through the EBS direct APIs
	Attempts  int        `json:"attempts"`
	NotBefore time.Time  `json:"notBefore,omitzero"`  // for DEFERRED: when it is tried again
	Deferrals int        `json:"deferrals,omitempty"` // how often it was put off; that is no attempt
}

// State is where a scan stands.
type State string

// The states of a scan.
const (
	Queued   State = "QUEUED"
	Running  State = "RUNNING"
	Finished State = "FINISHED"
	Failed   State = "FAILED"
	Canceled State = "CANCELED"
	Deferred State = "DEFERRED" // it waits in the queue, not for its turn but for its time: AWS throttles
)

// Resource is something of ours in somebody's account. The intent is stored before the call that makes it.
type Resource struct {
	ScanID    string        `json:"scanId"`
	Connector string        `json:"connector"`
	Account   string        `json:"account"`
	Region    string        `json:"region"`
	Kind      asset.Kind    `json:"kind"`         // snapshot
	Of        string        `json:"of"`           // the volume it is of
	ID        string        `json:"id,omitempty"` // "" while only the intent exists: find it by the scan's tag
	State     ResourceState `json:"state"`
	Detail    string        `json:"detail,omitempty"`
	CreatedAt time.Time     `json:"createdAt"`
	DeletedAt time.Time     `json:"deletedAt,omitzero"`
}

// ResourceState is where such a resource stands.
type ResourceState string

// The states of a resource.
const (
	Intended ResourceState = "INTENDED" // stored, the call may or may not have happened
	Created  ResourceState = "CREATED"
	Deleted  ResourceState = "DELETED"
	Stuck    ResourceState = "STUCK" // could not be deleted: reported until it is
	Kept     ResourceState = "KEPT"  // stays after its scan as its volume's baseline, until a newer one, its expiry or the connector's end
)

// The tag keys of every resource that hinomi makes in an account (the values: this installation's ID, the scan's ID).
const (
	TagInstallation = "HinomiInstallation"
	TagScan         = "HinomiScan"
	TagBaseline     = "HinomiBaseline" // of a snapshot that may stay after its scan; the value is its instance's ID
)
