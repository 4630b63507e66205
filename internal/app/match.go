package app

import (
	"context"
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
	return nil
}
