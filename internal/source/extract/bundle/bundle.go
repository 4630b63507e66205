// Package bundle reads applications that were installed beside the distribution's own packages, with all that they need: snaps, flatpaks and
// Homebrew's kegs.
package bundle

import (
	"errors"
	"io/fs"

	"hinomi/internal/source/extract/kind"
)

// Extractors lists those that read known places.
func Extractors() []kind.System {
	return []kind.System{
		snap(),
		flatpak(),
	}
}

// Files lists those that read files wherever they lie.
func Files() []kind.File {
	return []kind.File{
		homebrew(),
	}
}

// Places are the folders that Extractors read.
func Places() []string { return []string{"/var/lib/flatpak", "/var/lib/snapd"} }

// maxBundles bounds the applications of one kind: a host has some dozens.
const maxBundles = 20_000

// missing makes a gap of a place that is there and cannot be read.
func missing(out kind.Sink, name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		out.Gap(name, err.Error())
	}
}
