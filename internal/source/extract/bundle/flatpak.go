package bundle

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

const (
	flatpakRoot    = "var/lib/flatpak"
	maxFlatpakMeta = 1 << 20
	maxAppStream   = 16 << 20 // bytes, unpacked
)

// flatpak reads what is deployed: app and runtime, ID, architecture, branch, active (docs.flatpak.org, "Under the Hood"). A deployment's metadata
// names it; its AppStream data, which most have, the version; else the branch stands for it, as for runtimes: "23.08".
func flatpak() kind.System {
	return kind.System{ID: "flatpak", Read: func(ctx context.Context, h *host.Host, out kind.Sink) error {
		n := 0
		for _, sort := range []string{"app", "runtime"} {
			err := folders(h, out, path.Join(flatpakRoot, sort), func(idDir, id string) error {
				return folders(h, out, idDir, func(archDir, arch string) error {
					if arch == "current" {
						return nil // a link to one of the others
					}
					return folders(h, out, archDir, func(branchDir, branch string) error {
						if n++; n > maxBundles {
							return fmt.Errorf("more than %d deployments", maxBundles)
						}
						if err := ctx.Err(); err != nil {
							return err
						}
						deployment(h, out, branchDir, id, arch, branch)
						return nil
					})
				})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}}
}

// folders calls fn with each folder in dir.
func folders(h *host.Host, out kind.Sink, dir string, fn func(path, name string) error) error {
	real, entries, err := h.ReadDir(dir)
	if err != nil {
		missing(out, dir, err)
		return nil
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := fn(path.Join(real, e.Name()), e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func deployment(h *host.Host, out kind.Sink, dir, id, arch, branch string) {
	active, err := h.Resolve(path.Join(dir, "active"))
	if err != nil {
		missing(out, dir, err)
		return
	}
	meta := path.Join(active, "metadata")
	text, err := h.ReadFile(meta, maxFlatpakMeta)
	if err != nil {
		out.Gap(meta, "what is deployed is unknown: "+err.Error())
		return
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "name="); ok {
			id = name
			break
		}
	}
	version, err := appVersion(h, path.Join(active, "files/share/app-info/xmls", id+".xml.gz"))
	if err != nil {
		missing(out, meta, err)
	}
	if version == "" {
		version = branch
	}
	out.Add(inventory.Package{
		Ecosystem: inventory.Flatpak, Name: id, Version: version, Arch: arch, Location: host.Path(meta), Repository: branch,
		PURL: packageurl.NewPackageURL("flatpak", "", id, version, packageurl.QualifiersFromMap(map[string]string{"arch": arch, "branch": branch}), "").ToString(),
	})
}

// appVersion reads the first release of AppStream data, which is the newest (freedesktop.org, AppStream, "<releases/>").
func appVersion(h *host.Host, name string) (string, error) {
	packed, err := h.ReadFile(name, maxAppStream)
	if err != nil {
		return "", err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("unpack the AppStream data: %w", err)
	}
	d := xml.NewDecoder(io.LimitReader(z, maxAppStream))
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read the AppStream data: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "release" {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "version" {
				return a.Value, nil
			}
		}
	}
}
