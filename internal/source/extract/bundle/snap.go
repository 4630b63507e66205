package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

const (
	snapState    = "var/lib/snapd/state.json"
	maxSnapState = 16 << 20 // bytes; it holds the latest changes too and is near 1 MB
	maxSnapYAML  = 1 << 20
)

// snap reads the state of snapd: which revision of which snap is active. Its version stands in the snap itself, which on a live host is mounted at
// snap/NAME/REVISION and on a disk is a squashfs; where that is not seen, the revision stands for the version, which names the same build.
func snap() kind.System {
	return kind.System{ID: "snap", Read: func(_ context.Context, h *host.Host, out kind.Sink) error {
		f, err := h.Open(snapState)
		if err != nil {
			missing(out, snapState, err)
			return nil
		}
		defer f.Close()
		data, err := f.Bytes(maxSnapState)
		if err != nil {
			return fmt.Errorf("which snaps are installed is unknown: %w", err)
		}
		var state struct {
			Data struct {
				Snaps map[string]struct {
					Type     string `json:"type"`
					Active   bool   `json:"active"`
					Current  string `json:"current"`
					Channel  string `json:"channel"`
					Sequence []struct {
						Name     string `json:"name"`
						Revision string `json:"revision"`
					} `json:"sequence"`
				} `json:"snaps"`
			} `json:"data"`
		}
		if err := json.Unmarshal(data, &state); err != nil {
			return fmt.Errorf("read the state of snapd: %w", err)
		}
		if len(state.Data.Snaps) > maxBundles {
			return fmt.Errorf("%d snaps, at most %d are read", len(state.Data.Snaps), maxBundles)
		}
		for name, s := range state.Data.Snaps {
			if !s.Active {
				continue // disabled, or one of two revisions that are kept
			}
			if name == "" || s.Current == "" || strings.ContainsAny(name+s.Current, "/\x00") {
				out.Gap(snapState, fmt.Sprintf("a snap without a name or a revision: %.80q %.80q", name, s.Current))
				continue
			}
			base, _, _ := strings.Cut(name, "_") // a second instance is called NAME_KEY
			p := inventory.Package{
				Ecosystem: inventory.Snap, Name: base, Version: "revision " + s.Current, Location: host.Path(path.Join("var/lib/snapd/snaps", name+"_"+s.Current+".snap")),
				Repository: s.Channel,
			}
			if v, arch := snapVersion(h, path.Join("snap", name, s.Current, "meta/snap.yaml"), out); v != "" {
				p.Version, p.Arch = v, arch
			}
			p.PURL = packageurl.NewPackageURL("snap", "", base, strings.TrimPrefix(p.Version, "revision "), packageurl.QualifiersFromMap(map[string]string{"revision": s.Current}), "").ToString()
			out.Add(p)
			if base == "canonical-livepatch" {
				out.Note("Canonical Livepatch is installed: whether a patch is loaded into the running kernel is not on the disk")
			}
		}
		return nil
	}}
}

// snapVersion reads meta/snap.yaml (snapcraft.io, "The snap format"): name and version are keys of its first level.
func snapVersion(h *host.Host, name string, out kind.Sink) (version, arch string) {
	data, err := h.ReadFile(name, maxSnapYAML)
	if err != nil {
		missing(out, name, err)
		return "", ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch key {
		case "version":
			version = value
		case "architectures":
			arch, _, _ = strings.Cut(strings.Trim(value, "[] "), ",")
		}
	}
	return version, arch
}
