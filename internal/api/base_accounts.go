package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// NewBaseAccount is the account whose access key assumes the roles of one account type.
type NewBaseAccount struct {
	Name            string      `json:"name" minLength:"1" maxLength:"256"`
	Account         string      `json:"account" pattern:"^[0-9]{12}$" doc:"AWS account: 12 digits"`
	AccessKeyID     string      `json:"accessKeyId" minLength:"1" maxLength:"128"`
	SecretAccessKey secret.Text `json:"secretAccessKey" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"Kept sealed, never returned"`
}

// TypePath names an account type.
type TypePath struct {
	Type connector.AccountType `path:"type" enum:"commercial,govcloud,china"`
}

type newBaseAccountInput struct {
	TypePath
	Body NewBaseAccount
}

func (s *server) addBaseAccounts() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/base-accounts" + path, Tags: []string{"connectors"}, Summary: summary}
	}
	add(s, op("list-base-accounts", http.MethodGet, "", "Base accounts, by account type"), func(ctx context.Context, by auth.Principal, _ *none) (*out[Page[connector.BaseAccount]], error) {
		list, err := s.db.BaseAccounts(ctx)
		return page(slices.DeleteFunc(list, func(b connector.BaseAccount) bool { return !by.Scope.SeesAccount(b.Account) }), "", err)
	})
	add(s, op("get-base-account", http.MethodGet, "/{type}", "The base account of a type"), func(ctx context.Context, by auth.Principal, in *TypePath) (*out[connector.BaseAccount], error) {
		b, err := s.db.BaseAccount(ctx, in.Type)
		if err == nil && !by.Scope.SeesAccount(b.Account) {
			err = store.ErrNotFound
		}
		return answer(b), err
	})
	add(s, op("set-base-account", http.MethodPut, "/{type}", "Set the base account of a type; for the same account it replaces the key"),
		func(ctx context.Context, by auth.Principal, in *newBaseAccountInput) (*out[connector.BaseAccount], error) {
			b, err := s.act.SetBaseAccount(ctx, by, connector.BaseAccount{Name: in.Body.Name, Type: in.Type, Account: in.Body.Account, AccessKeyID: in.Body.AccessKeyID}, in.Body.SecretAccessKey)
			return answer(b), err
		})
	remove := op("remove-base-account", http.MethodDelete, "/{type}", "Remove the base account of a type; connectors use the process's own credentials again")
	remove.DefaultStatus = http.StatusNoContent
	add(s, remove, func(ctx context.Context, by auth.Principal, in *TypePath) (*none, error) {
		return &none{}, s.act.RemoveBaseAccount(ctx, by, in.Type)
	})
}
