package asset

// TagRule gives a tag of ours to every asset that its CEL expression accepts. Dynamic tags are re-evaluated whenever an asset changes.
type TagRule struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Tag        string `json:"tag"`
	Expression string `json:"expression"` // CEL over the typed asset
	Enabled    bool   `json:"enabled"`
}
