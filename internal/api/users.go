package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/secret"
)

// NewUser is a user to be made.
type NewUser struct {
	Name     string      `json:"name" minLength:"1" maxLength:"256" pattern:"\\S"`
	Role     auth.Role   `json:"role" enum:"viewer,operator,administrator"`
	Scope    auth.Scope  `json:"scope,omitzero" doc:"Left out: everything"`
	Password secret.Text `json:"password" maxLength:"1024" writeOnly:"true" doc:"15 to 1024 bytes"`
}

// UserChange changes the given parts of a user.
type UserChange struct {
	Role     *auth.Role  `json:"role,omitempty" enum:"viewer,operator,administrator"`
	Scope    *auth.Scope `json:"scope,omitempty"`
	Disabled *bool       `json:"disabled,omitempty" doc:"A disabled user's sessions end, and its tokens are refused"`
}

// NewPassword is a user's new password.
type NewPassword struct {
	Password secret.Text `json:"password" maxLength:"1024" writeOnly:"true" doc:"15 to 1024 bytes"`
}

// UserPath names a user.
type UserPath struct {
	ID string `path:"user" maxLength:"128"`
}

type newUserInput struct{ Body NewUser }

type userChangeInput struct {
	UserPath
	Body UserChange
}

type newPasswordInput struct {
	UserPath
	Body NewPassword
}

func (s *server) addUsers() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/users" + path, Tags: []string{"users"}, Summary: summary}
	}
	add(s, op("list-users", http.MethodGet, "", "Users, by name"), func(ctx context.Context, _ auth.Principal, _ *none) (*out[Page[auth.User]], error) {
		list, err := s.db.Users(ctx)
		return page(list, "", err)
	})
	add(s, op("get-user", http.MethodGet, "/{user}", "One user"), func(ctx context.Context, _ auth.Principal, in *UserPath) (*out[auth.User], error) {
		u, err := s.db.User(ctx, in.ID)
		return answer(u), err
	})
	create := op("add-user", http.MethodPost, "", "Make a user")
	create.DefaultStatus = http.StatusCreated
	add(s, create, func(ctx context.Context, by auth.Principal, in *newUserInput) (*out[auth.User], error) {
		u, err := s.act.AddUser(ctx, by, auth.User{Name: in.Body.Name, Role: in.Body.Role, Scope: in.Body.Scope}, in.Body.Password.Reveal())
		return answer(u), err
	})
	add(s, op("edit-user", http.MethodPatch, "/{user}", "Change the given parts of a user"), s.editUser)
	set := op("set-password", http.MethodPut, "/{user}/password", "Set a user's password; ends all its sessions")
	set.DefaultStatus = http.StatusNoContent
	add(s, set, func(ctx context.Context, by auth.Principal, in *newPasswordInput) (*none, error) {
		return &none{}, s.act.SetPassword(ctx, by, in.ID, in.Body.Password.Reveal())
	})
	remove := op("remove-user", http.MethodDelete, "/{user}", "Remove a user with tokens and sessions")
	remove.DefaultStatus = http.StatusNoContent
	add(s, remove, func(ctx context.Context, by auth.Principal, in *UserPath) (*none, error) {
		return &none{}, s.act.RemoveUser(ctx, by, in.ID)
	})
}

func (s *server) editUser(ctx context.Context, by auth.Principal, in *userChangeInput) (*out[auth.User], error) {
	var u auth.User
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		var err error
		if u, err = s.db.User(ctx, in.ID); err != nil {
			return err
		}
		put(&u.Role, in.Body.Role)
		put(&u.Scope, in.Body.Scope)
		put(&u.Disabled, in.Body.Disabled)
		if err := s.act.EditUser(ctx, by, u); err != nil {
			return err
		}
		u, err = s.db.User(ctx, in.ID)
		return err
	})
	return answer(u), err
}
