package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/store"
)

// CoverageQuery selects rows of coverage. What is not given does not restrict; everything given must hold.
type CoverageQuery struct {
	Scans    []coverage.Scan   `query:"scanType,explode" maxItems:"5" enum:"PACKAGE,NETWORK,CONFIGURATION"`
	Statuses []coverage.Status `query:"scanStatus,explode" maxItems:"5" enum:"ACTIVE,INACTIVE"`
	Reasons  []coverage.Reason `query:"reason,explode" maxItems:"50" enum:"PENDING_INITIAL_SCAN,PENDING_REVIVAL_SCAN,SCAN_IN_PROGRESS,SUCCESSFUL,ACCESS_DENIED,ACCESS_DENIED_TO_ENCRYPTION_KEY,INTERNAL_ERROR,UNMANAGED_EC2_INSTANCE,NO_INVENTORY,STALE_INVENTORY,UNSUPPORTED_OS,UNSUPPORTED_CONFIG_FILE,EXCLUDED_BY_TAG,EC2_INSTANCE_STOPPED,RESOURCE_TERMINATED,NO_RESOURCES_FOUND,SCAN_ELIGIBILITY_EXPIRED,PENDING_DISABLE,DEEP_INSPECTION_PACKAGE_COLLECTION_LIMIT_EXCEEDED,DEEP_INSPECTION_DAILY_SSM_INVENTORY_LIMIT_EXCEEDED,DEEP_INSPECTION_COLLECTION_TIME_LIMIT_EXCEEDED,DEEP_INSPECTION_NO_INVENTORY,AGENTLESS_INSTANCE_STORAGE_LIMIT_EXCEEDED,AGENTLESS_INSTANCE_COLLECTION_TIME_LIMIT_EXCEEDED,NOT_ACTIVATED,NOT_FULLY_ASSESSED,ASSET_STALE"`
	Accounts []string          `query:"account,explode" maxItems:"1000" pattern:"^[0-9]{12}$"`
	Regions  []string          `query:"region,explode" maxItems:"100"`
	Assets   []string          `query:"asset,explode" maxItems:"1000" doc:"Asset IDs: i-…"`
	Tags     []string          `query:"tag,explode" maxItems:"100"`
}

func (q CoverageQuery) filter() store.CoverageFilter {
	return store.CoverageFilter{Scans: q.Scans, Statuses: q.Statuses, Reasons: q.Reasons, Accounts: q.Accounts, Regions: q.Regions, Assets: q.Assets, Tags: q.Tags}
}

type coverageInput struct {
	CoverageQuery
	PageQuery
}

func (s *server) addCoverage() {
	add(s, huma.Operation{
		OperationID: "list-coverage", Method: http.MethodGet, Path: prefix + "/coverage", Tags: []string{"coverage"}, Summary: "Who was looked at, how, and who not, with the reason",
	}, func(ctx context.Context, by auth.Principal, in *coverageInput) (*out[Page[coverage.Coverage]], error) {
		return page(s.db.Coverage(ctx, by.Scope, in.filter(), in.Cursor, in.Limit))
	})
	add(s, huma.Operation{
		OperationID: "count-coverage", Method: http.MethodGet, Path: prefix + "/coverage/counts", Tags: []string{"coverage"}, Summary: "How many assets share a status and its reason",
	}, func(ctx context.Context, by auth.Principal, in *CoverageQuery) (*out[Page[store.CoverageCount]], error) {
		list, err := s.db.CountCoverage(ctx, by.Scope, in.filter())
		return page(list, "", err)
	})
}
