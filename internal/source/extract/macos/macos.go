// Package macos reads what is installed on macOS: the system's version, receipts of installed packages, Apple's own updates, and applications.
package macos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
	"hinomi/internal/source/extract/plist"
)

const (
	versionFile   = "System/Library/CoreServices/SystemVersion.plist"
	historyFile   = "Library/Receipts/InstallHistory.plist"
	receiptFolder = "private/var/db/receipts"

	maxList = 16 << 20 // bytes of a property list
)

// Sink takes what is found, and which database was read.
type Sink interface {
	kind.Sink
	// Database says that a package database was read from path.
	Database(path string)
}

// Identify says which macOS the host runs; the zero OS if it is none.
func Identify(sys *host.Host) (inventory.OS, error) {
	data, err := sys.ReadFile(versionFile, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return inventory.OS{}, nil
	}
	if err != nil {
		return inventory.OS{}, err
	}
	d, err := plist.ParseDict(data)
	if err != nil {
		return inventory.OS{}, err
	}
	os := inventory.OS{ID: "macos", VersionID: d.Text("ProductVersion"), Build: d.Text("ProductBuildVersion")}
	if os.VersionID == "" {
		return os, errors.New("no ProductVersion")
	}
	os.PrettyName = strings.TrimSpace(d.Text("ProductName") + " " + os.VersionID)
	return os, nil
}

// Path is where Identify looks.
func Path() string { return host.Path(versionFile) }

// Read reads receipts and Apple's updates.
func Read(ctx context.Context, sys *host.Host, out Sink) error {
	folder, entries, err := sys.ReadDir(receiptFolder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		out.Gap(receiptFolder, err.Error())
	default:
		out.Database(folder)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if path.Ext(e.Name()) != ".plist" {
			continue // .bom: the list of files
		}
		name := path.Join(folder, e.Name())
		if err := receipt(sys, name, out); err != nil {
			out.Gap(name, err.Error())
		}
	}
	if err := history(sys, out); err != nil {
		out.Gap(historyFile, err.Error())
	}
	return nil
}

func receipt(sys *host.Host, name string, out Sink) error {
	data, err := sys.ReadFile(name, maxList)
	if err != nil {
		return err
	}
	d, err := plist.ParseDict(data)
	if err != nil {
		return err
	}
	id, version := d.Text("PackageIdentifier"), d.Text("PackageVersion")
	if id == "" || version == "" {
		return fmt.Errorf("a receipt without an identifier or a version: %q %q", id, version)
	}
	add(out, id, version, "", host.Path(name))
	return nil
}

func add(out kind.Sink, name, version, source, location string) {
	out.Add(inventory.Package{
		Ecosystem: inventory.MacOS, Name: name, Version: version, SourceName: source, Location: location,
		PURL: packageurl.NewPackageURL(packageurl.TypeGeneric, "", name, version, nil, "").ToString(),
	})
}

// history reads which updates Apple's installers have made, the last of each name. What others installed may be gone again: their receipts tell.
func history(sys *host.Host, out Sink) error {
	data, err := sys.ReadFile(historyFile, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := plist.Parse(data)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("no list but %T", v)
	}
	type install struct {
		version string
		at      time.Time
	}
	last := map[string]install{}
	for _, e := range list {
		d, ok := e.(plist.Dict)
		if !ok || !apples(d) {
			continue
		}
		name, version := d.Text("displayName"), d.Text("displayVersion")
		at, _ := d["date"].(time.Time)
		if had, ok := last[name]; name != "" && version != "" && (!ok || !at.Before(had.at)) {
			last[name] = install{version, at}
		}
	}
	for name, i := range last {
		add(out, name, i.version, "", host.Path(historyFile))
	}
	out.Database(historyFile)
	return nil
}

// apples says whether all packages of an install are Apple's.
func apples(d plist.Dict) bool {
	ids, ok := d["packageIdentifiers"].([]any)
	if !ok || len(ids) == 0 {
		process := d.Text("processName")
		return process == "softwareupdated" || process == "softwareupdate"
	}
	for _, id := range ids {
		if s, ok := id.(string); !ok || !strings.HasPrefix(s, "com.apple.") {
			return false
		}
	}
	return true
}

// Extractors lists what reads files that may lie anywhere.
func Extractors() []kind.File {
	return []kind.File{{
		ID: "macos-app", Bases: []string{"Info.plist"},
		Wants: func(e kind.Entry) bool {
			app, ok := strings.CutSuffix(e.Folder(), ".app/Contents")
			return ok && !strings.Contains(app, ".app/") // not what an application carries inside of it
		},
		Read: application,
	}}
}

// application reads an application's bundle ("Information Property List", Apple).
func application(_ context.Context, f *host.File, out kind.Sink) error {
	data, err := f.Bytes(maxList)
	if err != nil {
		return err
	}
	d, err := plist.ParseDict(data)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(path.Base(path.Dir(path.Dir(f.Name))), ".app")
	version := d.Text("CFBundleShortVersionString")
	if version == "" {
		version = d.Text("CFBundleVersion")
	}
	if version == "" || name == "" {
		return errors.New("the application says no version")
	}
	add(out, name, version, d.Text("CFBundleIdentifier"), host.Path(f.Name))
	return nil
}
