package windows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/regf"
)

const packagesKey = `Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`

// The states of a package (DismPackageFeatureState of the DISM API, in sixteenths).
const (
	stateInstallPending = 0x60
	stateInstalled      = 0x70
	stateSuperseded     = 0x50
)

var (
	// knowledge is the number of an article of Microsoft's knowledge base, by which an update is known.
	knowledge = regexp.MustCompile(`(?i)\bKB(\d{6,8})\b`)
	// updateName is the first part of an update's package name: Package_for_KB5034439, Package_12_for_KB5034439, Package_for_RollupFix.
	updateName = regexp.MustCompile(`(?i)^Package_(?:\d+_)?for_(\w+?)(?:_(?:RTM|SP\d|\d+))?$`)
)

// knowledgeIn finds the number of an article in a text, "" if there is none. An underscore ends it, as in KB2919355_RTM_GM.
func knowledgeIn(text string) string {
	return strings.ToUpper(knowledge.FindString(strings.ReplaceAll(text, "_", " ")))
}

// updates reads the packages of component based servicing. An update is many packages: one of each name and version counts.
func updates(ctx context.Context, h *hive, out Sink) {
	key, err := h.Key(packagesKey)
	if err != nil {
		out.Gap(h.place(packagesKey), fmt.Sprintf("the installed updates are unknown: %v", err))
		return
	}
	keys, err := key.Subkeys()
	if err != nil {
		out.Gap(h.place(packagesKey), err.Error())
	}
	seen := map[string]bool{}
	var pending []string
	found := 0
	for _, k := range keys {
		if ctx.Err() != nil {
			return
		}
		p, ok := update(k)
		if !ok {
			continue
		}
		place := packagesKey + `\` + k.Name()
		state, err := k.Uint32("CurrentState")
		if err != nil {
			out.Gap(h.place(place), fmt.Sprintf("the update's state is unknown: %v", err))
			continue
		}
		switch state {
		case stateInstalled:
		case stateSuperseded:
			p.Status = "superseded"
		case stateInstallPending:
			pending = append(pending, p.Name+" "+p.Version)
			continue
		default:
			continue // not there, or only copied to the disk
		}
		found++
		if id := p.Name + "\x00" + p.Version + "\x00" + p.Arch + "\x00" + p.Status; !seen[id] {
			seen[id] = true
			p.Location = h.place(place)
			out.Add(p)
		}
	}
	slices.Sort(pending)
	if pending = slices.Compact(pending); len(pending) > 0 {
		out.Note("updates that wait for a restart and do not count as installed: " + strings.Join(pending, ", "))
	}
	if found == 0 {
		out.Note(h.place(packagesKey) + ": no update is installed")
	}
}

// update reads the identity of a package, NAME~KEY~ARCHITECTURE~LANGUAGE~VERSION. It is false for what is no update: features, languages, editions.
func update(k regf.Key) (inventory.Package, bool) {
	parts := strings.Split(k.Name(), "~")
	m := updateName.FindStringSubmatch(parts[0])
	if len(parts) != 5 || m == nil || parts[4] == "" {
		return inventory.Package{}, false
	}
	name := m[1]
	if kb := knowledgeIn(name); kb != "" {
		name = kb
	} else if from, err := k.Text("InstallLocation"); err == nil { // a cumulative update says its number only here
		if kb := knowledgeIn(from); kb != "" {
			name = kb
		}
	}
	return inventory.Package{
		Ecosystem: inventory.Windows, Name: name, Version: parts[4], Arch: parts[2], Vendor: "Microsoft", SourceName: parts[0],
		PURL: packageurl.NewPackageURL(packageurl.TypeGeneric, "microsoft", name, parts[4], nil, "").ToString(),
	}, true
}

// framework reads which .NET Framework is installed ("How to determine which .NET Framework versions are installed", Microsoft Learn).
func framework(h *hive, out Sink) {
	for _, place := range []string{`Microsoft\NET Framework Setup\NDP\v4\Full`, `Microsoft\NET Framework Setup\NDP\v3.5`} {
		k, err := h.Key(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var version string
		if err == nil {
			version, err = k.Text("Version")
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			out.Gap(h.place(place), err.Error())
		case version != "":
			out.Add(inventory.Package{
				Ecosystem: inventory.Windows, Name: ".NET Framework", Version: version, Vendor: "Microsoft", Location: h.place(place),
				PURL: packageurl.NewPackageURL(packageurl.TypeGeneric, "microsoft", ".NET Framework", version, nil, "").ToString(),
			})
		}
	}
}
