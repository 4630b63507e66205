package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hinomi/internal/auth"
)

// access is what an operation asks of its caller.
type access struct {
	permission auth.Permission // "" with public or self
	whole      bool            // the caller's scope must not be restricted: what is shown or changed is no part of one account
	public     bool            // nobody needs to be known
	self       bool            // anybody who is known: the operation concerns the caller alone, or checks for more itself
}

// accesses is the table of what every operation needs, by operation ID.
func accesses() map[string]access {
	return map[string]access{
		"healthz": {public: true},
		"readyz":  {public: true},
		"login":   {public: true},
		"metrics": {permission: auth.ReadAssets, whole: true},

		"logout":              {self: true},
		"get-me":              {self: true},
		"change-own-password": {self: true},
		"list-tokens":         {self: true},
		"add-token":           {self: true},
		"revoke-token":        {self: true},

		"list-connectors":      {permission: auth.ReadConnectors},
		"get-connector":        {permission: auth.ReadConnectors},
		"add-connector":        {permission: auth.WriteConnectors},
		"edit-connector":       {permission: auth.WriteConnectors},
		"remove-connector":     {permission: auth.WriteConnectors},
		"enable-connector":     {permission: auth.WriteConnectors},
		"disable-connector":    {permission: auth.WriteConnectors},
		"sync-connector":       {permission: auth.RunSync},
		"test-connector":       {permission: auth.RunSync},
		"list-connector-syncs": {permission: auth.ReadConnectors},
		"list-syncs":           {permission: auth.ReadConnectors},
		"get-sync":             {permission: auth.ReadConnectors},

		"list-base-accounts":  {permission: auth.ReadConnectors},
		"get-base-account":    {permission: auth.ReadConnectors},
		"set-base-account":    {permission: auth.WriteConnectors, whole: true},
		"remove-base-account": {permission: auth.WriteConnectors, whole: true},

		"list-assets":         {permission: auth.ReadAssets},
		"count-assets":        {permission: auth.ReadAssets},
		"get-asset":           {permission: auth.ReadAssets},
		"get-asset-history":   {permission: auth.ReadAssets},
		"get-asset-inventory": {permission: auth.ReadAssets},
		"tag-asset":           {permission: auth.WriteTags},
		"untag-asset":         {permission: auth.WriteTags},
		"activate-asset":      {permission: auth.WriteTags},
		"list-gaps":           {permission: auth.ReadAssets},

		"list-findings":      {permission: auth.ReadFindings},
		"count-findings":     {permission: auth.ReadFindings},
		"get-finding":        {permission: auth.ReadFindings},
		"suppress-finding":   {permission: auth.WriteFindings},
		"unsuppress-finding": {permission: auth.WriteFindings},

		"list-coverage":  {permission: auth.ReadAssets},
		"count-coverage": {permission: auth.ReadAssets},

		"list-scans": {permission: auth.ReadAssets},
		"get-scan":   {permission: auth.ReadAssets},
		"start-scan": {permission: auth.RunScan},

		"list-tag-rules":   {permission: auth.ReadAssets},
		"add-tag-rule":     {permission: auth.WriteTags, whole: true},
		"put-tag-rule":     {permission: auth.WriteTags, whole: true},
		"remove-tag-rule":  {permission: auth.WriteTags, whole: true},
		"list-views":       {permission: auth.ReadConnectors},
		"remove-view":      {permission: auth.WriteConnectors},
		"list-feeds":       {permission: auth.ReadFindings},
		"list-jobs":        {permission: auth.ReadJobs, whole: true},
		"get-job":          {permission: auth.ReadJobs, whole: true},
		"cancel-job":       {permission: auth.CancelJobs, whole: true},
		"list-users":       {permission: auth.WriteUsers, whole: true},
		"get-user":         {permission: auth.WriteUsers, whole: true},
		"add-user":         {permission: auth.WriteUsers, whole: true},
		"edit-user":        {permission: auth.WriteUsers, whole: true},
		"set-password":     {permission: auth.WriteUsers, whole: true},
		"remove-user":      {permission: auth.WriteUsers, whole: true},
		"list-audit":       {permission: auth.ReadAudit},
		"get-installation": {permission: auth.ReadInstallation},
	}
}

// describe writes what an operation needs into its description.
func (a access) describe(op *huma.Operation) {
	op.Extensions = map[string]any{"x-permission": a.name()}
	if a.whole {
		op.Extensions["x-scope"] = "everything"
	}
	if !a.public {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	}
}

func (a access) name() string {
	switch {
	case a.public:
		return "none"
	case a.self:
		return "self"
	}
	return string(a.permission)
}

// permits returns why a principal may not, nil if it may.
func (a access) permits(by auth.Principal) *Problem {
	switch {
	case a.public || a.self:
		return nil
	case !by.May(a.permission):
		return &Problem{
			Status: http.StatusForbidden, Code: "permission-missing", Permission: string(a.permission),
			Detail: "This needs the permission " + string(a.permission) + ", which the role " + string(by.Role) + " does not have.",
			Hint:   "Use a token or an account with a role that has it, or ask an administrator.",
		}
	case a.whole && !by.Scope.All():
		return &Problem{
			Status: http.StatusForbidden, Code: "scope-restricted", Permission: string(a.permission),
			Detail: "This concerns the whole installation, and your scope is restricted to some accounts or tags.",
			Hint:   "Use a token or an account without a restricted scope.",
		}
	}
	return nil
}

// guard authenticates the caller of every operation that is not public, and checks its permission.
func (s *server) guard(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	need, ok := s.needs[ctx.Operation().OperationID]
	if !ok {
		need = access{permission: "none"} // not in the table: nobody holds such a permission
	}
	who, problem := s.admit(r, need)
	if problem != nil {
		s.write(w, r, problem)
		return
	}
	next(huma.WithContext(ctx, withCaller(ctx.Context(), who)))
}

// admit returns who asks, if they may.
func (s *server) admit(r *http.Request, need access) (caller, *Problem) {
	if need.public {
		return caller{}, nil
	}
	who, problem := s.authenticate(r)
	if problem != nil {
		return who, problem
	}
	visitOf(r.Context()).actor = who.UserID
	return who, need.permits(who.Principal)
}

// caller is who asks, and how we know.
type caller struct {
	auth.Principal
	session string // the session's cookie; "" if a token was shown
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf returns who asks; without anybody it is a principal that may nothing and sees nothing.
func callerOf(ctx context.Context) caller {
	if c, ok := ctx.Value(callerKey{}).(caller); ok {
		return c
	}
	return caller{Principal: auth.Principal{Scope: auth.Scope{Nothing: true}}}
}
