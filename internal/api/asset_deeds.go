package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

// ActivationMode says who decides whether a module looks at an asset.
type ActivationMode struct {
	Mode string `json:"mode" enum:"active,inactive,automatic" doc:"active and inactive are decisions by hand; automatic leaves it to the connector's setting"`
}

type assetTagInput struct {
	AssetPath
	Tag string `path:"tag" maxLength:"256"`
}

type activationInput struct {
	AssetPath
	Module connector.Module `path:"module" enum:"vulnerability,network,configuration"`
	Body   ActivationMode
}

func (s *server) addAssetDeeds() {
	for _, t := range []struct {
		id, method, summary string
		on                  bool
	}{
		{"tag-asset", http.MethodPut, "Give an asset a tag of ours by hand", true},
		{"untag-asset", http.MethodDelete, "Take away a tag that was given by hand; those of rules and connectors stay", false},
	} {
		add(s, huma.Operation{OperationID: t.id, Method: t.method, Path: assetPath + "/tags/{tag}", Tags: []string{"assets"}, Summary: t.summary},
			func(ctx context.Context, by auth.Principal, in *assetTagInput) (*out[Asset], error) {
				if err := s.act.TagAsset(ctx, by, in.ref(), in.Tag, t.on); err != nil {
					return nil, err
				}
				return s.assetAnswer(ctx, by, in.ref())
			})
	}
	add(s, huma.Operation{
		OperationID: "activate-asset", Method: http.MethodPut, Path: assetPath + "/activations/{module}", Tags: []string{"assets"}, Summary: "Decide whether a module looks at an asset",
	}, s.activateAsset)
}

func (s *server) activateAsset(ctx context.Context, by auth.Principal, in *activationInput) (*out[Asset], error) {
	a, err := s.db.Asset(ctx, by.Scope, in.ref())
	if err != nil {
		return nil, err
	}
	automatic := in.Body.Mode == "automatic"
	byHand := slices.ContainsFunc(a.Active, func(v store.Activation) bool { return v.Module == in.Module && v.Hand })
	if automatic && !byHand {
		return answer(assetView(a)), nil // it is already
	}
	if err := s.act.ActivateAsset(ctx, by, in.ref(), in.Module, in.Body.Mode == "active", automatic); err != nil {
		return nil, err
	}
	return s.assetAnswer(ctx, by, in.ref())
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
