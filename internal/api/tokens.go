package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/store"
)

// NewToken is a token to be made.
type NewToken struct {
	Name      string     `json:"name" minLength:"1" maxLength:"256" pattern:"\\S"`
	Role      auth.Role  `json:"role" enum:"viewer,operator,administrator" doc:"At most the role of its user"`
	Scope     auth.Scope `json:"scope,omitzero" doc:"Narrows the scope of its user; left out: all of that"`
	ExpiresAt time.Time  `json:"expiresAt,omitzero" doc:"Left out: never"`
	UserID    string     `json:"userId,omitempty" maxLength:"128" doc:"Whose; your own if it is left out. For others users:write is needed"`
}

// MadeToken is a token with its value.
type MadeToken struct {
	Token auth.Token `json:"token"`
	Value string     `json:"value" doc:"Shown this once, and not kept"`
}

type newTokenInput struct{ Body NewToken }

type tokensInput struct {
	User string `query:"user" maxLength:"128" doc:"Whose: a user's ID, or all; your own if it is left out. For others users:write is needed"`
}

type tokenPath struct {
	ID string `path:"token" maxLength:"128"`
}

func (s *server) addTokens() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/tokens" + path, Tags: []string{"tokens"}, Summary: summary}
	}
	add(s, op("list-tokens", http.MethodGet, "", "API tokens, revoked ones too"), s.listTokens)
	create := op("add-token", http.MethodPost, "", "Make an API token; its value is shown once")
	create.DefaultStatus = http.StatusCreated
	create.Description = "A token makes no tokens, unless it may manage users: a session is needed."
	add(s, create, s.addToken)
	revoke := op("revoke-token", http.MethodDelete, "/{token}", "End a token")
	revoke.DefaultStatus = http.StatusNoContent
	revoke.Description = "A token may end itself. Others of the same user need a session, those of other users users:write."
	add(s, revoke, s.revokeToken)
}

// manages returns nil for who may manage other people's tokens.
func manages(by auth.Principal) *Problem {
	return access{permission: auth.WriteUsers, whole: true}.permits(by)
}

func (s *server) listTokens(ctx context.Context, by auth.Principal, in *tokensInput) (*out[Page[auth.Token]], error) {
	whose := by.UserID
	if in.User != "" && in.User != by.UserID {
		if p := manages(by); p != nil {
			return nil, p
		}
		whose = in.User
	}
	if whose == "all" {
		whose = ""
	}
	list, err := s.db.Tokens(ctx, whose)
	return page(list, "", err)
}

func (s *server) addToken(ctx context.Context, by auth.Principal, in *newTokenInput) (*out[MadeToken], error) {
	b := in.Body
	t := auth.Token{UserID: b.UserID, Name: b.Name, Role: b.Role, Scope: b.Scope, ExpiresAt: b.ExpiresAt}
	if t.UserID == "" {
		t.UserID = by.UserID
	}
	if p := manages(by); p != nil {
		if t.UserID != by.UserID {
			return nil, p
		}
		if callerOf(ctx).session == "" { // or a token that expires would make one that never does
			return nil, needsSession("A token makes no other tokens.")
		}
	}
	switch {
	case auth.Least(t.Role, by.Role) != t.Role:
		return nil, &Problem{Status: http.StatusForbidden, Code: "role-too-strong", Detail: "A token cannot be stronger than who makes it: your role is " + string(by.Role) + ".", Hint: "Choose that role or a weaker one."}
	case !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(s.now()):
		return nil, invalid("body.expiresAt", "the time is over already")
	}
	if t.UserID == by.UserID {
		if t.Scope = by.Scope.Narrow(t.Scope); t.Scope.Nothing {
			return nil, invalid("body.scope", "nothing of it lies in your own scope")
		}
	}
	made, value, err := s.act.AddToken(ctx, by, t)
	return answer(MadeToken{made, value}), err
}

func (s *server) revokeToken(ctx context.Context, by auth.Principal, in *tokenPath) (*none, error) {
	if by.TokenID == in.ID {
		return &none{}, s.act.RevokeToken(ctx, by, in.ID)
	}
	if p := manages(by); p != nil {
		own, err := s.db.Tokens(ctx, by.UserID)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(own, func(t auth.Token) bool { return t.ID == in.ID }) {
			return nil, store.ErrNotFound // of somebody else, or of nobody: not for you to know
		}
		if callerOf(ctx).session == "" {
			return nil, needsSession("A token ends no token but itself.")
		}
	}
	return &none{}, s.act.RevokeToken(ctx, by, in.ID)
}
