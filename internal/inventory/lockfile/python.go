package lockfile

import (
	"errors"
	"strings"

	"hinomi/internal/inventory"
)

var errNoVersion = errors.New("it does not say the version of its form")

// fromElsewhere is why an entry has no version of a registry, though it is not the project's own.
const fromElsewhere = "from a repository or an address, without a version of the registry"

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
		case from == "directory" || from == "file":
			out.Unversioned(p.text("name"), FromProject)
		case from != "" && from != "legacy":
			out.Unversioned(p.text("name"), fromElsewhere)
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
		case "directory", "path":
			out.Unversioned(t.text("name"), FromProject)
		default:
			out.Unversioned(t.text("name"), fromElsewhere)
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
				why := fromElsewhere
				if key == "path" {
					why = FromProject
				}
				out.Unversioned(t.text("name"), why)
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
	local := ""
	end := func() {
		switch {
		case p.name == "":
		case local == "packages.directory" || p.values["directory"] != "":
			out.Unversioned(p.text("name"), FromProject)
		case local != "" || p.values["vcs"] != "" || p.values["archive"] != "" || p.text("version") == "":
			out.Unversioned(p.text("name"), fromElsewhere)
		default:
			out.python(p.text("name"), p.text("version"), false)
		}
		p, local = table{}, ""
	}
	err := tables(b, func(t table) {
		switch t.name {
		case "packages":
			end()
			p = t
		case "packages.vcs", "packages.directory", "packages.archive":
			local = t.name
		}
	})
	end()
	return err
}

// pipfile reads Pipfile.lock (pipenv.pypa.io, "Pipfile.lock").
func pipfile(b []byte, out *output) error {
	return members(b, func(group string, value []byte) error {
		if group != "default" && group != "develop" {
			return nil
		}
		return members(value, func(name string, value []byte) error {
			var e struct {
				Version string `json:"version"`
			}
			if err := decode(value, &e); err != nil {
				return err
			}
			if e.Version == "" {
				out.Unversioned(name, fromElsewhere)
				return nil
			}
			out.python(name, strings.TrimLeft(e.Version, "="), group == "develop")
			return nil
		})
	})
}
