package target

import (
	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/exposed"
)

// Match judges what Read read, with the advisories of the configuration.
func Match(c core.Config, s *Scanned) error {
	lib := core.NewLibrary(c.Advisories)
	defer lib.Close()
	m, err := lib.Match(s.Inventory, c.Now())
	if err != nil {
		return err
	}
	s.Matched = m
	s.Matched.Findings = append(s.Matched.Findings, exposed.Findings(asset.Ref{}, s.Inventory.Secrets)...)
	return nil
}
