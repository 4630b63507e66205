// Package microsoft reads what the Microsoft Security Response Center publishes: CVRF documents by month, CSAF documents by CVE, and the
// re-encoding of them, with the supersedence of updates, that WES-NG keeps.
//
// A row is about a product of Windows: its release is Microsoft's name of the system without the architecture and without "(Server Core
// installation)", whose updates are the same; its package that name again, or the component ("Microsoft .NET Framework 4.8") that runs on
// it. Products that run anywhere have no release. What mends a row is an update (KB) or a build (the end of the range), whichever the
// publisher names; several rows of one advisory about one package are alternatives, of which one suffices: the monthly rollup or the
// security-only update, the cumulative update or the hotpatch. A row with a KB and no range can be decided from the installed updates
// alone: mended by the KB or by any update that supersedes it, directly or through others.
package microsoft

import (
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
)

// ecosystem is the ecosystem of every row.
const ecosystem = "Windows"

// place says where a product of Microsoft's stands among the rows. It is false for Microsoft's Linux distributions, which are no Windows.
func place(product string) (row advisory.Affected, ok bool) {
	name := strings.Join(strings.Fields(product), " ")
	if linux.MatchString(name) {
		return row, false
	}
	row.Ecosystem = ecosystem
	name, row.Arches = architecture(name)
	name = strings.TrimSpace(serverCore.ReplaceAllString(name, ""))
	name = clientVersion.ReplaceAllString(name, "$1 Version ") // written either way
	if component, system, on := strings.Cut(name, " on "); on && isSystem(system) {
		row.Release, row.Package = trimMicrosoft(system), component
		return row, component != ""
	}
	if isSystem(name) {
		row.Release = trimMicrosoft(name)
		row.Package = row.Release
		return row, true
	}
	row.Package = name
	return row, name != ""
}

// linux finds Microsoft's Linux distributions and their packages: "azl3 ruby 3.3.5-2 on Azure Linux 3.0", "CBL-Mariner 2.0 x64".
var linux = regexp.MustCompile(`(?i)\bmariner\b|\bazure linux\b|^(azl|cbl|cm)[0-9]`)

// serverCore is how an installation without a desktop is named.
var serverCore = regexp.MustCompile(`(?i) ?\(server core installation\)`)

var clientVersion = regexp.MustCompile(`\b(Windows 1[01]) version `)

func trimMicrosoft(name string) string { return strings.TrimPrefix(name, "Microsoft ") }

// isSystem reports whether a product is a version of Windows itself: "Windows Server 2019", "Windows 10 Version 1809", not "Windows Defender".
func isSystem(name string) bool {
	rest, ok := strings.CutPrefix(trimMicrosoft(name), "Windows ")
	if !ok {
		return false
	}
	first, _, _ := strings.Cut(strings.TrimSuffix(rest, ","), " ")
	first = strings.TrimSuffix(first, ",")
	return slices.Contains([]string{"Server", "Vista", "XP", "RT", "2000", "7", "8", "8.1", "10", "11"}, first) && !strings.HasPrefix(rest, "Server Update") && !strings.HasPrefix(rest, "Server Essentials")
}

// architectures are the ends of products' names, with Windows' own words for them and those of other systems, so that either is met.
var architectures = []struct {
	is    *regexp.Regexp
	words []string
}{
	{regexp.MustCompile(`(?i) for x64-based systems| x64 edition`), []string{"amd64", "x86_64"}},
	{regexp.MustCompile(`(?i) for 32-bit systems`), []string{"i386", "x86"}},
	{regexp.MustCompile(`(?i) for arm64-based systems`), []string{"aarch64", "arm64"}},
	{regexp.MustCompile(`(?i) for itanium-based systems`), []string{"ia64"}},
}

// architecture takes the architecture out of a product's name.
func architecture(name string) (string, []string) {
	for _, a := range architectures {
		if at := a.is.FindStringIndex(name); at != nil {
			return name[:at[0]] + name[at[1]:], a.words
		}
	}
	return name, nil
}

// kb returns the name of an update, "KB5034768" of "5034768" or "KB5034768"; "" if the text is none: "Release Notes", "Click to Run".
func kb(text string) string {
	n := strings.TrimPrefix(strings.TrimSpace(text), "KB")
	if len(n) < 6 || len(n) > 8 || strings.Trim(n, "0123456789") != "" {
		return ""
	}
	return "KB" + n
}

// kbs reads a list of updates, separated in whatever way.
func kbs(text string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if k := kb(w); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// isBuild is a version that can be compared: "10.0.17763.5458", "17.9.3". Microsoft writes "https://…", "Release Notes" and the like there, too.
var isBuild = regexp.MustCompile(`^\d+(\.\d+)+$`)

// build returns a fixed build, "" if the text is none.
func build(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "v")
	if isBuild.MatchString(text) {
		return text
	}
	return ""
}

// until is every version before a fixed one; without one it has no end.
func until(fixed string) []advisory.Range {
	r := []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}}}}
	if fixed != "" {
		r[0].Events = append(r[0].Events, advisory.Event{Fixed: fixed})
	}
	return r
}

// rows collects rows, one for each thing that mends a package; those that differ only in the architecture or in what they supersede are one.
type rows struct {
	list []advisory.Affected
	at   map[rowKey]int
}

type rowKey struct{ release, pkg, kb, fixed, arches string }

func (r *rows) add(row advisory.Affected) {
	fixed := ""
	if len(row.Ranges) > 0 && len(row.Ranges[0].Events) > 1 {
		fixed = row.Ranges[0].Events[1].Fixed
	}
	if r.at == nil {
		r.at = map[rowKey]int{}
	}
	k := rowKey{row.Release, row.Package, row.KB, fixed, strings.Join(row.Arches, " ")}
	i, ok := r.at[k]
	if !ok {
		r.at[k] = len(r.list)
		r.list = append(r.list, row)
		return
	}
	for _, s := range row.Supersedes {
		if !slices.Contains(r.list[i].Supersedes, s) {
			r.list[i].Supersedes = append(slices.Clip(r.list[i].Supersedes), s) // the list may be shared
		}
	}
	slices.Sort(r.list[i].Supersedes)
}

// worse returns the worse of two severity words ("Security Update Severity Rating System", MSRC).
func worse(a, b string) string {
	order := []string{"Low", "Moderate", "Important", "Critical"}
	if i := slices.Index(order, b); i > slices.Index(order, a) {
		return order[i]
	}
	return a
}
