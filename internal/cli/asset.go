package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

func (c *command) assetCommand() *cobra.Command {
	top := &cobra.Command{Use: "asset", Aliases: []string{"assets"}, Short: "What is in the accounts: instances, volumes, networks and their history", GroupID: "results"}
	top.AddCommand(c.assetList(), c.assetCount(), c.assetShow(), c.assetHistory(), c.assetTag("tag", true), c.assetTag("untag", false),
		c.assetActivate("activate", true), c.assetActivate("deactivate", false))
	return top
}

// pages calls fetch until there is no further page or limit rows are there; 0 is no limit.
func pages[T any](limit int, fetch func(from string, n int) ([]T, string, error)) ([]T, bool, error) {
	var out []T
	for from := ""; ; {
		n := 500
		if limit > 0 {
			n = min(n, limit-len(out))
		}
		page, next, err := fetch(from, n)
		if err != nil {
			return nil, false, err
		}
		out = append(out, page...)
		if next == "" || limit > 0 && len(out) >= limit {
			return out, next != "", nil
		}
		from = next
	}
}

type assetFlags struct {
	kinds, accounts, regions, states, tags []string
	module, connector, text                string
	gone, stale                            bool
	limit                                  int
}

func (f *assetFlags) register(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringSliceVar(&f.kinds, "kind", []string{"instance"}, "kinds of assets, or all")
	s.StringSliceVar(&f.accounts, "account", nil, "only these accounts")
	s.StringSliceVar(&f.regions, "region", nil, "only these regions")
	s.StringSliceVar(&f.states, "state", nil, "only in these states (running, stopped …)")
	s.StringSliceVar(&f.tags, "tag", nil, "only with one of these tags of ours")
	s.StringVar(&f.module, "module", "", "only activated for this module: vulnerability, network, configuration")
	s.StringVar(&f.connector, "connector", "", "only read by this connector")
	s.StringVar(&f.text, "text", "", "part of the name or id")
	s.BoolVar(&f.gone, "gone", false, "also those that are gone")
	s.BoolVar(&f.stale, "stale", false, "only stale ones: in a part of the world that was not read last time")
}

func (f *assetFlags) filter(ctx context.Context, c *command, a *app.App) (store.AssetFilter, error) {
	out := store.AssetFilter{
		Accounts: f.accounts, Regions: f.regions, States: f.states, Tags: f.tags, Module: connector.Module(f.module), Text: f.text, Gone: f.gone, Stale: f.stale,
	}
	if !slices.Equal(f.kinds, []string{"all"}) {
		for _, k := range f.kinds {
			out.Kinds = append(out.Kinds, asset.Kind(k))
		}
	}
	if f.module != "" && !slices.Contains(connector.Modules(), out.Module) {
		return out, usageError("--module %q is none of vulnerability, network, configuration", f.module)
	}
	if f.connector != "" {
		n, err := a.Store().Connector(ctx, operator().Scope, f.connector)
		if err != nil {
			return out, c.unknown("connector", f.connector, err)
		}
		out.Connector = n.ID
	}
	return out, nil
}

// nothing is what a person reads instead of an empty list.
func (f *assetFlags) nothing(cmd *cobra.Command) string {
	for _, name := range []string{"kind", "account", "region", "state", "tag", "module", "connector", "text", "stale"} {
		if cmd.Flags().Changed(name) {
			return "No asset matches; hinomi asset count says what there is."
		}
	}
	return "No assets: hinomi connector sync reads them from AWS, hinomi import DIR from a folder of AWS CLI JSON."
}

func (c *command) assetList() *cobra.Command {
	f := &assetFlags{}
	cmd := &cobra.Command{Use: "list", Short: "Assets, instances by default", Args: cobra.NoArgs}
	f.register(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 200, "at most so many; 0 is all")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		filter, err := f.filter(ctx, c, a)
		if err != nil {
			return err
		}
		list, more, err := pages(f.limit, func(from string, n int) ([]store.Asset, string, error) {
			return a.Store().Assets(ctx, operator().Scope, filter, from, n)
		})
		if err != nil {
			return err
		}
		v := view{
			header: []string{"ID", "NAME", "KIND", "ACCOUNT", "REGION", "STATE", "LAST SEEN", "TAGS"}, data: list,
			spare: []string{"KIND", "LAST SEEN", "ACCOUNT", "TAGS"}, empty: f.nothing(cmd),
		}
		for _, s := range list {
			m := s.Base()
			v.rows = append(v.rows, []string{m.ID, m.Name(), string(s.Kind()), m.Account, m.Region, stateOf(s), c.when(s.LastSeen), ourTags(s)})
		}
		if more {
			v.notes = append(v.notes, fmt.Sprintf("… the first %d; --limit 0 shows all", f.limit))
		}
		return c.show(v)
	})
	return cmd
}

// stateOf is an asset's state in one word: gone and stale come before AWS's.
func stateOf(s store.Asset) string {
	state := ""
	if i, ok := s.Asset.(*asset.Instance); ok {
		state = i.State
	}
	switch {
	case !s.GoneAt.IsZero():
		return "gone"
	case s.Stale && state != "":
		return state + ", stale"
	case s.Stale:
		return "stale"
	default:
		return state
	}
}

func ourTags(s store.Asset) string {
	var out []string
	for _, t := range s.OurTags {
		if !slices.Contains(out, t.Tag) {
			out = append(out, t.Tag)
		}
	}
	return strings.Join(out, " ")
}

func (c *command) assetCount() *cobra.Command {
	f := &assetFlags{}
	cmd := &cobra.Command{Use: "count", Short: "How many assets of each kind", Args: cobra.NoArgs}
	f.register(cmd)
	f.kinds = nil
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if !cmd.Flags().Changed("kind") {
			f.kinds = []string{"all"}
		}
		filter, err := f.filter(ctx, c, a)
		if err != nil {
			return err
		}
		counts, err := a.Store().CountAssets(ctx, operator().Scope, filter)
		if err != nil {
			return err
		}
		v := view{header: []string{"KIND", "COUNT"}, data: counts, empty: "No assets."}
		for k, n := range counts {
			v.rows = append(v.rows, []string{string(k), strconv.Itoa(n)})
		}
		sort.Slice(v.rows, func(i, j int) bool { return v.rows[i][0] < v.rows[j][0] })
		return c.show(v)
	})
	return cmd
}

// find returns the one asset that an id or account/region/kind/id names.
func (c *command) find(ctx context.Context, a *app.App, id string) (store.Asset, error) {
	list, _, err := a.Store().Assets(ctx, operator().Scope, store.AssetFilter{IDs: []string{lastPart(id)}, Gone: true}, "", 50)
	if err != nil {
		return store.Asset{}, err
	}
	if id == lastPart(id) {
		list = instanceFirst(list)
	} else {
		list = slices.DeleteFunc(list, func(s store.Asset) bool { return asset.RefOf(s.Asset).String() != id })
	}
	switch len(list) {
	case 0:
		return store.Asset{}, hinted(fmt.Errorf("there is no asset %q", id), "hinomi asset list --kind all --text … finds it by a part of its name or id")
	case 1:
		return list[0], nil
	default:
		var refs []string
		for _, s := range list {
			refs = append(refs, asset.RefOf(s.Asset).String())
		}
		return store.Asset{}, hinted(fmt.Errorf("%q names %d assets", id, len(list)), "say which: %s", strings.Join(refs, ", "))
	}
}

// instanceFirst returns the instance alone if a bare id names one beside what AWS calls by the same id (Systems Manager's view of it).
func instanceFirst(list []store.Asset) []store.Asset {
	instances := slices.DeleteFunc(slices.Clone(list), func(s store.Asset) bool { return s.Kind() != asset.KindInstance })
	if len(instances) == 1 {
		return instances
	}
	return list
}

func lastPart(id string) string {
	if parts := strings.SplitN(id, "/", 4); len(parts) == 4 {
		return parts[3]
	}
	return id
}

func (c *command) assetShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "One asset: what is known of it, its tags and activation", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			s, err := c.find(ctx, a, args[0])
			if err != nil {
				return err
			}
			m := s.Base()
			v := view{title: string(s.Kind()) + " " + m.Label(), header: []string{"FIELD", "VALUE"}, data: s}
			row := func(k, val string) { v.rows = append(v.rows, []string{k, val}) }
			row("account", m.Account)
			row("region", m.Region)
			for _, f := range fieldsOf(s.Asset) {
				row(f[0], f[1])
			}
			more, err := c.profileRows(ctx, a, s)
			if err != nil {
				return err
			}
			for _, f := range more {
				row(f[0], f[1])
			}
			row("first seen", c.when(s.FirstSeen))
			row("last seen", c.when(s.LastSeen))
			if !s.GoneAt.IsZero() {
				row("gone", c.when(s.GoneAt))
			}
			if s.Gap != nil {
				row("stale", string(s.Gap.Reason)+": "+s.Gap.Detail)
			}
			for _, t := range s.OurTags {
				row("tag", t.Tag+" (by "+t.Origin+")")
			}
			for _, d := range s.Active {
				yes := "no"
				if d.Active {
					yes = "yes"
				}
				row("module "+string(d.Module), yes+": "+d.Reason)
			}
			return c.show(v)
		}),
	}
}

func (c *command) assetHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history ID", Short: "What changed on an asset, and when", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			s, err := c.find(ctx, a, args[0])
			if err != nil {
				return err
			}
			list, _, err := pages(0, func(from string, n int) ([]store.Event, string, error) {
				return a.Store().History(ctx, operator().Scope, asset.RefOf(s.Asset), from, n)
			})
			if err != nil {
				return err
			}
			v := view{header: []string{"AT", "WHAT", "FIELD", "FROM", "TO"}, data: list, empty: "Nothing changed since it was first seen at " + c.when(s.FirstSeen) + "."}
			for _, e := range list {
				if len(e.Diff) == 0 {
					v.rows = append(v.rows, []string{c.when(e.At), e.What, "", "", ""})
				}
				for _, d := range e.Diff {
					v.rows = append(v.rows, []string{c.when(e.At), e.What, d.Path, string(d.From), string(d.To)})
				}
			}
			return c.show(v)
		}),
	}
}

func (c *command) assetTag(verb string, on bool) *cobra.Command {
	short := "Give an asset a tag of ours by hand"
	if !on {
		short = "Take a tag away that was given by hand"
	}
	return &cobra.Command{
		Use: verb + " ID TAG", Short: short, Args: cobra.ExactArgs(2),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			s, err := c.find(ctx, a, args[0])
			if err != nil {
				return err
			}
			err = a.TagAsset(ctx, operator(), asset.RefOf(s.Asset), args[1], on)
			if errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("%s has no tag %q that was given by hand", args[0], args[1])
			}
			if err != nil {
				return err
			}
			c.say("tag %s %s %s", args[1], map[bool]string{true: "stands on", false: "was taken from"}[on], args[0])
			return nil
		}),
	}
}

func (c *command) assetActivate(verb string, on bool) *cobra.Command {
	var automatic bool
	cmd := &cobra.Command{
		Use: verb + " ID MODULE", Short: "Decide by hand whether a module looks at an instance", Args: cobra.ExactArgs(2),
		Long: "Decide by hand whether a module (vulnerability, network, configuration) looks at an instance.\nThe decision stands until another one, or until --automatic gives it back to the connector's setting.",
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			s, err := c.find(ctx, a, args[0])
			if err != nil {
				return err
			}
			if err := a.ActivateAsset(ctx, operator(), asset.RefOf(s.Asset), connector.Module(args[1]), on, automatic); err != nil {
				return err
			}
			now := map[bool]string{true: "on", false: "off"}[on] + ", by hand"
			if automatic {
				now = "as its connector says"
			}
			c.say("%s of %s: %s", args[1], args[0], now)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&automatic, "automatic", false, "forget the decision by hand")
	return cmd
}
