package lockfile

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory"
)

// swift reads Package.resolved (Swift Package Manager, PackageGraph/ResolvedPackagesStore), versions 1 to 3. OSV knows a package by the address of
// its repository, without the scheme.
func swift(b []byte, out *output) error {
	version := 0
	pins := func(value []byte) error {
		return elements(value, func(value []byte) error {
			var p swiftPin
			if err := decode(value, &p); err != nil {
				return err
			}
			p.add(out)
			return nil
		})
	}
	err := members(b, func(key string, value []byte) error {
		switch key {
		case "version":
			return decode(value, &version)
		case "pins":
			return pins(value)
		case "object": // version 1
			return members(value, func(key string, value []byte) error {
				if key != "pins" {
					return nil
				}
				return pins(value)
			})
		}
		return nil
	})
	if err == nil && (version < 1 || version > 3) {
		return fmt.Errorf("%w: version %d of the form", ErrFormat, version)
	}
	return err
}

// swiftPin is one entry.
type swiftPin struct {
	Identity string `json:"identity"`
	Kind     string `json:"kind"`
	Location string `json:"location"`
	Old      string `json:"repositoryURL"`
	State    struct {
		Version string `json:"version"`
	} `json:"state"`
}

func (p swiftPin) add(out *output) {
	name := repositoryName(p.Location + p.Old)
	if name == "" {
		name = p.Identity
	}
	switch {
	case p.Kind == "fileSystem":
		out.Unversioned(name, FromProject)
	case p.State.Version == "" || strings.HasPrefix(p.Kind, "local"):
		out.Unversioned(name, fromElsewhere)
	default:
		out.add(inventory.Swift, name, p.State.Version, false)
	}
}

// repositoryName writes an address of a repository without scheme, user and ".git".
func repositoryName(s string) string {
	if _, after, ok := strings.Cut(s, "://"); ok {
		s = after
	}
	if i := strings.IndexByte(s, '@'); i >= 0 {
		s = strings.Replace(s[i+1:], ":", "/", 1) // git@host:path
	}
	return strings.TrimSuffix(strings.TrimSuffix(s, "/"), ".git")
}
