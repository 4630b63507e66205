package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// noSecret stands for "no secret given".
var noSecret secret.Text

// operator is as whom the command line acts: who can open the database and its key is its administrator.
func operator() auth.Principal { return auth.System() }

// with opens the installation for a verb and closes it afterwards.
func (c *command) with(do func(ctx context.Context, a *app.App, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		a, err := app.Open(cmd.Context(), c.cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		return do(cmd.Context(), a, args)
	}
}

// unknown says what to do where something was not found by its name.
func (c *command) unknown(what, name string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return hinted(fmt.Errorf("there is no %s %q", what, name), "hinomi %s list shows them", strings.ReplaceAll(what, " ", "-"))
	}
	return err
}

// taken says which name is in use already.
func (c *command) taken(what, name string, err error) error {
	if errors.Is(err, store.ErrExists) {
		return hinted(fmt.Errorf("there is a %s %q already", what, name), "hinomi %s list shows them", what)
	}
	return err
}

// secretKey reads a secret access key from standard input or from the environment; never from an argument, which other users can see.
func (c *command) secretKey(fromStdin, wanted bool) (secret.Text, error) {
	if !wanted {
		return noSecret, nil
	}
	if !fromStdin {
		if v := os.Getenv("HINOMI_SECRET_ACCESS_KEY"); v != "" {
			return secret.NewText(v), nil
		}
		return noSecret, hinted(errors.New("the secret access key is missing"), "give it on standard input with --secret-stdin, or in HINOMI_SECRET_ACCESS_KEY")
	}
	v, err := c.readSecret("Secret access key: ")
	if err != nil {
		return noSecret, err
	}
	if v == "" {
		return noSecret, errors.New("the secret access key is empty")
	}
	return secret.NewText(v), nil
}

// readSecret reads one line without showing it where a person types.
func (c *command) readSecret(prompt string) (string, error) {
	if f, ok := c.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(c.errs, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.errs)
		return strings.TrimSpace(string(b)), err
	}
	b, err := io.ReadAll(io.LimitReader(c.in, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read the secret from standard input: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// when writes a time as a person reads it; in JSON the full form stands anyway.
func (c *command) when(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// connectorView is one connector as a table of two columns.
func connectorView(n connector.Connector, next string) view {
	v := view{header: []string{"FIELD", "VALUE"}, data: n}
	row := func(k, val string) {
		if val != "" {
			v.rows = append(v.rows, []string{k, val})
		}
	}
	row("id", n.ID)
	row("name", n.Name)
	row("description", n.Description)
	row("account", n.Account+" ("+string(n.Type)+")")
	row("role", n.Credentials.RoleARN)
	row("external id", n.Credentials.ExternalID)
	row("access key", n.Credentials.AccessKeyID)
	row("regions", orAll(n.Regions))
	row("period", time.Duration(n.Period).String())
	var modules, verbs []string
	for _, m := range n.Modules {
		modules = append(modules, string(m))
	}
	for _, m := range n.Verbs {
		verbs = append(verbs, string(m))
	}
	row("modules", strings.Join(modules, ", "))
	row("tags", strings.Join(n.Tags, ", "))
	row("may write", strings.Join(verbs, ", "))
	if n.Organization.Enroll {
		row("organisation", "members by role "+n.Organization.RoleName)
	}
	row("enabled", fmt.Sprint(n.Enabled))
	row("posture view", fmt.Sprint(n.PostureView))
	row("keeps baselines", fmt.Sprint(n.KeepBaseline))
	row("snapshots read by", n.ReadBy())
	if next != "" {
		v.notes = []string{next}
	}
	return v
}

func (c *command) connectorShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "One connector with its last sync, region by region", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			s, err := a.ConnectorState(ctx, operator(), args[0])
			if err != nil {
				return c.unknown("connector", args[0], err)
			}
			v := connectorView(s.Connector, "")
			v.data = s
			if s.Last.ID != "" {
				v.rows = append(v.rows, []string{"last sync", fmt.Sprintf("%s, ended %s: %d instances, %d assets (%d added, %d changed, %d gone), %d gaps, %d requests",
					s.Last.State, c.when(s.Last.EndedAt), s.Last.Counts.Instances, s.Last.Counts.Assets, s.Last.Counts.Added, s.Last.Counts.Changed, s.Last.Counts.Gone,
					s.Last.Counts.Gaps, s.Last.Counts.Calls)})
			}
			v.rows = append(v.rows, []string{"next sync", c.when(s.Next)})
			for _, r := range s.Last.Regions {
				text := fmt.Sprintf("%d instances, %d assets", r.Instances, r.Assets)
				if r.Error != "" {
					text += ": " + r.Error
				}
				v.rows = append(v.rows, []string{r.Account + "/" + r.Region, text})
			}
			return c.show(v)
		}),
	}
}
