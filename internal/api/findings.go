package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/store"
)

// FindingQuery selects findings. What is not given does not restrict; everything given must hold.
type FindingQuery struct {
	Statuses        []finding.Status   `query:"status,explode" maxItems:"3" enum:"ACTIVE,SUPPRESSED,CLOSED" doc:"ACTIVE if none is given"`
	Types           []finding.Type     `query:"type,explode" maxItems:"10" enum:"PACKAGE_VULNERABILITY,NETWORK_REACHABILITY,CONFIGURATION,END_OF_LIFE,EXPOSED_SECRET"`
	Severities      []finding.Severity `query:"severity,explode" maxItems:"10" enum:"CRITICAL,HIGH,MEDIUM,LOW,INFORMATIONAL,UNTRIAGED"`
	Accounts        []string           `query:"account,explode" maxItems:"1000" pattern:"^[0-9]{12}$"`
	Regions         []string           `query:"region,explode" maxItems:"100"`
	Assets          []string           `query:"asset,explode" maxItems:"1000" doc:"Asset IDs: i-…"`
	Tags            []string           `query:"tag,explode" maxItems:"100" doc:"On assets that carry one of these tags of ours"`
	Vulnerabilities []string           `query:"vulnerability,explode" maxItems:"1000" doc:"CVE, advisory and rule IDs"`
	Text            string             `query:"text" maxLength:"256" doc:"Part of the evidence, in any case"`
}

func (q FindingQuery) filter() store.FindingFilter {
	return store.FindingFilter{
		Statuses: q.Statuses, Types: q.Types, Severities: q.Severities, Accounts: q.Accounts, Regions: q.Regions,
		Assets: q.Assets, Tags: q.Tags, Vulnerabilities: q.Vulnerabilities, Text: q.Text,
	}
}

// Suppression takes a finding out of the active ones.
type Suppression struct {
	Reason string    `json:"reason" minLength:"1" maxLength:"4096"`
	Until  time.Time `json:"until,omitzero" doc:"Left out: for good"`
}

type findingsInput struct {
	FindingQuery
	PageQuery
}

// FindingPath names a finding.
type FindingPath struct {
	ID string `path:"finding" maxLength:"256"`
}

type suppressionInput struct {
	FindingPath
	Body Suppression
}

func (s *server) addFindings() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/findings" + path, Tags: []string{"findings"}, Summary: summary}
	}
	add(s, op("list-findings", http.MethodGet, "", "Findings, the worst first"), func(ctx context.Context, by auth.Principal, in *findingsInput) (*out[Page[finding.Finding]], error) {
		return page(s.db.Findings(ctx, by.Scope, in.filter(), in.Cursor, in.Limit))
	})
	add(s, op("count-findings", http.MethodGet, "/counts", "How many findings, and on how many assets, by type, severity and status"),
		func(ctx context.Context, by auth.Principal, in *FindingQuery) (*out[Page[store.FindingCount]], error) {
			list, err := s.db.CountFindings(ctx, by.Scope, in.filter())
			return page(list, "", err)
		})
	add(s, op("get-finding", http.MethodGet, "/{finding}", "One finding in any status"), func(ctx context.Context, by auth.Principal, in *FindingPath) (*out[finding.Finding], error) {
		return s.findingAnswer(ctx, by, in.ID)
	})
	add(s, op("suppress-finding", http.MethodPut, "/{finding}/suppression", "Take a finding out of the active ones"), s.suppress)
	add(s, op("unsuppress-finding", http.MethodDelete, "/{finding}/suppression", "Make a suppressed finding active again"),
		func(ctx context.Context, by auth.Principal, in *FindingPath) (*out[finding.Finding], error) {
			if err := s.act.UnsuppressFinding(ctx, by, in.ID); err != nil {
				return nil, err
			}
			return s.findingAnswer(ctx, by, in.ID)
		})
}

func (s *server) suppress(ctx context.Context, by auth.Principal, in *suppressionInput) (*out[finding.Finding], error) {
	switch {
	case strings.TrimSpace(in.Body.Reason) == "":
		return nil, invalid("body.reason", "a suppression needs its reason")
	case !in.Body.Until.IsZero() && !in.Body.Until.After(s.now()):
		return nil, invalid("body.until", "the time is over already")
	}
	if err := s.act.SuppressFinding(ctx, by, in.ID, in.Body.Reason, in.Body.Until); err != nil {
		return nil, err
	}
	return s.findingAnswer(ctx, by, in.ID)
}

func (s *server) findingAnswer(ctx context.Context, by auth.Principal, id string) (*out[finding.Finding], error) {
	f, err := s.db.Finding(ctx, by.Scope, id)
	return answer(f), err
}
