package target

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hinomi/internal/app/core"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
)

var (
	// ErrDistro says that a distribution's name is none that we know, or lacks its release.
	ErrDistro = errors.New("no distribution that is known")
	// ErrFolder says that a folder was given where a file is wanted.
	ErrFolder = errors.New("it is a folder")
	// ErrList says that a file is no list of packages that we read.
	ErrList = sbom.ErrUnknown
)

// ReadList reads a document that says what is installed; with the name "-" from in. distro, unless it is "", names the system of a list that
// does not name its own, as in debian:12.
func ReadList(c core.Config, name string, in io.Reader, distro string) (*Scanned, error) {
	var system inventory.OS
	if distro != "" {
		var err error
		if system, err = sbom.ParseDistro(distro); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDistro, err)
		}
	}
	base := "standard input"
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the file that the user named
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s: %w", name, ErrFolder)
		}
		in, base = f, filepath.Base(name)
	}
	inv, err := sbom.Read(base, in, system)
	if err != nil {
		return nil, err
	}
	inv.ReadAt = c.Now()
	return &Scanned{Target: name, Kind: "sbom", Inventory: inv}, nil
}

// Rows compares the versions that were read with the advisories of the configuration: rows of ecosystem, package, version and advisory as
// tab-separated values, sorted, and in words what could not be judged.
func Rows(c core.Config, s *Scanned) (tsv string, missing []string, err error) {
	lib := core.NewLibrary(c.Advisories)
	defer lib.Close()
	return lib.Rows(s.Inventory, vuln.Options{Now: c.Now()})
}
