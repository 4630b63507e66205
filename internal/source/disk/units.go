package disk

import (
	"io/fs"
	"path"
	"strings"
)

const (
	unitFolder = "etc/systemd/system"
	maxUnits   = 4096 // entries of a folder of units that are looked at
)

// mountUnits reads the mount units of systemd.mount(5) that an administrator
// has put into etc/systemd/system, as lines of fstab. One that nothing wants at
// boot is as if fstab said noauto.
func mountUnits(fsys fs.FS) []fstabLine {
	entries, err := fs.ReadDir(fsys, unitFolder)
	if err != nil {
		return nil
	}
	entries = entries[:min(len(entries), maxUnits)]
	wanted := map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".wants") && !strings.HasSuffix(e.Name(), ".requires") {
			continue
		}
		links, err := fs.ReadDir(fsys, path.Join(unitFolder, e.Name()))
		if err != nil {
			continue
		}
		for _, l := range links[:min(len(links), maxUnits)] {
			// An automount unit mounts as soon as somebody looks.
			wanted[strings.TrimSuffix(strings.TrimSuffix(l.Name(), ".mount"), ".automount")] = true
		}
	}
	var lines []fstabLine
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".mount")
		if !ok || e.IsDir() {
			continue
		}
		line, ok := parseUnit(readText(fsys, path.Join(unitFolder, e.Name())))
		if !ok {
			continue
		}
		line.from = e.Name()
		if !wanted[name] {
			line.options = append(line.options, "noauto")
		}
		lines = append(lines, line)
	}
	return lines
}

// parseUnit reads the section [Mount] of a unit. A unit without What= and Where=
// mounts nothing.
func parseUnit(text string) (fstabLine, bool) {
	line := fstabLine{kind: "auto"}
	section := ""
	for raw := range strings.Lines(text) {
		raw = strings.TrimSpace(raw)
		if strings.HasPrefix(raw, "[") {
			section = raw
			continue
		}
		key, value, ok := strings.Cut(raw, "=")
		if section != "[Mount]" || !ok || strings.HasPrefix(raw, "#") || strings.HasPrefix(raw, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "What":
			line.spec = value
		case "Where":
			line.target = path.Clean(value)
		case "Type":
			line.kind = value
		case "Options":
			line.options = strings.Split(value, ",")
		}
	}
	return line, line.spec != "" && strings.HasPrefix(line.target, "/")
}

// crypttab reads the names of crypttab(5) that encrypted volumes get, each with
// what it lies on.
func crypttab(text string) map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && !strings.HasPrefix(f[0], "#") {
			names[f[0]] = f[1]
		}
	}
	return names
}
