package extract

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// repositories reads which package repositories are configured: they say whose packages a host takes. No address keeps its user or password.
func repositories() Extractor {
	return Extractor{ID: "repository", System: func(_ context.Context, h *host.Host, out *Output) error {
		add := func(r inventory.Repo) {
			if r.ID != "" && len(out.run.inv.Repos) < 10_000 {
				out.run.inv.Repos = append(out.run.inv.Repos, r)
			}
		}
		for _, src := range []struct {
			place, suffix string // a file, or a folder with the ending of its files
			parse         func(text string, add func(inventory.Repo))
		}{
			{"etc/yum.repos.d", ".repo", yumRepos},
			{"etc/distro.repos.d", ".repo", yumRepos},     // dnf, dnf.conf(5), reposdir
			{"usr/share/dnf5/repos.d", ".repo", yumRepos}, // dnf 5
			{"etc/zypp/repos.d", ".repo", yumRepos},
			{"etc/dnf/modules.d", ".module", dnfModules},
			{"etc/apt/sources.list", "", aptList},
			{"etc/apt/sources.list.d", ".list", aptList},
			{"etc/apt/sources.list.d", ".sources", aptSources},
			{"etc/apk/repositories", "", apkRepos},
			{"etc/apk/repositories.d", ".list", apkRepos}, // apk-tools 3
		} {
			names := []string{src.place}
			if src.suffix != "" {
				dir, entries, err := h.ReadDir(src.place)
				if err != nil {
					missing(out, src.place, err)
					continue
				}
				names = names[:0]
				for _, e := range entries {
					if strings.HasSuffix(e.Name(), src.suffix) {
						names = append(names, path.Join(dir, e.Name()))
					}
				}
			}
			for _, name := range names {
				text, err := h.ReadFile(name, maxConfig)
				if err != nil {
					missing(out, name, err)
					continue
				}
				src.parse(string(text), add)
			}
		}
		return nil
	}}
}

// iniSections reads the form that yum.conf(5) and dnf's modules have.
func iniSections(text string, fn func(section string, values map[string]string)) {
	section, values := "", map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			if section != "" {
				fn(section, values)
			}
			section, values = line[1:len(line)-1], map[string]string{}
		default:
			if key, value, ok := strings.Cut(line, "="); ok {
				values[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	if section != "" {
		fn(section, values)
	}
}

// yumRepos reads repositories of yum, dnf and zypper: enabled unless they say otherwise. Amazon Linux 2 writes its extras as amzn2extra-TOPIC.
func yumRepos(text string, add func(inventory.Repo)) {
	iniSections(text, func(section string, values map[string]string) {
		if section == "main" {
			return
		}
		r := inventory.Repo{ID: section, Enabled: true}
		switch strings.ToLower(values["enabled"]) {
		case "0", "no", "false", "off":
			r.Enabled = false
		}
		if topic, ok := strings.CutPrefix(section, "amzn2extra-"); ok {
			r.Topic = topic
		}
		add(r)
	})
}

// dnfModules reads the streams that are enabled (dnf, "Modularity").
func dnfModules(text string, add func(inventory.Repo)) {
	iniSections(text, func(section string, values map[string]string) {
		if values["stream"] != "" {
			add(inventory.Repo{ID: section, Enabled: values["state"] == "enabled", Topic: section + ":" + values["stream"]})
		}
	})
}

// aptList reads the one-line form of sources.list(5).
func aptList(text string, add func(inventory.Repo)) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if open, end := strings.IndexByte(line, '['), strings.IndexByte(line, ']'); open >= 0 && end > open {
			line = line[:open] + line[end+1:]
		}
		words := strings.Fields(line)
		if len(words) >= 3 && words[0] == "deb" {
			add(inventory.Repo{ID: plainURL(words[1]) + " " + strings.Join(words[2:], " "), Enabled: true})
		}
	}
}

// aptSources reads the deb822 form of sources.list(5).
func aptSources(text string, add func(inventory.Repo)) {
	values, last := map[string]string{}, ""
	end := func() {
		if strings.Contains(" "+values["types"]+" ", " deb ") {
			for _, uri := range strings.Fields(values["uris"]) {
				for _, suite := range strings.Fields(values["suites"]) {
					id := strings.TrimSpace(plainURL(uri) + " " + suite + " " + values["components"])
					add(inventory.Repo{ID: id, Enabled: strings.ToLower(values["enabled"]) != "no"})
				}
			}
		}
		values, last = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			end()
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			values[last] += " " + strings.TrimSpace(line)
		default:
			key, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(key))
			values[last] = strings.TrimSpace(value)
		}
	}
	end()
}

func apkRepos(text string, add func(inventory.Repo)) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		tag, place, tagged := strings.Cut(line, " ")
		if !tagged {
			tag, place = "", line
		}
		add(inventory.Repo{ID: plainURL(strings.TrimSpace(place)), Enabled: true, Topic: tag})
	}
}

// plainURL takes the user, the password and the query out of an address: some repositories want a token in it.
func plainURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(an address that cannot be read)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// ubuntuPro says whether Ubuntu Pro is attached, by the status that its client keeps.
func ubuntuPro(h *host.Host, r *run, os inventory.OS) bool {
	if os.ID != "ubuntu" {
		return false
	}
	const name = "var/lib/ubuntu-advantage/status.json"
	data, err := h.ReadFile(name, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var status struct {
		Attached bool `json:"attached"`
	}
	if err == nil {
		err = json.Unmarshal(data, &status)
	}
	if err != nil {
		r.gap(host.Path(name), "os", "whether Ubuntu Pro is attached is unknown: "+err.Error())
	}
	return status.Attached
}
