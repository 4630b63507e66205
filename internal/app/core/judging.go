package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/store"
)

// Names of the settings that hold what users decided about matching.
const (
	SettingPolicy     = "matching"   // vuln.Policy as JSON: which of the publishers' words make findings
	SettingStatements = "statements" // []StatementDocument as JSON
)

// StatementDocument is a document of VEX statements that a user gave to this installation.
type StatementDocument struct {
	Name       string               `json:"name"`
	AddedAt    time.Time            `json:"addedAt"`
	AddedBy    string               `json:"addedBy"`
	Statements []advisory.Statement `json:"statements"`
}

// Policy returns which matches make findings.
func (c *Core) Policy(ctx context.Context) (vuln.Policy, error) {
	text, err := c.DB.Setting(ctx, SettingPolicy)
	if errors.Is(err, store.ErrNotFound) {
		return vuln.DefaultPolicy(), nil
	}
	if err != nil {
		return vuln.Policy{}, err
	}
	return vuln.ParsePolicy([]byte(text))
}

// StatementDocuments returns the documents of statements, sorted by name.
func (c *Core) StatementDocuments(ctx context.Context) ([]StatementDocument, error) {
	text, err := c.DB.Setting(ctx, SettingStatements)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []StatementDocument
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", SettingStatements, err)
	}
	return list, nil
}

// judging returns the options with which units are judged, and a sum of what in them users decided, which is "" while they decided nothing: where
// it changes, everything is judged again. A statement that has lapsed is none.
func (c *Core) judging(ctx context.Context) (o vuln.Options, sum string, err error) {
	o = vuln.Options{Now: c.Now()}
	p, err := c.Policy(ctx)
	if err != nil {
		return o, "", err
	}
	o.Policy = &p
	documents, err := c.StatementDocuments(ctx)
	if err != nil {
		return o, "", err
	}
	for _, d := range documents {
		o.Statements = append(o.Statements, slices.DeleteFunc(d.Statements, func(s advisory.Statement) bool { return !s.Until.IsZero() && !s.Until.After(o.Now) })...)
	}
	given, err := json.Marshal(p)
	if err != nil {
		return o, "", fmt.Errorf("write the policy of matching: %w", err)
	}
	usual, err := json.Marshal(vuln.DefaultPolicy())
	if err != nil {
		return o, "", fmt.Errorf("write the policy of matching: %w", err)
	}
	if len(o.Statements) == 0 && string(given) == string(usual) {
		return o, "", nil
	}
	said, err := json.Marshal(o.Statements)
	if err != nil {
		return o, "", fmt.Errorf("write the statements: %w", err)
	}
	all := sha256.Sum256(append(given, said...))
	return o, hex.EncodeToString(all[:8]), nil
}
