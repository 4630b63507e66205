package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/store"
)

func (c *command) userCommand() *cobra.Command {
	top := &cobra.Command{Use: "user", Aliases: []string{"users"}, Short: "Who may sign in to the server, with which role", GroupID: "run"}
	top.AddCommand(c.userAdd(), c.userList(), c.userPassword(), c.userRemove())
	return top
}

func (c *command) userAdd() *cobra.Command {
	var role string
	var scope auth.Scope
	cmd := &cobra.Command{Use: "add NAME", Short: "Make a user; the password is read from the terminal or standard input", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&role, "role", string(auth.Viewer), "viewer, operator or administrator")
	cmd.Flags().StringSliceVar(&scope.Accounts, "account", nil, "sees only these accounts")
	cmd.Flags().StringSliceVar(&scope.Tags, "tag", nil, "sees only assets with one of these tags of ours")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		password, err := c.readSecret("Password: ")
		if err != nil {
			return err
		}
		u, err := a.AddUser(ctx, operator(), auth.User{Name: args[0], Role: auth.Role(role), Scope: scope}, password)
		if err != nil {
			return c.taken("user", args[0], err)
		}
		return c.show(userView([]auth.User{u}))
	})
	return cmd
}

func userView(list []auth.User) view {
	v := view{header: []string{"NAME", "ROLE", "SCOPE", "ID"}, data: list, empty: "No users yet: hinomi serve makes the first administrator."}
	for _, u := range list {
		v.rows = append(v.rows, []string{u.Name, string(u.Role), scopeText(u.Scope), u.ID})
	}
	return v
}

func scopeText(s auth.Scope) string {
	if s.All() {
		return "everything"
	}
	var parts []string
	if len(s.Accounts) > 0 {
		parts = append(parts, "accounts "+strings.Join(s.Accounts, ","))
	}
	if len(s.Tags) > 0 {
		parts = append(parts, "tags "+strings.Join(s.Tags, ","))
	}
	return strings.Join(parts, "; ")
}

func (c *command) userList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All users", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Store().Users(ctx)
			if err != nil {
				return err
			}
			return c.show(userView(list))
		}),
	}
}

// userNamed finds a user by name or ID.
func (c *command) userNamed(ctx context.Context, a *app.App, name string) (auth.User, error) {
	list, err := a.Store().Users(ctx)
	if err != nil {
		return auth.User{}, err
	}
	for _, u := range list {
		if u.Name == name || u.ID == name {
			return u, nil
		}
	}
	return auth.User{}, c.unknown("user", name, store.ErrNotFound)
}

func (c *command) userPassword() *cobra.Command {
	return &cobra.Command{
		Use: "password NAME", Short: "Set a user's password; ends all sessions", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			u, err := c.userNamed(ctx, a, args[0])
			if err != nil {
				return err
			}
			password, err := c.readSecret("New password: ")
			if err != nil {
				return err
			}
			if err := a.SetPassword(ctx, operator(), u.ID, password); err != nil {
				return err
			}
			c.say("password of %s set, its sessions ended", u.Name)
			return nil
		}),
	}
}

func (c *command) userRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a user with tokens and sessions", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			u, err := c.userNamed(ctx, a, args[0])
			if err != nil {
				return err
			}
			if err := a.RemoveUser(ctx, operator(), u.ID); err != nil {
				return err
			}
			c.say("user %s removed", u.Name)
			return nil
		}),
	}
}

func (c *command) tokenCommand() *cobra.Command {
	top := &cobra.Command{Use: "token", Aliases: []string{"tokens"}, Short: "API tokens", GroupID: "run"}
	var user, role string
	var scope auth.Scope
	var days int
	add := &cobra.Command{Use: "add NAME --user USER", Short: "Make a token; it is shown once", Args: cobra.ExactArgs(1)}
	add.Flags().StringVar(&user, "user", "", "whose token")
	add.Flags().StringVar(&role, "role", string(auth.Viewer), "at most the user's own role")
	add.Flags().StringSliceVar(&scope.Accounts, "account", nil, "sees only these accounts")
	add.Flags().StringSliceVar(&scope.Tags, "tag", nil, "sees only assets with one of these tags of ours")
	add.Flags().IntVar(&days, "days", 90, "days until it expires; 0 is never")
	_ = add.MarkFlagRequired("user") // the flag was defined just above
	add.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		u, err := c.userNamed(ctx, a, user)
		if err != nil {
			return err
		}
		t := auth.Token{UserID: u.ID, Name: args[0], Role: auth.Role(role), Scope: scope}
		if days > 0 {
			t.ExpiresAt = c.cfg.Now().Add(time.Duration(days) * 24 * time.Hour)
		}
		made, value, err := a.AddToken(ctx, operator(), t)
		if err != nil {
			return err
		}
		if c.output != tableFormat {
			return c.show(view{data: map[string]any{"token": value, "record": made}, header: []string{"TOKEN"}, rows: [][]string{{value}}})
		}
		fmt.Fprintln(c.out, value)
		fmt.Fprintln(c.errs, "This is shown once. Use it as: Authorization: Bearer "+made.Prefix+"…")
		return nil
	})
	list := &cobra.Command{
		Use: "list", Short: "All tokens, revoked ones too", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			tokens, err := a.Store().Tokens(ctx, "")
			if err != nil {
				return err
			}
			v := view{header: []string{"ID", "NAME", "PREFIX", "ROLE", "SCOPE", "EXPIRES", "LAST USED", "REVOKED"}, data: tokens, empty: "No tokens."}
			for _, t := range tokens {
				v.rows = append(v.rows, []string{t.ID, t.Name, t.Prefix, string(t.Role), scopeText(t.Scope), c.when(t.ExpiresAt), c.when(t.LastUsedAt), c.when(t.RevokedAt)})
			}
			return c.show(v)
		}),
	}
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a token", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RevokeToken(ctx, operator(), args[0]); err != nil {
				return c.unknown("token", args[0], err)
			}
			c.say("token %s revoked", args[0])
			return nil
		}),
	}
	top.AddCommand(add, list, revoke)
	return top
}

func (c *command) auditCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "audit", Short: "Who changed what, the newest first", GroupID: "run", Args: cobra.NoArgs}
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many; 0 is all")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		list, _, err := pages(limit, func(from string, n int) ([]store.AuditEntry, string, error) {
			return a.Store().AuditLog(ctx, operator().Scope, from, n)
		})
		if err != nil {
			return err
		}
		v := view{header: []string{"AT", "WHO", "ACTION", "OBJECT", "ACCOUNT", "DETAIL"}, data: list, empty: "Nothing was changed yet."}
		for _, e := range list {
			v.rows = append(v.rows, []string{c.when(e.At), e.Actor, e.Action, e.Object, e.Account, e.Detail})
		}
		return c.show(v)
	})
	return cmd
}
