package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// NewScan asks for an agentless scan.
type NewScan struct {
	Resource asset.Ref `json:"resource" doc:"An instance"`
}

type newScanInput struct{ Body NewScan }

type scansInput struct {
	States    []run.State `query:"state,explode" maxItems:"10" enum:"QUEUED,DEFERRED,RUNNING,FINISHED,FAILED,CANCELED"`
	Instances []string    `query:"instance,explode" maxItems:"1000" doc:"Instance IDs: i-…"`
	Connector string      `query:"connector" maxLength:"256" doc:"ID or name"`
	PageQuery
}

type scanPath struct {
	ID string `path:"scan" maxLength:"128"`
}

func (s *server) addScans() {
	add(s, huma.Operation{
		OperationID: "list-scans", Method: http.MethodGet, Path: prefix + "/scans", Tags: []string{"scans"}, Summary: "Agentless scans without what they made, the newest first",
	}, func(ctx context.Context, by auth.Principal, in *scansInput) (*out[Page[run.Scan]], error) {
		f := store.ScanFilter{States: in.States, Instances: in.Instances}
		if in.Connector != "" {
			c, err := s.db.Connector(ctx, by.Scope, in.Connector)
			if err != nil {
				return nil, err
			}
			f.Connector = c.ID
		}
		return page(s.db.Scans(ctx, by.Scope, f, in.Cursor, in.Limit))
	})
	add(s, huma.Operation{
		OperationID: "get-scan", Method: http.MethodGet, Path: prefix + "/scans/{scan}", Tags: []string{"scans"}, Summary: "One scan with everything it made in the account",
	}, func(ctx context.Context, by auth.Principal, in *scanPath) (*out[run.Scan], error) {
		v, err := s.db.Scan(ctx, by.Scope, in.ID)
		return answer(v), err
	})
	add(s, huma.Operation{
		OperationID: "start-scan", Method: http.MethodPost, Path: prefix + "/scans", Tags: []string{"scans"}, DefaultStatus: http.StatusAccepted,
		Summary: "Queue an agentless scan of an instance, or return the one that waits or runs already",
	}, func(ctx context.Context, by auth.Principal, in *newScanInput) (*out[run.Scan], error) {
		if in.Body.Resource.Kind != asset.KindInstance {
			return nil, invalid("body.resource.kind", "only an instance can be scanned")
		}
		if _, err := s.db.Asset(ctx, by.Scope, in.Body.Resource); err != nil {
			return nil, err
		}
		v, err := s.act.ScanInstance(ctx, by, in.Body.Resource)
		return answer(v), err
	})
}
