package matching

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hinomi/internal/advisory"
	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	vexset "hinomi/internal/evaluate/vuln/vex"
	"hinomi/internal/source/vex"
	"hinomi/internal/store"
)

// Errors of statements.
var (
	// ErrNoStatement says that nothing of a document can be heard.
	ErrNoStatement = errors.New("no statement that can be heard")
	// ErrTooMany says that the installation keeps no more statements.
	ErrTooMany = errors.New("too many statements")
)

// maxStatements bounds what an installation keeps: each unit is judged with all of them in memory, about 500 bytes each.
const maxStatements = 50_000

// AddStatements keeps a document of VEX statements, in the place of one of the same name, and judges again what is kept. What could not be heard
// is returned with its reason; if that is everything, nothing changes and the error wraps ErrNoStatement.
func (a *Advisories) AddStatements(ctx context.Context, by auth.Principal, name string, d *vex.Document) (kept core.StatementDocument, unheard []string, err error) {
	if err := core.Allow(by, auth.WriteFindings, ""); err != nil {
		return kept, nil, err
	}
	for _, p := range d.Problems {
		unheard = append(unheard, p.Statement+": "+p.Reason)
	}
	kept = core.StatementDocument{Name: name, AddedAt: a.Now(), AddedBy: by.Name}
	for _, s := range d.Statements {
		if s.Asset != "" {
			unheard = append(unheard, fmt.Sprintf("%s in %s: it is about one asset; hinomi findings suppress sets a finding aside on one", s.Vulnerability, s.Asset))
			continue
		}
		if _, refused := vexset.NewSet([]advisory.Statement{s}); len(refused) > 0 {
			unheard = append(unheard, refused...)
			continue
		}
		kept.Statements = append(kept.Statements, s)
	}
	if len(kept.Statements) == 0 {
		return kept, unheard, fmt.Errorf("%s: %w", name, ErrNoStatement)
	}
	err = a.changeStatements(ctx, by, "vex.add", name, func(list []core.StatementDocument) ([]core.StatementDocument, error) {
		list = slices.DeleteFunc(list, func(o core.StatementDocument) bool { return o.Name == name })
		list = append(list, kept)
		total := 0
		for _, o := range list {
			total += len(o.Statements)
		}
		if total > maxStatements {
			return nil, fmt.Errorf("%w: %d, at most %d", ErrTooMany, total, maxStatements)
		}
		slices.SortFunc(list, func(x, y core.StatementDocument) int { return cmp.Compare(x.Name, y.Name) })
		return list, nil
	})
	return kept, unheard, err
}

// RemoveStatements takes a document of statements back and judges again what is kept. It returns store.ErrNotFound if there is none of that name.
func (a *Advisories) RemoveStatements(ctx context.Context, by auth.Principal, name string) error {
	if err := core.Allow(by, auth.WriteFindings, ""); err != nil {
		return err
	}
	return a.changeStatements(ctx, by, "vex.remove", name, func(list []core.StatementDocument) ([]core.StatementDocument, error) {
		rest := slices.DeleteFunc(slices.Clone(list), func(o core.StatementDocument) bool { return o.Name == name })
		if len(rest) == len(list) {
			return nil, fmt.Errorf("statements %s: %w", name, store.ErrNotFound)
		}
		return rest, nil
	})
}

func (a *Advisories) changeStatements(ctx context.Context, by auth.Principal, what, name string, change func([]core.StatementDocument) ([]core.StatementDocument, error)) error {
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		list, err := a.StatementDocuments(ctx)
		if err != nil {
			return err
		}
		if list, err = change(list); err != nil {
			return err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("write the statements: %w", err)
		}
		if err := a.DB.PutSetting(ctx, core.SettingStatements, string(text)); err != nil {
			return err
		}
		return a.Audit(ctx, by, what, "vex", name, "")
	})
	if err != nil {
		return err
	}
	_, err = a.RejudgeInventories(ctx)
	return err
}

// SetPolicy decides which matches make findings, from JSON as vuln.ParsePolicy reads it, and judges again what is kept. What it does not name is
// as it is by default; "{}" is the default.
func (a *Advisories) SetPolicy(ctx context.Context, by auth.Principal, text []byte) (vuln.Policy, error) {
	if err := core.Allow(by, auth.WriteSettings, ""); err != nil {
		return vuln.Policy{}, err
	}
	p, err := vuln.ParsePolicy(text)
	if err != nil {
		return p, err
	}
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutSetting(ctx, core.SettingPolicy, string(text)); err != nil {
			return err
		}
		return a.Audit(ctx, by, "setting.matching", "setting", core.SettingPolicy, "")
	})
	if err != nil {
		return p, err
	}
	_, err = a.RejudgeInventories(ctx)
	return p, err
}

// VEX returns the documents of statements that users gave, sorted by name.
func (a *Advisories) VEX(ctx context.Context) ([]core.StatementDocument, error) {
	return a.StatementDocuments(ctx)
}

// MatchingPolicy returns which matches make findings.
func (a *Advisories) MatchingPolicy(ctx context.Context) (vuln.Policy, error) { return a.Policy(ctx) }
