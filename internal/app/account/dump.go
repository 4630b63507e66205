package account

import (
	"context"
	"fmt"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
)

// Imported is the outcome of importing a dump.
type Imported struct {
	Observed pipeline.Observed `json:"observed"`
	Files    int               `json:"files"`
	Bytes    int64             `json:"bytes"`
	Notes    []string          `json:"notes,omitempty"` // files that were not understood
	Gaps     int               `json:"gaps"`
	Scopes   []snapshot.Scope  `json:"-"` // what was read: account, region and kind
}

// ImportDump reads a folder of AWS CLI JSON and puts it through the line, as a sync would.
func (a *Accounts) ImportDump(ctx context.Context, by auth.Principal, dir string, o dump.Options) (Imported, error) {
	if err := core.Allow(by, auth.RunSync, ""); err != nil {
		return Imported{}, err
	}
	o.Progress = func(read, total int64) {
		a.Progress(pipeline.Step{Stage: "read", Done: int(read >> 10), Total: int(total >> 10), What: dir})
	}
	res, err := dump.Read(ctx, dir, o)
	if err != nil {
		return Imported{}, fmt.Errorf("read the dump %s: %w", dir, err)
	}
	out := Imported{Files: res.Files, Bytes: res.Bytes, Gaps: len(res.Snapshot.Gaps())}
	for _, n := range res.Notes {
		out.Notes = append(out.Notes, n.File+": "+n.Text)
	}
	for _, r := range res.Snapshot.Reads() {
		out.Scopes = append(out.Scopes, r.Scope)
	}
	out.Observed, err = a.Line().Observe(ctx, &connector.Connector{Name: dir}, "", res.Snapshot, a.World)
	out.Observed.Counts.Instances = res.Snapshot.Len(asset.KindInstance)
	return out, err
}
