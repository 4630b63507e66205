package app

import (
	"context"
	"net/http"
	"net/netip"

	"hinomi/internal/api"
	"hinomi/internal/app/selection"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/live"
)

// actions makes the app the API's Actions: the same use cases, in the API's words.
type actions struct{ *App }

// AddConnector implements api.ConnectorActions.
func (a actions) AddConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, []string, error) {
	added, err := a.App.AddConnector(ctx, by, c, key)
	return added.Connector, added.Warnings, err
}

// TestConnector implements api.ConnectorActions.
func (a actions) TestConnector(ctx context.Context, by auth.Principal, idOrName string) ([]api.Check, error) {
	checks, err := a.App.TestConnector(ctx, by, idOrName)
	out := make([]api.Check, 0, len(checks))
	for _, c := range checks {
		out = append(out, api.Check{
			Action: c.Action, Use: c.Use, Required: c.Required, Verdict: string(c.Verdict), OK: live.OK([]live.Check{c}), Detail: c.Detail,
		})
	}
	return out, err
}

// Handler returns the HTTP interface.
func (a *App) Handler(ctx context.Context, o HandlerOptions) (http.Handler, error) {
	installation, err := a.core.DB.InstallationID(ctx)
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Store: a.core.DB, Actions: actions{a}, Installation: installation, Version: Version, Commit: Commit, Now: a.core.Now, Log: a.core.Log,
		HTTPS: o.HTTPS, OpenMetrics: o.OpenMetrics, Proxies: o.Proxies, Origins: o.Origins, AWSCalls: a.awsCalls, Refusals: refusals(),
		Ready: []api.Readiness{{Name: "advisories", Check: func(context.Context) error { return a.core.HaveAdvisories() }}},
	})
}

// HandlerOptions say how the interface is reached.
type HandlerOptions struct {
	HTTPS       bool // clients come by https
	OpenMetrics bool // /metrics without authentication, to this machine only

	Proxies []netip.Prefix // proxies whose X-Forwarded-For is believed
	Origins []string       // further origins whose pages may use the session cookie
}

func (a *App) awsCalls() []api.Calls {
	totals := a.core.Clients.Totals()
	out := make([]api.Calls, 0, len(totals))
	for _, t := range totals {
		out = append(out, api.Calls{Service: t.Service, API: t.API, Calls: t.Calls, Throttled: t.Throttled, Failed: t.Failed})
	}
	return out
}

// refusals lists the errors that are the caller's affair, with their HTTP status and what to do next.
func refusals() []api.Refusal {
	return []api.Refusal{
		{Err: ErrForbidden, Status: http.StatusForbidden, Hint: "ask an administrator for the permission"},
		{Err: ErrReadOnly, Status: http.StatusConflict, Hint: "allow the connector snapshot-volumes"},
		{Err: ErrInUse, Status: http.StatusConflict, Hint: "remove what depends on it first"},
		{Err: selection.ErrTagRule, Status: http.StatusUnprocessableEntity, Hint: "correct the rule at the place that the error names"},
	}
}
