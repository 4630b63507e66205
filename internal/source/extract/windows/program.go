package windows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/regf"
)

// programs reads the programs that an Uninstall key lists ("Uninstall Registry Key", Microsoft Learn).
func programs(ctx context.Context, h *hive, place string, out Sink) {
	key, err := h.Key(place)
	if errors.Is(err, fs.ErrNotExist) {
		return // no program was ever installed in this view, or by this user
	}
	var keys []regf.Key
	if err == nil {
		keys, err = key.Subkeys()
	}
	if err != nil {
		out.Gap(h.place(place), err.Error())
	}
	var unversioned []string
	for _, k := range keys {
		if ctx.Err() != nil {
			return
		}
		p, err := program(k)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // a key without a name is shown to nobody: a component, or the rest of what was removed
		case err != nil:
			out.Gap(h.place(place+`\`+k.Name()), err.Error())
			continue
		case p.Version == "":
			unversioned = append(unversioned, p.Name)
			continue
		}
		p.Location = h.place(place + `\` + k.Name())
		out.Add(p)
	}
	if len(unversioned) > 0 {
		out.Gap(h.place(place), fmt.Sprintf("%d programs say no version: %s", len(unversioned), strings.Join(unversioned, ", ")))
	}
}

// program reads one program. The error is fs.ErrNotExist if it has no name.
func program(k regf.Key) (inventory.Package, error) {
	values, err := k.Values()
	if err != nil {
		return inventory.Package{}, err
	}
	text := map[string]string{}
	number := map[string]uint32{}
	for _, v := range values {
		name := strings.ToLower(v.Name())
		switch name {
		case "displayname", "displayversion", "publisher", "parentkeyname":
			s, err := v.Text()
			if err != nil {
				return inventory.Package{}, err
			}
			text[name] = strings.TrimSpace(s)
		case "version", "versionmajor", "versionminor":
			if v.Type() == regf.TypeUint32 {
				if number[name], err = v.Uint32(); err != nil {
					return inventory.Package{}, err
				}
			}
		}
	}
	if text["displayname"] == "" {
		return inventory.Package{}, fs.ErrNotExist
	}
	p := inventory.Package{Ecosystem: inventory.Windows, Name: text["displayname"], Version: text["displayversion"], Vendor: text["publisher"]}
	if p.Version == "" {
		p.Version = packedVersion(number)
	}
	if kb := knowledgeIn(p.Name); kb != "" && text["parentkeyname"] != "" { // an update of another program
		p.SourceName, p.Name = p.Name, kb
	}
	p.PURL = packageurl.NewPackageURL(packageurl.TypeGeneric, "", p.Name, p.Version, nil, "").ToString()
	return p, nil
}

// packedVersion reads the numbers that stand in for a missing DisplayVersion: Version is that of a Windows Installer package, with 8 bits for the
// first and the second part and 16 for the third ("ProductVersion property", Microsoft Learn).
func packedVersion(number map[string]uint32) string {
	if v := number["version"]; v != 0 {
		return fmt.Sprintf("%d.%d.%d", v>>24, v>>16&0xff, v&0xffff)
	}
	if number["versionmajor"] != 0 || number["versionminor"] != 0 {
		return fmt.Sprintf("%d.%d", number["versionmajor"], number["versionminor"])
	}
	return ""
}
