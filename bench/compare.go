package bench

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Packages are those of an inventory by their normal purl, with the places where each was found.
type Packages map[string][]string

// component is what counts of one in a CycloneDX document (CycloneDX 1.6, components).
type component struct {
	PURL       string `json:"purl"`
	Properties []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"properties"`
	Evidence struct {
		Occurrences []struct {
			Location string `json:"location"`
		} `json:"occurrences"`
	} `json:"evidence"`
}

// ReadPackages reads a CycloneDX document in JSON, as either program writes it.
func ReadPackages(document []byte) (Packages, error) {
	var d struct {
		Format     string      `json:"bomFormat"`
		Components []component `json:"components"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if d.Format != "CycloneDX" {
		return nil, fmt.Errorf("a document of format %.32q, not CycloneDX", d.Format)
	}
	all := Packages{}
	for _, c := range d.Components {
		if c.PURL == "" {
			continue // the operating system, or a file that holds others
		}
		name, err := normal(c.PURL)
		if err != nil {
			return nil, err
		}
		all[name] = append(all[name], c.places()...)
	}
	return all, nil
}

func (c *component) places() []string {
	var out []string
	for _, o := range c.Evidence.Occurrences {
		out = append(out, o.Location)
	}
	for _, p := range c.Properties {
		if p.Name == "aquasecurity:trivy:FilePath" {
			out = append(out, "/"+strings.TrimPrefix(p.Value, "/"))
		}
	}
	return out
}

// normal takes out of a purl what two programs may write differently about one package: qualifiers (architecture, distribution, epoch, which
// goes to the version), the subpath, escapes, and the case of names where the ecosystem has none.
func normal(purl string) (string, error) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	if !ok {
		return "", fmt.Errorf("purl %.128q has no scheme", purl)
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, text, _ := strings.Cut(rest, "?")
	qualifiers, err := url.ParseQuery(text)
	if err != nil {
		return "", fmt.Errorf("purl %.128q: %w", purl, err)
	}
	name, version := rest, ""
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		name, version = rest[:i], rest[i+1:]
	}
	if name, err = url.PathUnescape(name); err != nil {
		return "", fmt.Errorf("purl %.128q: %w", purl, err)
	}
	if version, err = url.PathUnescape(version); err != nil {
		return "", fmt.Errorf("purl %.128q: %w", purl, err)
	}
	if e := qualifiers.Get("epoch"); e != "" && e != "0" && !strings.HasPrefix(version, e+":") {
		version = e + ":" + version
	}
	kind, _, _ := strings.Cut(name, "/")
	switch kind {
	case "pypi":
		name = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)) // PEP 503
	case "golang":
		name = strings.ToLower(name)
		if name == "golang/stdlib" { // its releases have no "v" (go.dev/dl), and the vulnerability database of Go writes them so
			version = strings.TrimPrefix(version, "v")
		}
	}
	return name + "@" + version, nil
}

// Missing returns the packages of theirs that ours lacks, in order.
func Missing(ours, theirs Packages) []string {
	var out []string
	for name := range theirs {
		if _, ok := ours[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Kinds counts packages by the type of their purl.
func (p Packages) Kinds() map[string]int {
	out := map[string]int{}
	for name := range p {
		kind, _, _ := strings.Cut(name, "/")
		out[kind]++
	}
	return out
}
