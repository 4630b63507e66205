package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

const maxReceipt = 4 << 20 // bytes of one receipt

// homebrew reads the receipts of kegs, Cellar/NAME/VERSION/INSTALL_RECEIPT.json, on macOS and on Linux (docs.brew.sh, "Homebrew Terminology"). The
// folders say what it is; the receipt, from which tap.
func homebrew() kind.File {
	return kind.File{
		ID: "homebrew", Bases: []string{"INSTALL_RECEIPT.json"},
		Wants: func(e kind.Entry) bool { return path.Base(path.Dir(path.Dir(e.Folder()))) == "Cellar" },
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			data, err := f.Bytes(maxReceipt)
			if err != nil {
				return err
			}
			var receipt struct {
				Arch   string `json:"arch"`
				Source struct {
					Tap string `json:"tap"`
				} `json:"source"`
			}
			if err := json.Unmarshal(data, &receipt); err != nil {
				return fmt.Errorf("read the receipt: %w", err)
			}
			keg := path.Dir(f.Name)
			name, version := path.Base(path.Dir(keg)), path.Base(keg)
			upstream := version
			if i := strings.LastIndexByte(version, '_'); i > 0 && strings.Trim(version[i+1:], "0123456789") == "" {
				upstream = version[:i] // 1.67.0_1: the same source, built again
			}
			p := inventory.Package{
				Ecosystem: inventory.Homebrew, Name: name, Version: version, Arch: receipt.Arch, Location: host.Path(f.Name), Repository: receipt.Source.Tap,
				PURL: inventory.Homebrew.PURL(name, version),
			}
			if upstream != version {
				p.SourceVersion = upstream
			}
			out.Add(p)
			return nil
		},
	}
}
