package language

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// maxInstalled bounds one vendor/composer/installed.json, in bytes: those of large shops are near 2 MB.
const maxInstalled = 8 << 20

// composer reads vendor/composer/installed.json, where Composer writes what it has installed: a list until its version 1, an object since.
func composer() kind.File {
	return kind.File{
		ID: "composer", Bases: []string{"installed.json"},
		Wants: func(e kind.Entry) bool { return path.Base(e.Folder()) == "composer" },
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			data, err := f.Bytes(maxInstalled)
			if err != nil {
				return err
			}
			type entry struct{ Name, Version string }
			var d struct {
				Packages []entry  `json:"packages"`
				Dev      []string `json:"dev-package-names"`
			}
			if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '[' {
				err = json.Unmarshal(data, &d.Packages)
			} else {
				err = json.Unmarshal(data, &d)
			}
			if err != nil {
				return fmt.Errorf("read installed.json: %w", err)
			}
			slices.Sort(d.Dev)
			var branches []string
			for _, p := range d.Packages {
				version, pinned := lockfile.ComposerVersion(p.Version)
				switch {
				case p.Name == "" || version == "":
					out.Gap(f.Name, fmt.Sprintf("an entry without a name or a version: %.80q %.80q", p.Name, p.Version))
				case !pinned:
					branches = append(branches, p.Name)
				default:
					_, dev := slices.BinarySearch(d.Dev, p.Name)
					out.Add(inventory.Package{
						Ecosystem: inventory.Packagist, Name: p.Name, Version: version, Location: host.Path(f.Name), Dev: dev,
						PURL: inventory.Packagist.PURL(p.Name, version),
					})
				}
			}
			if len(branches) > 0 {
				out.Gap(f.Name, fmt.Sprintf("%d packages are installed from branches and have no version: %.80q", len(branches), branches[:min(5, len(branches))]))
			}
			return nil
		},
	}
}
