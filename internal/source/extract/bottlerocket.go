package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// bottlerocketInventory is what Bottlerocket has in place of a package database: its image holds none (bottlerocket-os/twoliter, rpm2img).
const bottlerocketInventory = "usr/share/bottlerocket/application-inventory.json"

const maxInventory = 64 << 20 // bytes

// bottlerocket reads the list of the packages that a Bottlerocket image was made of.
func bottlerocket() Extractor {
	return Extractor{ID: "bottlerocket", System: func(_ context.Context, h *host.Host, out *Output) error {
		data, err := h.ReadFile(bottlerocketInventory, maxInventory)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // on Bottlerocket this leaves no package database, which is a gap
		}
		if err != nil {
			return fmt.Errorf("%s: %w", bottlerocketInventory, err)
		}
		var list struct {
			Content []struct{ Name, Publisher, Version, Release, Epoch, Architecture string }
		}
		if err := json.Unmarshal(data, &list); err != nil {
			return fmt.Errorf("%s: %w", bottlerocketInventory, err)
		}
		out.Database(bottlerocketInventory)
		os := out.OS()
		for i, p := range list.Content {
			if p.Name == "" || p.Version == "" {
				out.Gap(bottlerocketInventory, fmt.Sprintf("entry %d has no name or no version: %q %q", i, p.Name, p.Version))
				continue
			}
			version, epoch := p.Version, strings.TrimSpace(p.Epoch)
			if p.Release != "" {
				version += "-" + p.Release
			}
			if epoch == "0" || epoch == "(none)" { // the words of rpm for no epoch
				epoch = ""
			}
			full := version
			if epoch != "" {
				full = epoch + ":" + version
			}
			out.Add(inventory.Package{
				Ecosystem: inventory.Bottlerocket, Name: p.Name, Version: full, Arch: p.Architecture, Vendor: p.Publisher,
				Location: host.Path(bottlerocketInventory), PURL: systemPURL(packageurl.TypeRPM, os, p.Name, version, epoch, p.Architecture),
			})
		}
		return nil
	}}
}
