package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
)

type connectorSyncsInput struct {
	ConnectorPath
	PageQuery
}

type syncPath struct {
	ID string `path:"sync" maxLength:"128"`
}

func (s *server) addSyncs() {
	add(s, huma.Operation{
		OperationID: "sync-connector", Method: http.MethodPost, Path: prefix + "/connectors/{connector}/sync", Tags: []string{"connectors"}, DefaultStatus: http.StatusAccepted,
		Summary: "Queue a sync, or return the one that waits or runs already",
	}, func(ctx context.Context, by auth.Principal, in *ConnectorPath) (*out[connector.Sync], error) {
		v, err := s.act.SyncConnector(ctx, by, in.Connector)
		return answer(v), err
	})
	add(s, huma.Operation{
		OperationID: "list-connector-syncs", Method: http.MethodGet, Path: prefix + "/connectors/{connector}/syncs", Tags: []string{"connectors"}, Summary: "Syncs of a connector, the newest first",
	}, func(ctx context.Context, by auth.Principal, in *connectorSyncsInput) (*out[Page[connector.Sync]], error) {
		c, err := s.db.Connector(ctx, by.Scope, in.Connector)
		if err != nil {
			return nil, err
		}
		return page(s.db.Syncs(ctx, by.Scope, c.ID, in.Cursor, in.Limit))
	})
	add(s, huma.Operation{
		OperationID: "list-syncs", Method: http.MethodGet, Path: prefix + "/syncs", Tags: []string{"connectors"}, Summary: "Syncs of all connectors, the newest first",
	}, func(ctx context.Context, by auth.Principal, in *PageQuery) (*out[Page[connector.Sync]], error) {
		return page(s.db.Syncs(ctx, by.Scope, "", in.Cursor, in.Limit))
	})
	add(s, huma.Operation{
		OperationID: "get-sync", Method: http.MethodGet, Path: prefix + "/syncs/{sync}", Tags: []string{"connectors"}, Summary: "One sync",
	}, func(ctx context.Context, by auth.Principal, in *syncPath) (*out[connector.Sync], error) {
		v, err := s.db.Sync(ctx, by.Scope, in.ID)
		return answer(v), err
	})
}
