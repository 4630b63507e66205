package lockfile

import (
	"bytes"
	"encoding/json"
	"strings"

	"hinomi/internal/inventory"
)

// npmDependency is one entry of version 1, which nests.
type npmDependency struct {
	Version      string                   `json:"version"`
	Dev          bool                     `json:"dev"`
	Bundled      bool                     `json:"bundled"`
	Dependencies map[string]npmDependency `json:"dependencies"`
}

// npmPackage is one entry of versions 2 and 3.
type npmPackage struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Resolved string `json:"resolved"`
	Dev      bool   `json:"dev"`
	Link     bool   `json:"link"`
}

// npm reads package-lock.json and npm-shrinkwrap.json (docs.npmjs.com, "package-lock.json"), lockfileVersion 1 to 3. Version 2 has both forms.
func npm(b []byte, out *output) error {
	version, packages, dependencies := 0, false, []byte(nil)
	err := members(b, func(key string, value []byte) error {
		switch key {
		case "lockfileVersion":
			return decode(value, &version)
		case "packages":
			packages = true
			return members(value, func(where string, value []byte) error {
				var p npmPackage
				if err := decode(value, &p); err != nil {
					return err
				}
				p.add(where, out)
				return nil
			})
		case "dependencies":
			dependencies = value
		}
		return nil
	})
	if err == nil && version == 0 && !packages && dependencies == nil {
		return malformed(errNoVersion)
	}
	if err != nil || packages || dependencies == nil {
		return err
	}
	return members(dependencies, func(name string, value []byte) error {
		var top npmDependency
		if err := decode(value, &top); err != nil {
			return err
		}
		for todo := []map[string]npmDependency{{name: top}}; len(todo) > 0; {
			level := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for name, dep := range level {
				out.npm(name, dep.Version, dep.Dev)
				if len(dep.Dependencies) > 0 {
					todo = append(todo, dep.Dependencies)
				}
			}
		}
		return nil
	})
}

func (p npmPackage) add(where string, out *output) {
	i := strings.LastIndex(where, "node_modules/")
	if i < 0 || p.Link {
		return // the project itself and its workspaces
	}
	name := p.Name
	if name == "" {
		name = where[i+len("node_modules/"):]
	}
	if why := notOfRegistry(p.Resolved); why != "" {
		out.Unversioned(name, why)
		return
	}
	out.npm(name, p.Version, p.Dev)
}

// npm adds one package; an alias ("npm:other@1.0.0") is what it stands for, and a file or repository has no version to compare.
func (o *output) npm(name, version string, dev bool) {
	if alias, ok := strings.CutPrefix(version, "npm:"); ok {
		name, version = nameVersion(alias)
	}
	if why := notOfRegistry(version); why != "" {
		o.Unversioned(name, why)
		return
	}
	o.add(inventory.NPM, name, version, dev)
}

// nameVersion cuts name@version; the name may have a scope.
func nameVersion(s string) (name, version string) {
	if i := strings.IndexByte(s[min(1, len(s)):], '@'); i >= 0 {
		return s[:i+1], s[i+2:]
	}
	return s, ""
}

// notOfRegistry says why a version, a range or an address is not one of a registry; "" if it is.
func notOfRegistry(s string) string {
	switch {
	case strings.HasPrefix(s, "file:") || strings.HasPrefix(s, "link:") || strings.HasPrefix(s, "portal:") || strings.HasPrefix(s, "."):
		return FromProject
	case strings.HasPrefix(s, "git") || strings.HasPrefix(s, "ssh:") || strings.Contains(s, ".git#") || strings.Contains(s, "codeload.github.com") ||
		strings.HasPrefix(s, "bitbucket:"):
		return "from a repository, without a version of the registry"
	case (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && !strings.Contains(s, "/-/") && !strings.Contains(s, ".tgz"):
		return "from an address, without a version of the registry"
	}
	return ""
}

// yarn reads yarn.lock: the form of its own of version 1, and YAML since version 2 (yarnpkg.com, "Lockfile").
func yarn(b []byte, out *output) error {
	e := yarnEntry{}
	err := block(b, func(depth int, key, value string) {
		switch {
		case depth == 0:
			e.add(out)
			e = yarnEntry{key: key}
		case depth == 1 && key == "version":
			e.version = value
		case depth == 1 && key == "resolution":
			e.resolution = value
		case depth == 1 && key == "resolved":
			e.resolved = value
		}
	})
	e.add(out)
	return err
}

type yarnEntry struct{ key, version, resolution, resolved string }

func (e yarnEntry) add(out *output) {
	if e.key == "" || e.key == "__metadata" {
		return
	}
	first, _, _ := strings.Cut(e.key, ", ")
	name, wanted := nameVersion(strings.Trim(first, `"`))
	if e.resolution != "" {
		name, wanted = nameVersion(e.resolution)
		if strings.HasPrefix(wanted, "workspace:") {
			return // the project's own
		}
	}
	if alias, ok := strings.CutPrefix(wanted, "npm:"); ok {
		if e.resolution == "" && strings.Contains(strings.TrimPrefix(alias, "@"), "@") {
			name, _ = nameVersion(alias)
		}
		wanted = ""
	}
	if strings.HasPrefix(wanted, "patch:") {
		wanted = "" // a package of the registry with a change
	}
	why := notOfRegistry(wanted)
	if why == "" {
		why = notOfRegistry(e.resolved)
	}
	if why == "" && e.resolution == "" && strings.Count(wanted, "/") == 1 && !strings.Contains(wanted, ":") {
		why = "from a repository, without a version of the registry" // user/name of GitHub
	}
	if why != "" {
		out.Unversioned(name, why)
		return
	}
	out.add(inventory.NPM, name, e.version, false)
}

// pnpm reads pnpm-lock.yaml (pnpm/spec, "lockfile"), versions 5 to 9: /name/version, /name@version or name@version, with peers behind.
func pnpm(b []byte, out *output) error {
	section, e, versioned := "", pnpmEntry{}, false
	err := block(b, func(depth int, key, value string) {
		if depth > 0 && section != "packages" {
			return
		}
		switch {
		case depth == 0:
			e.add(out)
			e, section = pnpmEntry{}, key
			versioned = versioned || key == "lockfileVersion"
		case depth == 1:
			e.add(out)
			e = pnpmEntry{key: key}
		case depth == 2 && key == "name":
			e.name = value
		case depth == 2 && key == "version":
			e.version = value
		case depth == 2 && key == "dev":
			e.dev = value == "true"
		case depth == 2 && key == "resolution", depth == 3 && (key == "type" || key == "directory" || key == "repo"):
			e.resolution += key + ": " + value
		}
	})
	e.add(out)
	if err == nil && !versioned && len(bytes.TrimSpace(b)) > 0 {
		return malformed(errNoVersion)
	}
	return err
}

type pnpmEntry struct {
	key, name, version, resolution string
	dev                            bool
}

func (e pnpmEntry) add(out *output) {
	if e.key == "" {
		return
	}
	key := e.key
	if i := strings.IndexByte(key, '('); i >= 0 {
		key = key[:i]
	}
	name, version := pnpmKey(key)
	if e.name != "" {
		name = e.name
	}
	if e.version != "" {
		version = e.version
	}
	switch {
	case strings.Contains(e.resolution, "type: git") || strings.Contains(e.resolution, "commit: "), strings.Contains(e.resolution, "codeload."),
		strings.HasPrefix(key, "github.com/"):
		out.Unversioned(name, "from a repository, without a version of the registry")
	case strings.Contains(e.resolution, "directory: "), strings.HasPrefix(key, "file:"), strings.HasPrefix(version, "file:"), strings.HasPrefix(version, "link:"):
		out.Unversioned(name, FromProject)
	case version == "" || version[0] < '0' || version[0] > '9':
		out.Gap(e.key, "no name and version of a registry")
	default:
		out.add(inventory.NPM, name, version, e.dev)
	}
}

// pnpmKey reads the key of a package, whose peers in brackets are cut off.
func pnpmKey(key string) (name, version string) {
	rest := strings.TrimPrefix(key, "/")
	if at := strings.IndexByte(rest[min(1, len(rest)):], '@'); at >= 0 && !strings.ContainsAny(rest[:at+1], "_+") && strings.Count(rest[:at+1], "/") <= 1 {
		if name, version = nameVersion(rest); strings.Count(name, "/") == 0 || name[0] == '@' && strings.Count(name, "/") == 1 {
			return name, version
		}
	}
	parts := strings.Split(rest, "/")
	n := len(parts)
	if n < 2 {
		return rest, ""
	}
	name, version = parts[n-2], parts[n-1]
	if n >= 3 && strings.HasPrefix(parts[n-3], "@") {
		name = parts[n-3] + "/" + name
	}
	version, _, _ = strings.Cut(version, "_") // version 5 writes peers behind an underscore
	return name, version
}

// bun reads bun.lock (bun.sh, "Lockfile"): JSON with trailing commas; each package is a list that begins with name@version.
func bun(b []byte, out *output) error {
	known := false
	err := members(plainJSON(b), func(key string, value []byte) error {
		known = known || key == "lockfileVersion" || key == "packages"
		if key != "packages" {
			return nil
		}
		return members(value, func(key string, value []byte) error {
			first := ""
			if err := elements(value, func(value []byte) error {
				if first == "" && json.Unmarshal(value, &first) != nil {
					first = " " // no string
				}
				return nil
			}); err != nil || first == "" || first == " " {
				out.Gap(key, "an entry that does not begin with its name and version")
				return nil
			}
			out.bun(first)
			return nil
		})
	})
	if err == nil && !known && len(bytes.TrimSpace(b)) > 2 {
		return malformed(errNoVersion)
	}
	return err
}

func (o *output) bun(first string) {
	name, version := nameVersion(first)
	switch why := notOfRegistry(version); {
	case strings.HasPrefix(version, "workspace:"): // the project's own
	case why != "":
		o.Unversioned(name, why)
	case strings.ContainsAny(version, ":/#"):
		o.Unversioned(name, "from "+clip(version)+", without a version of the registry")
	default:
		o.add(inventory.NPM, name, version, false)
	}
}

// plainJSON takes out the comments and the trailing commas of JSONC.
func plainJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	comma := -1 // where the last comma stands in out, if only space came since
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			start := i
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			out, comma = append(out, b[start:min(i+1, len(b))]...), -1
		case c == '/' && i+1 < len(b) && b[i+1] == '/':
			for i+1 < len(b) && b[i+1] != '\n' {
				i++
			}
		case c == '/' && i+1 < len(b) && b[i+1] == '*':
			end := bytes.Index(b[i+2:], []byte("*/"))
			if end < 0 {
				return out
			}
			i += end + 3
		case c == ',':
			comma = len(out)
			out = append(out, c)
		default:
			if (c == '}' || c == ']') && comma >= 0 {
				out[comma] = ' '
			}
			if c > ' ' {
				comma = -1
			}
			out = append(out, c)
		}
	}
	return out
}
