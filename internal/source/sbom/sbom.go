// Package sbom reads what others say is installed: software bills of materials, lists of package managers and lock files.
// What a document names and we cannot place becomes a Gap of the inventory, never silence.
package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"hinomi/internal/inventory"
)

// Errors that a caller acts on.
var (
	// ErrUnknown says that a file is of no kind that we read.
	ErrUnknown = errors.New("no known kind of inventory")
	// ErrFormat says that a file is not what its name or first bytes promise.
	ErrFormat = errors.New("malformed inventory")
	// ErrTooLarge says that a file exceeds MaxSize.
	ErrTooLarge = errors.New("inventory is too large")
)

// MaxSize bounds a document, which is held in memory: the largest known, SPDX with all files of a big image, has 150 MB.
const MaxSize = 256 << 20

// format is one kind of document.
type format struct {
	id    string
	match func(base string, b []byte) bool // by file name and first bytes
	read  func(b []byte, inv *inventory.Inventory) error
}

// formats lists every kind, the more particular first.
func formats() []format {
	list := []format{
		{"cyclonedx", func(_ string, b []byte) bool { return jsonHas(b, "bomFormat") }, cycloneDX},
		{"spdx", func(_ string, b []byte) bool { return jsonHas(b, "spdxVersion") }, spdx2},
		{"spdx3", func(_ string, b []byte) bool { return jsonHas(b, "@graph") }, spdx3},
		{"osv-scanner", func(_ string, b []byte) bool { return jsonHas(b, "results") }, osvScanner},
	}
	list = append(list, lockFiles()...)
	return append(
		list,
		format{"purl", func(_ string, b []byte) bool { return bytes.HasPrefix(firstLine(b), []byte("pkg:")) }, purlList},
		format{"dpkg", func(_ string, b []byte) bool { return bytes.HasPrefix(firstLine(b), []byte("Package: ")) }, dpkgStatus},
		format{"rpm", func(_ string, b []byte) bool { return rpmLine(string(firstLine(b))) }, rpmList},
	)
}

// firstLine returns the first line that is neither empty nor a comment.
func firstLine(b []byte) []byte {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return line
		}
		b = rest
	}
	return nil
}

// jsonHas reports whether b is a JSON object with a field of its own called key.
func jsonHas(b []byte, key string) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if t == key {
			return true
		}
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			return false
		}
	}
	return false
}

// Read reads a document of any known kind. name is its file name, which tells kinds apart that look alike; os, where it is known, says
// for which system a list is that does not say so itself. Errors wrap ErrUnknown, ErrFormat or ErrTooLarge.
func Read(name string, r io.Reader, os inventory.OS) (*inventory.Inventory, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("read %s: %w: more than %d bytes", name, ErrTooLarge, MaxSize)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	for _, f := range formats() {
		if !f.match(base, b) {
			continue
		}
		inv := &inventory.Inventory{OS: os, Method: inventory.SBOM, Source: name}
		if err := f.read(b, inv); err != nil {
			return nil, fmt.Errorf("read %s as %s: %w", name, f.id, err)
		}
		guessOS(inv)
		inv.Sort()
		return inv, nil
	}
	return nil, fmt.Errorf("read %s: %w", name, ErrUnknown)
}

// add keeps a package, or a gap where it has no name or version.
func add(inv *inventory.Inventory, p inventory.Package) {
	if p.Name == "" || p.Version == "" {
		gap(inv, p.FoundBy, p.Name, "it has no name or no version")
		return
	}
	inv.Packages = append(inv.Packages, p)
}

func gap(inv *inventory.Inventory, by, what, why string) {
	inv.Gaps = append(inv.Gaps, inventory.Gap{Path: what, FoundBy: by, Reason: why})
}

// setOS keeps the system that a document names. A second, different one is a gap: an inventory is of one system.
func setOS(inv *inventory.Inventory, os inventory.OS, by string) bool {
	if !os.Known() || os.VersionID == "" {
		return true
	}
	if !inv.OS.Known() || inv.OS.ID == os.ID && inv.OS.VersionID == "" {
		inv.OS = os
		return true
	}
	return inv.OS.ID == os.ID && sameRelease(inv.OS.VersionID, os.VersionID)
}

// sameRelease reports whether one version is the other with more said: 9 and 9.4.
func sameRelease(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}
