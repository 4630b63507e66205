package lockfile

import (
	"encoding/json"
	"errors"
	"strings"

	"hinomi/internal/inventory"
)

var errNoVersion = errors.New("it does not say the version of its form")

// ownProject is why an entry is no package of a registry.
const ownProject = "from a folder, a repository or an address, without a version of the registry"

func (o *output) python(name, version string, dev bool) {
	o.add(inventory.PyPI, inventory.PythonName(name), version, dev)
}

// poetry reads poetry.lock (python-poetry.org): an array of tables, each with a table of its source behind it if that is no index.
func poetry(b []byte, out *output) error {
	var p table
	from := ""
	end := func() {
		switch {
		case p.name == "":
		case from != "" && from != "legacy":
			out.Unversioned(p.text("name"), ownProject)
		default:
			out.python(p.text("name"), p.text("version"), p.text("category") == "dev")
		}
		p, from = table{}, ""
	}
	err := tables(b, func(t table) {
		switch t.name {
		case "package":
			end()
			p = t
		case "package.source":
			from = t.text("type")
		}
	})
	end()
	return err
}

// uv reads uv.lock (docs.astral.sh/uv, "Lockfile"): each package says in an inline table where it is from.
func uv(b []byte, out *output) error {
	return tables(b, func(t table) {
		if t.name != "package" {
			return
		}
		switch t.first("source") {
		case "", "registry":
			out.python(t.text("name"), t.text("version"), false)
		case "virtual", "editable": // the project's own
		default:
			out.Unversioned(t.text("name"), ownProject)
		}
	})
}

// pdm reads pdm.lock (pdm-project.org, "Lock file").
func pdm(b []byte, out *output) error {
	return tables(b, func(t table) {
		if t.name != "package" {
			return
		}
		for _, key := range []string{"git", "url", "path"} {
			if t.values[key] != "" {
				out.Unversioned(t.text("name"), ownProject)
				return
			}
		}
		groups := t.values["groups"]
		out.python(t.text("name"), t.text("version"), groups != "" && !strings.Contains(groups, `"default"`))
	})
}

// pylock reads pylock.toml (PEP 751).
func pylock(b []byte, out *output) error {
	var p table
	local := false
	end := func() {
		switch {
		case p.name == "":
		case local || p.values["vcs"] != "" || p.values["directory"] != "" || p.values["archive"] != "" || p.text("version") == "":
			out.Unversioned(p.text("name"), ownProject)
		default:
			out.python(p.text("name"), p.text("version"), false)
		}
		p, local = table{}, false
	}
	err := tables(b, func(t table) {
		switch t.name {
		case "packages":
			end()
			p = t
		case "packages.vcs", "packages.directory", "packages.archive":
			local = true
		}
	})
	end()
	return err
}

// pipfile reads Pipfile.lock (pipenv.pypa.io, "Pipfile.lock").
func pipfile(b []byte, out *output) error {
	type entry struct {
		Version string `json:"version"`
	}
	var d struct {
		Default map[string]entry `json:"default"`
		Develop map[string]entry `json:"develop"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return malformed(err)
	}
	for _, group := range []struct {
		list map[string]entry
		dev  bool
	}{{d.Default, false}, {d.Develop, true}} {
		for name, e := range group.list {
			if e.Version == "" {
				out.Unversioned(name, ownProject)
				continue
			}
			out.python(name, strings.TrimLeft(e.Version, "="), group.dev)
		}
	}
	return nil
}
