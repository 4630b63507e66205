package language

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// maxPackageJSON bounds one package.json. The largest published ones are below 2 MiB.
const maxPackageJSON = 8 << 20

// node reads the package.json of installed packages: those directly below a node_modules folder, or below one scope in it, and those below the
// folders where Debian puts its own (Debian Javascript Policy 2.2). A package.json elsewhere says what a project is, not what is installed.
func node() kind.File {
	return kind.File{
		ID: "node", Bases: []string{"package.json"},
		Wants: func(e kind.Entry) bool {
			root := path.Dir(e.Folder())
			if strings.HasPrefix(path.Base(root), "@") {
				root = path.Dir(root)
			}
			return path.Base(root) == "node_modules" || root == "usr/share/nodejs" || root == "usr/lib/nodejs"
		},
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			data, err := f.Bytes(maxPackageJSON)
			if err != nil {
				return err
			}
			var p struct {
				Name, Version any
			}
			if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &p); err != nil {
				return fmt.Errorf("read package.json: %w", err)
			}
			name, _ := p.Name.(string)
			version, _ := p.Version.(string)
			if name == "" || version == "" {
				return nil // a package of a workspace, which no registry knows
			}
			version = strings.TrimPrefix(strings.TrimSpace(version), "v")
			out.Add(inventory.Package{
				Ecosystem: inventory.NPM, Name: name, Version: version, Location: host.Path(f.Name),
				PURL: inventory.NPM.PURL(name, version),
			})
			return nil
		},
	}
}
