package core

import (
	"strings"

	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
)

// Rows compares the versions of an inventory with the newest advisories, as other scanners print it: rows as tab-separated values, and in words
// what could not be judged.
func (l *Library) Rows(inv *inventory.Inventory, o vuln.Options) (tsv string, missing []string, err error) {
	db, release, err := l.Use()
	if err != nil {
		return "", nil, err
	}
	defer release()
	res := vuln.Match(inv, db, o)
	return strings.Clone(vuln.TSV(vuln.Rows(&res))), notAssessed(res.NotAssessed), nil
}
