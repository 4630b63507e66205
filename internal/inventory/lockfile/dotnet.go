package lockfile

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"hinomi/internal/inventory"
)

// nugetLock reads packages.lock.json (learn.microsoft.com, "NuGet: Locking dependencies"): packages by target framework.
func nugetLock(b []byte, out *output) error {
	var d struct {
		Version      int `json:"version"`
		Dependencies map[string]map[string]struct {
			Type     string `json:"type"`
			Resolved string `json:"resolved"`
		} `json:"dependencies"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return malformed(err)
	}
	seen := map[string]bool{}
	for _, framework := range d.Dependencies {
		for name, p := range framework {
			if key := name + "\x00" + p.Resolved; strings.EqualFold(p.Type, "Project") || seen[key] {
				continue // a project of the solution, or the same for another framework
			} else {
				seen[key] = true
			}
			out.add(inventory.NuGet, name, p.Resolved, false)
		}
	}
	return nil
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
