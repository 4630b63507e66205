package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/inventory"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// Asset is one asset as hinomi knows it.
type Asset struct {
	Ref asset.Ref `json:"resource" doc:"Names it in every other operation"`
	store.Asset
}

func assetView(a store.Asset) Asset { return Asset{asset.RefOf(a.Asset), a} }

// KindCount is how many assets of a kind there are.
type KindCount struct {
	Kind  asset.Kind `json:"kind"`
	Count int        `json:"count"`
}

// AssetInventory is what is installed on an asset, and how that was read.
type AssetInventory struct {
	store.InventoryLink
	Inventory *inventory.Inventory `json:"inventory"`
}

// AssetQuery selects assets. What is not given does not restrict; everything given must hold.
type AssetQuery struct {
	Kinds     []asset.Kind     `query:"kind,explode" maxItems:"50" enum:"instance,image,volume,snapshot,key-pair,network-interface,elastic-ip,vpc,subnet,route-table,network-acl,security-group,prefix-list,internet-gateway,egress-only-internet-gateway,nat-gateway,vpn-gateway,customer-gateway,vpn-connection,vpc-peering-connection,transit-gateway,transit-gateway-attachment,transit-gateway-route-table,vpc-endpoint,flow-log,load-balancer,listener,target-group,network-firewall,direct-connect-gateway,virtual-interface,vpc-block-public-access,vpc-block-public-access-exclusion,managed-instance,instance-profile"`
	Accounts  []string         `query:"account,explode" maxItems:"1000" pattern:"^[0-9]{12}$"`
	Regions   []string         `query:"region,explode" maxItems:"100"`
	States    []string         `query:"state,explode" maxItems:"50" doc:"AWS's own word: running, stopped, in-use …"`
	IDs       []string         `query:"id,explode" maxItems:"1000"`
	Tags      []string         `query:"tag,explode" maxItems:"100" doc:"Carries one of these tags of ours"`
	Connector string           `query:"connector" maxLength:"256" doc:"Read by this connector: ID or name"`
	Module    connector.Module `query:"module" enum:"vulnerability,network,configuration" doc:"Active for this module"`
	Text      string           `query:"text" maxLength:"256" doc:"Part of the name or ID, in any case"`
	Gone      bool             `query:"gone" doc:"Also assets that are gone"`
	Stale     bool             `query:"stale" doc:"Only assets in a gap of the last sync"`
}

type assetsInput struct {
	AssetQuery
	PageQuery
}

type historyInput struct {
	AssetPath
	PageQuery
}

// filter makes the store's filter. A connector that the caller cannot see is an error, not an empty list.
func (s *server) filter(ctx context.Context, by auth.Principal, q AssetQuery) (store.AssetFilter, error) {
	f := store.AssetFilter{
		Kinds: q.Kinds, Accounts: q.Accounts, Regions: q.Regions, States: q.States, IDs: q.IDs, Tags: q.Tags, Module: q.Module, Text: q.Text, Gone: q.Gone, Stale: q.Stale,
	}
	if q.Connector == "" {
		return f, nil
	}
	c, err := s.db.Connector(ctx, by.Scope, q.Connector)
	f.Connector = c.ID
	return f, err
}

// gaps returns the gaps in a caller's scope. A gap has no tags: one who is restricted to some sees the gaps of every account of which a
// connector or an asset carries one of them, since what lies there may be missing from all that is shown.
func (s *server) gaps(ctx context.Context, by auth.Principal) ([]snapshot.Gap, error) {
	list, err := s.db.Gaps(ctx, by.Scope)
	if err != nil || len(by.Scope.Tags) == 0 {
		return list, err
	}
	seen := map[string]bool{} // by account
	for from := ""; ; {
		page, next, err := s.db.Connectors(ctx, by.Scope, from, 1000)
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			seen[c.Account] = true
		}
		if from = next; next == "" {
			break
		}
	}
	var out []snapshot.Gap
	for _, g := range list {
		if _, known := seen[g.Account]; !known {
			some, _, err := s.db.Assets(ctx, by.Scope, store.AssetFilter{Accounts: []string{g.Account}, Gone: true}, "", 1)
			if err != nil {
				return nil, err
			}
			seen[g.Account] = len(some) > 0
		}
		if seen[g.Account] {
			out = append(out, g)
		}
	}
	return out, nil
}

const assetPath = prefix + "/assets/{account}/{region}/{kind}/{id}"

func (s *server) addAssets() {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"assets"}, Summary: summary}
	}
	add(s, op("list-assets", prefix+"/assets", "Assets, by kind, account, region and ID"), func(ctx context.Context, by auth.Principal, in *assetsInput) (*out[Page[Asset]], error) {
		f, err := s.filter(ctx, by, in.AssetQuery)
		if err != nil {
			return nil, err
		}
		list, next, err := s.db.Assets(ctx, by.Scope, f, in.Cursor, in.Limit)
		views := make([]Asset, len(list))
		for i := range list {
			views[i] = assetView(list[i])
		}
		return page(views, next, err)
	})
	add(s, op("count-assets", prefix+"/assets/counts", "How many assets of each kind"), s.countAssets)
	add(s, op("get-asset", assetPath, "One asset, gone or not"), func(ctx context.Context, by auth.Principal, in *AssetPath) (*out[Asset], error) {
		return s.assetAnswer(ctx, by, in.ref())
	})
	add(s, op("get-asset-history", assetPath+"/history", "What changed on an asset, the newest first"), func(ctx context.Context, by auth.Principal, in *historyInput) (*out[Page[store.Event]], error) {
		if _, err := s.db.Asset(ctx, by.Scope, in.ref()); err != nil {
			return nil, err
		}
		return page(s.db.History(ctx, by.Scope, in.ref(), in.Cursor, in.Limit))
	})
	add(s, op("get-asset-inventory", assetPath+"/inventory", "What is installed on an asset"), func(ctx context.Context, by auth.Principal, in *AssetPath) (*out[AssetInventory], error) {
		link, inv, err := s.db.AssetInventory(ctx, by.Scope, in.ref())
		return answer(AssetInventory{link, inv}), err
	})
	add(s, op("list-gaps", prefix+"/gaps", "What could not be read at the last try: nothing is concluded about what lies there"), func(ctx context.Context, by auth.Principal, _ *none) (*out[Page[snapshot.Gap]], error) {
		list, err := s.gaps(ctx, by)
		return page(list, "", err)
	})
}

func (s *server) countAssets(ctx context.Context, by auth.Principal, in *AssetQuery) (*out[Page[KindCount]], error) {
	f, err := s.filter(ctx, by, *in)
	if err != nil {
		return nil, err
	}
	counts, err := s.db.CountAssets(ctx, by.Scope, f)
	list := make([]KindCount, 0, len(counts))
	for _, k := range sortedKeys(counts) {
		list = append(list, KindCount{k, counts[k]})
	}
	return page(list, "", err)
}

func (s *server) assetAnswer(ctx context.Context, by auth.Principal, ref asset.Ref) (*out[Asset], error) {
	a, err := s.db.Asset(ctx, by.Scope, ref)
	if err != nil {
		return nil, err
	}
	return answer(assetView(a)), nil
}
