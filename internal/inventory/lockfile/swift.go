package lockfile

import (
	"encoding/json"
	"strings"

	"hinomi/internal/inventory"
)

// swift reads Package.resolved (Swift Package Manager, PackageGraph/ResolvedPackagesStore), versions 1 to 3. OSV knows a package by the address of
// its repository, without the scheme.
func swift(b []byte, out *output) error {
	type pin struct {
		Identity string `json:"identity"`
		Kind     string `json:"kind"`
		Location string `json:"location"`
		Old      string `json:"repositoryURL"`
		State    struct {
			Version string `json:"version"`
			Branch  string `json:"branch"`
		} `json:"state"`
	}
	var d struct {
		Version int   `json:"version"`
		Pins    []pin `json:"pins"`
		Object  struct {
			Pins []pin `json:"pins"`
		} `json:"object"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return malformed(err)
	}
	if d.Version < 1 || d.Version > 3 {
		return malformed(errNoVersion)
	}
	for _, p := range append(d.Pins, d.Object.Pins...) {
		name := repositoryName(p.Location + p.Old)
		if name == "" {
			name = p.Identity
		}
		if p.State.Version == "" || strings.HasPrefix(p.Kind, "local") || p.Kind == "fileSystem" {
			out.Unversioned(name, "from a folder, or from a branch or a commit of its repository")
			continue
		}
		out.add(inventory.Swift, name, p.State.Version, false)
	}
	return nil
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
