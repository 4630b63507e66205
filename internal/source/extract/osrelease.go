package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

const maxConfig = 1 << 20 // bytes of a configuration file

// readOS identifies the system: os-release(5) at its two places, else the release files that older systems have, else what
// macOS and Windows have in their place.
func readOS(h *host.Host, r *run) inventory.OS {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		data, err := h.ReadFile(name, maxConfig)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.gap(host.Path(name), "os", err.Error())
			}
			continue
		}
		os := parseOSRelease(string(data))
		if os.Known() {
			os.Pro = ubuntuPro(h, r, os)
			return os
		}
		r.gap(host.Path(name), "os", "holds no ID")
	}
	for _, f := range releaseFiles() {
		data, err := h.ReadFile(f.name, maxConfig)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.gap(host.Path(f.name), "os", err.Error())
			}
			continue
		}
		if os, ok := f.parse(strings.TrimSpace(string(data))); ok {
			return os
		}
		r.gap(host.Path(f.name), "os", fmt.Sprintf("unknown release %.80q", data))
	}
	if os := macOS(h, r); os.Known() {
		return os
	}
	return windowsOS(h, r)
}

// parseOSRelease reads assignments of the shell; values may be quoted, with backslashes before ", $, ` and \.
func parseOSRelease(text string) inventory.OS {
	var os inventory.OS
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = unquote(value)
		switch key {
		case "ID":
			os.ID = strings.ToLower(value)
		case "ID_LIKE":
			os.IDLike = value
		case "VERSION_ID":
			os.VersionID = value
		case "VERSION_CODENAME":
			os.Codename = value
		case "PRETTY_NAME":
			os.PrettyName = value
		case "CPE_NAME":
			os.CPE = value
		case "VARIANT_ID":
			os.Build = value
		}
	}
	if os.ID != "bottlerocket" {
		os.Build = ""
	}
	return os
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return s
	}
	if s[0] == '\'' {
		return s[1 : len(s)-1]
	}
	return strings.NewReplacer(`\"`, `"`, `\$`, `$`, "\\`", "`", `\\`, `\`).Replace(s[1 : len(s)-1])
}

type releaseFile struct {
	name  string
	parse func(text string) (inventory.OS, bool)
}

// releaseFiles lists what systems without os-release have, the particular before the general: Oracle Linux 6 has a redhat-release too.
func releaseFiles() []releaseFile {
	return []releaseFile{
		{"etc/oracle-release", redHatRelease},
		{"etc/almalinux-release", redHatRelease},
		{"etc/rocky-release", redHatRelease},
		{"etc/centos-release", redHatRelease},
		{"etc/fedora-release", redHatRelease},
		{"etc/system-release", redHatRelease},
		{"etc/redhat-release", redHatRelease},
		{"etc/lsb-release", lsbRelease},
		{"etc/alpine-release", func(v string) (inventory.OS, bool) {
			return inventory.OS{ID: "alpine", VersionID: v, PrettyName: "Alpine Linux " + v}, v != ""
		}},
		{"etc/debian_version", func(v string) (inventory.OS, bool) {
			return inventory.OS{ID: "debian", VersionID: v, PrettyName: "Debian GNU/Linux " + v}, v != ""
		}},
	}
}

// releaseLine is "CentOS release 6.10 (Final)", "Red Hat Enterprise Linux Server release 7.9 (Maipo)".
var releaseLine = regexp.MustCompile(`^(.*?)\s+release\s+([0-9][0-9.]*)`)

func redHatRelease(text string) (inventory.OS, bool) {
	text, _, _ = strings.Cut(text, "\n")
	m := releaseLine.FindStringSubmatch(text)
	if m == nil {
		return inventory.OS{}, false
	}
	for _, k := range [][2]string{
		{"CentOS", "centos"},
		{"Red Hat", "rhel"},
		{"Oracle", "ol"},
		{"Enterprise Linux Enterprise Linux", "ol"},
		{"Fedora", "fedora"},
		{"AlmaLinux", "almalinux"},
		{"Rocky", "rocky"},
		{"Amazon", "amzn"},
	} {
		if strings.HasPrefix(m[1], k[0]) {
			return inventory.OS{ID: k[1], VersionID: m[2], PrettyName: text}, true
		}
	}
	return inventory.OS{}, false
}

// lsbRelease reads Ubuntu's /etc/lsb-release.
func lsbRelease(text string) (inventory.OS, bool) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = unquote(value)
	}
	os := inventory.OS{
		ID: strings.ToLower(values["DISTRIB_ID"]), VersionID: values["DISTRIB_RELEASE"], Codename: values["DISTRIB_CODENAME"], PrettyName: values["DISTRIB_DESCRIPTION"],
	}
	return os, os.Known() && os.VersionID != ""
}
