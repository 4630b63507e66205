package selection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/evaluate/rule/tag"
	"hinomi/internal/store"
)

// ErrTagRule marks a dynamic tag's rule that does not compile.
var ErrTagRule = errors.New("rule refused")

// tagFault marks a compiler's error as the caller's affair.
func tagFault(err error) error {
	var e *tag.Error
	if errors.As(err, &e) {
		return errors.Join(ErrTagRule, err)
	}
	return err
}

// TagAsset gives an asset a tag of ours by hand, or takes it away.
func (a *Assets) TagAsset(ctx context.Context, by auth.Principal, ref asset.Ref, name string, on bool) error {
	if err := core.Allow(by, auth.WriteTags, ref.Account); err != nil {
		return err
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		action, do := "asset.tag", a.DB.TagAsset
		if !on {
			action, do = "asset.untag", a.DB.UntagAsset
		}
		if err := do(ctx, by.Scope, ref, name); err != nil {
			return err
		}
		return a.Audit(ctx, by, action, ref.String(), ref.Account, name)
	})
}

// ActivateAsset decides by hand whether a module looks at an asset; automatic gives the decision back to the connector's setting.
func (a *Assets) ActivateAsset(ctx context.Context, by auth.Principal, ref asset.Ref, m connector.Module, on, automatic bool) error {
	if err := core.Allow(by, auth.WriteTags, ref.Account); err != nil {
		return err
	}
	if !slices.Contains(connector.Modules(), m) {
		return fmt.Errorf("module %q is none of %v", m, connector.Modules())
	}
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		if _, err := a.DB.Asset(ctx, by.Scope, ref); err != nil {
			return err
		}
		if automatic {
			if err := a.DB.ForgetActivation(ctx, by.Scope, ref, m); err != nil {
				return err
			}
			return a.Audit(ctx, by, "asset.activation", ref.String(), ref.Account, string(m)+" automatic")
		}
		d := store.Activation{Module: m, Active: on, Hand: true, Reason: "deactivated by hand"}
		if on {
			d.Reason = "activated by hand"
		}
		if _, err := a.DB.SetActivations(ctx, []store.AssetActivation{{Ref: ref, Activation: d}}); err != nil {
			return err
		}
		return a.Audit(ctx, by, "asset.activation", ref.String(), ref.Account, fmt.Sprintf("%s %t", m, on))
	})
	if err != nil || !automatic {
		return err
	}
	world, err := a.DB.LoadSnapshot(ctx, auth.Everything())
	if err != nil {
		return err
	}
	return a.assignModules(ctx, world)
}

// PutTagRule stores a dynamic tag's rule after compiling it, and evaluates it at once.
func (a *Assets) PutTagRule(ctx context.Context, by auth.Principal, r store.TagRule) (store.TagRule, error) {
	if err := core.Allow(by, auth.WriteTags, ""); err != nil {
		return r, err
	}
	if _, err := tag.Compile([]asset.TagRule{{Tag: r.Tag, Expression: r.Expression, Enabled: true}}); err != nil {
		return r, tagFault(err)
	}
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		var err error
		if r, err = a.DB.PutTagRule(ctx, r); err != nil {
			return err
		}
		return a.Audit(ctx, by, "tag-rule.put", "tag rule "+r.ID, "", r.Name+": "+r.Expression)
	})
	if err != nil {
		return r, err
	}
	world, err := a.DB.LoadSnapshot(ctx, auth.Everything())
	if err != nil {
		return r, err
	}
	return r, a.assignTags(ctx, world)
}

// RemoveTagRule removes a rule, by ID or name, and every tag that it gave.
func (a *Assets) RemoveTagRule(ctx context.Context, by auth.Principal, idOrName string) error {
	if err := core.Allow(by, auth.WriteTags, ""); err != nil {
		return err
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		rules, err := a.DB.TagRules(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rules, func(r store.TagRule) bool { return r.ID == idOrName || r.Name == idOrName })
		if i < 0 {
			return store.ErrNotFound
		}
		if err := a.DB.RemoveTagRule(ctx, rules[i].ID); err != nil {
			return err
		}
		return a.Audit(ctx, by, "tag-rule.remove", "tag rule "+rules[i].ID, "", rules[i].Name)
	})
}
