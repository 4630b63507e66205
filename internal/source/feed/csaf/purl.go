package csaf

import (
	"fmt"
	"net/url"
	"strings"

	"hinomi/internal/source/feed/form"
)

// RPM is what the purl of an rpm package says (purl-spec, type "rpm").
type RPM struct {
	Namespace string // "redhat", "suse"
	Name      string
	EVR       string // [epoch:]version-release; "" without a version and release
	Arch      string
	Module    string // Red Hat's qualifier rpmmod: "name:stream"
}

// ParseRPM reads the purl of an rpm package. ok is false for a purl of another type.
func ParseRPM(purl string) (p RPM, ok bool, err error) {
	rest, ok := strings.CutPrefix(purl, "pkg:rpm/")
	if !ok {
		return RPM{}, false, nil
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, qualifiers, _ := strings.Cut(rest, "?")
	rest, version, _ := strings.Cut(rest, "@")
	fields := map[string]string{}
	for _, kv := range strings.Split(qualifiers, "&") {
		k, v, _ := strings.Cut(kv, "=")
		if fields[k], err = url.PathUnescape(v); err != nil {
			return RPM{}, true, fmt.Errorf("%w: purl %q: %w", form.ErrFormat, purl, err)
		}
	}
	namespace, name, found := strings.Cut(rest, "/")
	if !found {
		namespace, name = "", rest
	}
	p.Namespace = namespace
	if p.Name, err = url.PathUnescape(name); err != nil {
		return RPM{}, true, fmt.Errorf("%w: purl %q: %w", form.ErrFormat, purl, err)
	}
	if version, err = url.PathUnescape(version); err != nil {
		return RPM{}, true, fmt.Errorf("%w: purl %q: %w", form.ErrFormat, purl, err)
	}
	if p.Name == "" {
		return RPM{}, true, fmt.Errorf("%w: purl %q has no name", form.ErrFormat, purl)
	}
	if strings.Contains(version, "-") { // else a module's stream, seen as "go-toolset@rhel8"
		p.EVR = evr(fields["epoch"], version)
	}
	if p.Arch = fields["arch"]; p.Arch == "nosrc" {
		p.Arch = "src"
	}
	p.Module = Stream(fields["rpmmod"])
	return p, true, nil
}

// evr puts an epoch before a version, unless it is zero or already there.
func evr(epoch, version string) string {
	if epoch == "" || epoch == "0" || strings.Contains(version, ":") {
		return strings.TrimPrefix(version, "0:")
	}
	return epoch + ":" + version
}

// Stream returns the name and stream of a module's NSVC, "ruby:2.7:8080020230427102918:63b34585" (docs.fedoraproject.org, modularity). One
// without a stream stays as it is.
func Stream(nsvc string) string {
	name, rest, ok := strings.Cut(nsvc, ":")
	if !ok {
		return nsvc
	}
	stream, _, _ := strings.Cut(rest, ":")
	return name + ":" + stream
}
