package app

import (
	"context"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/exposed"
)

// MatchTarget judges what ReadTarget read, with the advisories of the configuration.
func (c Config) MatchTarget(ctx context.Context, s *Scanned) error {
	a := &App{cfg: c, log: c.Log, now: c.Now}
	defer func() {
		if a.advisories != nil {
			a.advisories.close()
		}
	}()
	m, err := a.match(ctx, s.Inventory)
	if err != nil {
		return err
	}
	s.Matched = m
	s.Matched.Findings = append(s.Matched.Findings, exposed.Findings(asset.Ref{}, s.Inventory.Secrets)...)
	return nil
}
