package asset

import "time"

// TagRule gives a tag of ours to every asset that its CEL expression accepts. Dynamic tags are re-evaluated whenever an asset changes.
type TagRule struct {
	ID          string    `json:"id"`
	Tag         string    `json:"tag"`
	Description string    `json:"description,omitempty"`
	Expression  string    `json:"expression"`
	Enabled     bool      `json:"enabled"`
	CreatedAt   time.Time `json:"createdAt,omitzero"`
}
