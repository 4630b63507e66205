package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

// NewTagRule is a dynamic tag's rule.
type NewTagRule struct {
	Name       string `json:"name" minLength:"1" maxLength:"256" pattern:"\\S"`
	Tag        string `json:"tag" minLength:"1" maxLength:"256" pattern:"\\S"`
	Expression string `json:"expression" minLength:"1" maxLength:"65536" pattern:"\\S" doc:"CEL over the typed asset"`
	Enabled    *bool  `json:"enabled,omitempty" default:"true"`
}

func (r NewTagRule) rule(id string) store.TagRule {
	return store.TagRule{ID: id, Name: r.Name, Tag: r.Tag, Expression: r.Expression, Enabled: r.Enabled == nil || *r.Enabled}
}

type newTagRuleInput struct{ Body NewTagRule }

// TagRulePath names a rule.
type TagRulePath struct {
	Rule string `path:"rule" maxLength:"256" doc:"ID or name"`
}

type tagRuleInput struct {
	TagRulePath
	Body NewTagRule
}

func (s *server) addTagRules() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + "/tag-rules" + path, Tags: []string{"tags"}, Summary: summary}
	}
	add(s, op("list-tag-rules", http.MethodGet, "", "Rules of dynamic tags, by name"), func(ctx context.Context, _ auth.Principal, _ *none) (*out[Page[store.TagRule]], error) {
		list, err := s.db.TagRules(ctx)
		return page(list, "", err)
	})
	create := op("add-tag-rule", http.MethodPost, "", "Make a rule; it is evaluated at once")
	create.DefaultStatus = http.StatusCreated
	add(s, create, func(ctx context.Context, by auth.Principal, in *newTagRuleInput) (*out[store.TagRule], error) {
		r, err := s.act.PutTagRule(ctx, by, in.Body.rule(""))
		return answer(r), err
	})
	add(s, op("put-tag-rule", http.MethodPut, "/{rule}", "Replace a rule; it is evaluated at once"), func(ctx context.Context, by auth.Principal, in *tagRuleInput) (*out[store.TagRule], error) {
		rules, err := s.db.TagRules(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(rules, func(r store.TagRule) bool { return r.ID == in.Rule || r.Name == in.Rule })
		if i < 0 {
			return nil, store.ErrNotFound
		}
		r, err := s.act.PutTagRule(ctx, by, in.Body.rule(rules[i].ID))
		return answer(r), err
	})
	remove := op("remove-tag-rule", http.MethodDelete, "/{rule}", "Remove a rule and every tag that it gave")
	remove.DefaultStatus = http.StatusNoContent
	add(s, remove, func(ctx context.Context, by auth.Principal, in *TagRulePath) (*none, error) {
		return &none{}, s.act.RemoveTagRule(ctx, by, in.Rule)
	})
}

type viewPath struct {
	Account string `path:"account" pattern:"^[0-9]{12}$"`
}

func (s *server) addViews() {
	add(s, huma.Operation{OperationID: "list-views", Method: http.MethodGet, Path: prefix + "/views", Tags: []string{"connectors"}, Summary: "Entries of the posture view, by account"},
		func(ctx context.Context, by auth.Principal, _ *none) (*out[Page[connector.View]], error) {
			list, err := s.db.Views(ctx, by.Scope)
			return page(list, "", err)
		})
	add(s, huma.Operation{
		OperationID: "remove-view", Method: http.MethodDelete, Path: prefix + "/views/{account}", Tags: []string{"connectors"}, DefaultStatus: http.StatusNoContent, Summary: "Remove an entry of the posture view: the only way it goes",
	}, func(ctx context.Context, by auth.Principal, in *viewPath) (*none, error) {
		list, err := s.db.Views(ctx, by.Scope)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(v connector.View) bool { return v.Account == in.Account }) {
			return nil, store.ErrNotFound
		}
		return &none{}, s.act.RemoveView(ctx, by, in.Account)
	})
}
