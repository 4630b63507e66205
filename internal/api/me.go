package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Me is who asks, and what they may do.
type Me struct {
	auth.Principal
	Permissions []auth.Permission `json:"permissions" nullable:"false"`
}

func me(by auth.Principal) Me { return Me{by, by.Role.Permissions()} }

// PasswordChange changes the caller's own password.
type PasswordChange struct {
	Current secret.Text `json:"currentPassword" maxLength:"1024" writeOnly:"true"`
	New     secret.Text `json:"newPassword" maxLength:"1024" writeOnly:"true" doc:"15 to 1024 bytes"`
}

// Installation is which hinomi this is.
type Installation struct {
	ID       string `json:"id" doc:"Stands in the tag HinomiInstallation of everything that hinomi makes in an account"`
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Database string `json:"database" enum:"sqlite,postgres"`
	Schema   int64  `json:"schemaVersion" doc:"Version of the database's schema"`
}

type passwordChangeInput struct{ Body PasswordChange }

func (s *server) addMe() {
	add(s, huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: prefix + "/me", Tags: []string{"session"}, Summary: "Who am I, and what may I do",
	}, func(_ context.Context, by auth.Principal, _ *none) (*out[Me], error) { return answer(me(by)), nil })
	add(s, huma.Operation{
		OperationID: "change-own-password", Method: http.MethodPut, Path: prefix + "/me/password", Tags: []string{"session"}, DefaultStatus: http.StatusNoContent,
		Summary: "Change my password", Description: "Ends all sessions of the user. Needs a session: a token is not enough.",
	}, s.changeOwnPassword)
	add(s, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: prefix + "/audit", Tags: []string{"installation"}, Summary: "Who changed what, the newest first",
	}, func(ctx context.Context, by auth.Principal, in *PageQuery) (*out[Page[store.AuditEntry]], error) {
		return page(s.db.AuditLog(ctx, by.Scope, in.Cursor, in.Limit))
	})
	add(s, huma.Operation{
		OperationID: "get-installation", Method: http.MethodGet, Path: prefix + "/installation", Tags: []string{"installation"}, Summary: "Which hinomi this is",
	}, func(ctx context.Context, _ auth.Principal, _ *none) (*out[Installation], error) {
		v, err := s.db.Version(ctx)
		return answer(Installation{ID: s.cfg.Installation, Version: s.cfg.Version, Commit: s.cfg.Commit, Database: s.db.Kind(), Schema: v}), err
	})
}

func (s *server) changeOwnPassword(ctx context.Context, by auth.Principal, in *passwordChangeInput) (*logoutOutput, error) {
	if callerOf(ctx).session == "" {
		return nil, needsSession("A token cannot change its user's password.")
	}
	if _, err := s.verify(ctx, by.Name, in.Body.Current); err != nil {
		return nil, err
	}
	if err := s.act.SetPassword(ctx, by, by.UserID, in.Body.New.Reveal()); err != nil {
		return nil, err
	}
	return &logoutOutput{s.cookie("")}, nil
}

func needsSession(detail string) *Problem {
	return &Problem{Status: http.StatusForbidden, Code: "session-needed", Detail: detail, Hint: "Sign in by POST " + prefix + "/session."}
}
