// Package sbom reads what others say is installed: software bills of materials, lists of package managers and lock files.
// What a document names and we cannot place becomes a Gap of the inventory, never silence.
package sbom

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// Errors that a caller acts on.
var (
	// ErrUnknown says that a file is of no kind that we read.
	ErrUnknown = errors.New("no known kind of inventory")
	// ErrFormat says that a file is not what its name or first bytes promise.
	ErrFormat = errors.New("malformed inventory")
	// ErrTooLarge says that a file exceeds MaxSize, or what it names MaxPackages.
	ErrTooLarge = errors.New("inventory is too large")
)

const (
	// MaxSize bounds a document, in bytes, which is held in memory: the largest known, SPDX with all files of a big image, has 150 MB.
	MaxSize = 256 << 20
	// MaxPackages bounds what is taken from one document: the largest hosts have 10,000.
	MaxPackages = 500_000
	// maxGaps bounds what is told one by one; the rest is counted.
	maxGaps = 20_000
)

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
	h := look(path.Base(strings.ReplaceAll(name, `\`, "/")), b)
	for _, f := range formats() {
		if !f.match(h) {
			continue
		}
		d := &document{inv: &inventory.Inventory{OS: os, Method: inventory.SBOM, Source: name}, by: f.id}
		if err := named(f.read(h.b, d)); err != nil {
			return nil, fmt.Errorf("read %s as %s: %w", name, f.id, err)
		}
		return d.finish(), nil
	}
	return nil, fmt.Errorf("read %s: %w", name, ErrUnknown)
}

// named gives an error that has none of this package's names the one for malformed bytes.
func named(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrFormat) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnknown):
		return err
	case errors.Is(err, lockfile.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, jsontree.ErrSyntax):
		return fmt.Errorf("%w: malformed: %w", ErrFormat, err)
	default:
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
}

// document is an inventory while it is read.
type document struct {
	inv  *inventory.Inventory
	by   string // which format reads
	gaps int    // how many there were, with those that are not told one by one
}

// add keeps a package, or a gap where it has no name or version.
func (d *document) add(p inventory.Package) error {
	if p.Name == "" || p.Version == "" {
		d.gap(strings.TrimSpace(p.Name+" "+p.Version+" "+p.PURL), "it has no name or no version")
		return nil
	}
	if len(d.inv.Packages) >= MaxPackages {
		return tooMany()
	}
	if p.FoundBy == "" {
		p.FoundBy = d.by
	}
	d.inv.Packages = append(d.inv.Packages, p)
	return nil
}

func tooMany() error { return fmt.Errorf("%w: more than %d packages", ErrTooLarge, MaxPackages) }

// gap keeps what could not be placed, and why.
func (d *document) gap(what, why string) {
	if d.gaps++; d.gaps <= maxGaps {
		d.inv.Gaps = append(d.inv.Gaps, inventory.Gap{Path: clip(what), FoundBy: d.by, Reason: clip(why)})
	}
}

func (d *document) note(text string) { d.inv.Notes = append(d.inv.Notes, text) }

// clip bounds what is quoted of outside bytes.
func clip(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}

// setOS keeps the system that a document names. It is false for a second, different one: an inventory is of one system.
func (d *document) setOS(os inventory.OS) bool {
	have := &d.inv.OS
	switch {
	case !os.Known():
		return true
	case !have.Known() || have.ID == os.ID && have.VersionID == "" && os.VersionID != "":
		os.Pro = os.Pro || have.Pro
		*have = os
		return true
	case have.ID != os.ID:
		return false
	}
	return os.VersionID == "" || sameRelease(have.VersionID, os.VersionID)
}

// sameRelease reports whether one version is the other with more said: 9 and 9.4.
func sameRelease(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// otherSystem says why something of a second system is left out.
func (d *document) otherSystem(os inventory.OS) string {
	return fmt.Sprintf("it is of %s %s, the inventory of %s %s", os.ID, os.VersionID, d.inv.OS.ID, d.inv.OS.VersionID)
}

// finish completes and orders the inventory.
func (d *document) finish() *inventory.Inventory {
	if more := d.gaps - maxGaps; more > 0 {
		d.inv.Gaps = append(d.inv.Gaps, inventory.Gap{Path: "others", FoundBy: d.by, Reason: fmt.Sprintf("%d more entries could not be placed", more)})
	}
	for i := range d.inv.Packages {
		p := &d.inv.Packages[i]
		if p.PURL == "" {
			p.PURL = packageURL(d.inv.OS, p)
		}
	}
	d.sources()
	d.inv.Sort()
	return d.inv
}

// bySource are the distributions whose advisories speak of source packages.
func bySource(e inventory.Ecosystem) bool {
	return slices.Contains([]inventory.Ecosystem{inventory.Debian, inventory.Ubuntu, inventory.Alpine, inventory.Wolfi, inventory.Chainguard}, e)
}

// sources tells of a document that names no source package though the distribution's advisories speak of these: then libssl3 is asked for
// as libssl3, and what is known of openssl is not found. A document that names some leaves out those that are called as the package.
func (d *document) sources() {
	n := 0
	for i := range d.inv.Packages {
		p := &d.inv.Packages[i]
		if !bySource(p.Ecosystem) {
			continue
		}
		if p.SourceName != "" || p.Arch == "source" {
			return
		}
		n++
	}
	if n > 0 {
		d.gap("source packages", fmt.Sprintf("the document names none: %d packages are asked for by their own names, while the advisories speak of sources", n))
	}
}
