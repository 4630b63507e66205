package cli

import (
	"context"
	"fmt"
	"strings"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// shownCarriers is how many instances of a profile are named; of the others only the number.
const shownCarriers = 20

// profileRows tell of an instance which roles its profile gives it, and of a profile which instances carry it.
func (c *command) profileRows(ctx context.Context, a *app.App, s store.Asset) ([][2]string, error) {
	switch v := s.Asset.(type) {
	case *asset.Instance:
		if v.InstanceProfile == "" && v.InstanceProfileID == "" {
			return nil, nil
		}
		return c.profileOf(ctx, a, v)
	case *asset.InstanceProfile:
		return c.carriersOf(ctx, a, v)
	}
	return nil, nil
}

// profileOf finds an instance's profile among its account's, as snapshot.ProfileOf does.
func (c *command) profileOf(ctx context.Context, a *app.App, i *asset.Instance) ([][2]string, error) {
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstanceProfile}, Accounts: []string{i.Account}}
	if i.InstanceProfileID != "" {
		f.IDs = []string{i.InstanceProfileID}
	}
	list, err := each(ctx, a, f, func(s store.Asset) bool {
		p, ok := s.Asset.(*asset.InstanceProfile)
		return ok && carries(i, p)
	})
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		p := list[0].Asset.(*asset.InstanceProfile) //nolint:forcetypeassert // the condition above
		text := p.ProfileName + ", gives no role"
		var roles []string
		for _, r := range p.Roles {
			roles = append(roles, r.ARN)
		}
		if len(roles) > 0 {
			text = p.ProfileName + ", gives " + strings.Join(roles, ", ")
		}
		if list[0].Stale {
			text += " (stale)"
		}
		return [][2]string{{"profile", text}}, nil
	}
	gaps, err := a.Store().Gaps(ctx, operator().Scope)
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		if g.Covers(snapshot.Scope{Account: i.Account, Region: asset.Global, Kind: asset.KindInstanceProfile}) {
			return [][2]string{{"profile", "not read: " + string(g.Reason) + ": " + g.Detail}}, nil
		}
	}
	return [][2]string{{"profile", "not among those that were read: it was deleted, and gives the instance no role, or the account was not read since"}}, nil
}

// carries reports whether an instance carries a profile: by the id, and by the ARN only where the instance's answer had no id.
func carries(i *asset.Instance, p *asset.InstanceProfile) bool {
	if i.InstanceProfileID != "" {
		return i.InstanceProfileID == p.ID
	}
	return i.InstanceProfile != "" && i.InstanceProfile == p.ARN
}

func (c *command) carriersOf(ctx context.Context, a *app.App, p *asset.InstanceProfile) ([][2]string, error) {
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Accounts: []string{p.Account}}
	list, err := each(ctx, a, f, func(s store.Asset) bool {
		i, ok := s.Asset.(*asset.Instance)
		return ok && carries(i, p)
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return [][2]string{{"carried by", "no instance that was read"}}, nil
	}
	var names []string
	for _, s := range list[:min(len(list), shownCarriers)] {
		names = append(names, s.Base().Label())
	}
	text := strings.Join(names, ", ")
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return [][2]string{{"carried by", text}}, nil
}

// each returns the assets of a filter that match, page by page: only those are kept.
func each(ctx context.Context, a *app.App, f store.AssetFilter, match func(store.Asset) bool) (out []store.Asset, err error) {
	for from := ""; ; {
		page, next, err := a.Store().Assets(ctx, operator().Scope, f, from, 500)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if match(s) {
				out = append(out, s)
			}
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}
