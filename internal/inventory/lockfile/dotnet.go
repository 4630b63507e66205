package lockfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"hinomi/internal/inventory"
)

// nugetLock reads packages.lock.json (learn.microsoft.com, "NuGet: Locking dependencies"): packages by target framework.
func nugetLock(b []byte, out *output) error {
	seen := map[string]bool{}
	return members(b, func(key string, value []byte) error {
		if key != "dependencies" {
			return nil
		}
		return members(value, func(_ string, framework []byte) error {
			return members(framework, func(name string, value []byte) error {
				var p struct {
					Type     string `json:"type"`
					Resolved string `json:"resolved"`
				}
				if err := decode(value, &p); err != nil {
					return err
				}
				id := name + "\x00" + p.Resolved
				if strings.EqualFold(p.Type, "Project") || seen[id] {
					return nil // a project of the solution, or the same for another framework
				}
				if len(seen) < maxPackages {
					seen[id] = true
				}
				out.add(inventory.NuGet, name, p.Resolved, false)
				return nil
			})
		})
	})
}

// nugetConfig reads packages.config (learn.microsoft.com, "packages.config reference").
func nugetConfig(b []byte, out *output) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // names and versions are ASCII
	root := false
	for {
		token, err := d.RawToken() // keeps no stack
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return malformed(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if root = root || start.Name.Local == "packages"; !root {
			return fmt.Errorf("%w: it begins with <%.40s>", ErrFormat, start.Name.Local)
		}
		if start.Name.Local != "package" {
			continue
		}
		at := map[string]string{}
		for _, a := range start.Attr {
			at[a.Name.Local] = a.Value
		}
		out.add(inventory.NuGet, at["id"], at["version"], at["developmentDependency"] == "true")
	}
	if !root && len(bytes.TrimSpace(b)) > 0 {
		return fmt.Errorf("%w: no element of XML", ErrFormat)
	}
	return nil
}
