package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// apk reads the database of installed packages of apk-tools, at its old and its new place (apk-tools, "v2 installed database";
// lines of one letter, a colon and a value; an empty line ends a package).
func apk() Extractor {
	return Extractor{ID: "apk", System: func(_ context.Context, h *host.Host, out *Output) error {
		seen := map[string]bool{}
		for _, name := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
			real, err := h.Resolve(name)
			if err == nil && seen[real] {
				continue // lib is a link to usr/lib
			}
			seen[real] = true
			f, err := h.Open(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				out.Gap(name, err.Error())
				continue
			}
			out.Database(name)
			err = parseAPK(f, out)
			f.Close()
			if err != nil {
				out.Gap(name, err.Error())
			}
		}
		return nil
	}}
}

func parseAPK(f *host.File, out *Output) error {
	os := out.OS()
	eco, _ := os.Ecosystem()
	fresh := inventory.Package{Ecosystem: eco, Location: host.Path(f.Name)}
	p, folder, any, own := fresh, []byte(nil), false, out.run.owned.claims()
	end := func() {
		switch {
		case any && (p.Name == "" || p.Version == ""):
			out.Gap(f.Name, fmt.Sprintf("a record without a name or a version: %q %q", p.Name, p.Version))
		case any:
			p.PURL = systemPURL(packageurl.TypeApk, os, p.Name, p.Version, "", p.Arch)
			out.Add(p)
		}
		p, folder, any = fresh, folder[:0], false
	}
	err := f.Lines(f.Limit(), func(line []byte, cut bool) error {
		if len(line) == 0 {
			end()
			return nil
		}
		any = true
		if len(line) < 2 || line[1] != ':' {
			out.Gap(f.Name, fmt.Sprintf("a line that is no field: %.80q", line))
			return nil
		}
		value := line[2:]
		switch line[0] {
		case 'P', 'V', 'A', 'o':
			if cut {
				out.Gap(f.Name, fmt.Sprintf("field %c is longer than %d bytes", line[0], host.MaxLine))
				return nil
			}
			*map[byte]*string{'P': &p.Name, 'V': &p.Version, 'A': &p.Arch, 'o': &p.SourceName}[line[0]] = string(value)
		case 'F':
			if folder = append(folder[:0], value...); len(folder) > 0 {
				folder = append(folder, '/')
			}
		case 'R':
			if len(p.Name) > 0 {
				own.claim(folder, value, out.run.owned.owner(p.Name))
			}
		}
		return nil
	})
	end()
	out.run.owned.add(own)
	return err
}
