package target

import (
	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/exposed"
	"hinomi/internal/evaluate/vuln"
)

// Match judges what Read read, with the advisories of the configuration.
func Match(c core.Config, s *Scanned) error {
	lib := core.NewLibrary(c.Advisories)
	defer lib.Close()
	m, notes, err := lib.MatchWith(s.Inventory, vuln.Options{Now: c.Now(), Statements: s.Statements})
	if err != nil {
		return err
	}
	s.Inventory.Notes = append(s.Inventory.Notes, notes...)
	s.Matched = m
	s.Matched.Findings = append(s.Matched.Findings, exposed.Findings(asset.Ref{}, s.Inventory.Secrets)...)
	return nil
}
