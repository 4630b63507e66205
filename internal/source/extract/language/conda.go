package language

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// maxCondaRecord bounds one record, in bytes: it lists the package's files. That of the largest package of conda-forge is near 20 MB.
const maxCondaRecord = 32 << 20

// conda reads the records of an environment, conda-meta/NAME-VERSION-BUILD.json (docs.conda.io, "Package metadata").
func conda() kind.File {
	return kind.File{
		ID: "conda", Exts: []string{".json"},
		Wants: func(e kind.Entry) bool { return path.Base(e.Folder()) == "conda-meta" },
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			data, err := f.Bytes(maxCondaRecord)
			if err != nil {
				return err
			}
			var p struct {
				Name    string `json:"name"`
				Version string `json:"version"`
				Build   string `json:"build"`
				String  string `json:"build_string"`
				Channel string `json:"channel"`
				Subdir  string `json:"subdir"`
			}
			if err := json.Unmarshal(data, &p); err != nil {
				return fmt.Errorf("read the record: %w", err)
			}
			if p.Name == "" || p.Version == "" {
				return errors.New("a record without a name or a version")
			}
			channel := path.Base(strings.TrimSuffix(strings.TrimSuffix(p.Channel, "/"), "/"+p.Subdir))
			q := map[string]string{}
			for k, v := range map[string]string{"build": cmp.Or(p.Build, p.String), "channel": channel, "subdir": p.Subdir} {
				if v != "" && v != "." {
					q[k] = v
				}
			}
			out.Add(inventory.Package{
				Ecosystem: inventory.Conda, Name: p.Name, Version: p.Version, Arch: p.Subdir, Location: host.Path(f.Name), Repository: q["channel"],
				PURL: packageurl.NewPackageURL(packageurl.TypeConda, "", p.Name, p.Version, packageurl.QualifiersFromMap(q), "").ToString(),
			})
			return nil
		},
	}
}
