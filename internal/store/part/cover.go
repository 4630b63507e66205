package part

import (
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Cover is what of an inventory the life of findings needs: what was looked at, and what of it could not be read.
type Cover struct {
	OS      inventory.OS     `json:"os"`
	Method  inventory.Method `json:"method"`
	Covered []string         `json:"covered"`
	Gaps    []inventory.Gap  `json:"gaps,omitempty"`
}

// CoverOf returns what an inventory covers.
func CoverOf(inv *inventory.Inventory) Cover { return Cover{inv.OS, inv.Method, inv.Covered, inv.Gaps} }

// Outside says why an inventory's silence proves nothing about a finding, "" if it does: every place of the finding must lie
// under a covered path and in no gap.
func (c Cover) Outside(f *finding.Finding) string {
	if f.Package == nil {
		return ""
	}
	for _, p := range f.Package.Packages {
		if !slices.ContainsFunc(c.Covered, func(root string) bool { return under(p.Path, root) }) {
			return fmt.Sprintf("the newest inventory (%s) did not look at %s", c.Method, place(p.Path))
		}
		for _, g := range c.Gaps {
			if under(p.Path, g.Path) || under(g.Path, p.Path) {
				return fmt.Sprintf("the newest inventory could not read %s: %s", g.Path, g.Reason)
			}
		}
	}
	return ""
}

func place(path string) string {
	if path == "" {
		return "its place"
	}
	return path
}

// under reports whether a path is root or lies below it. A package without a path lies anywhere: only "/" covers it.
func under(path, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return root == "" || path == root || strings.HasPrefix(path, root+"/")
}
