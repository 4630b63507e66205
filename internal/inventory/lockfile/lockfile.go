// Package lockfile reads the files in which package managers and projects write down exactly which packages they take: what a program beside
// such a file was, or will be, built from. A file that cannot be read as what its name says is an error; an entry of it is a Gap.
package lockfile

import (
	"bytes"
	"errors"
	"fmt"

	"hinomi/internal/inventory"
)

// MaxBytes bounds one file. The largest package-lock.json of a public monorepo is near 10 MB.
const MaxBytes = 32 << 20

// maxPackages bounds what is taken from one file.
const maxPackages = 200_000

var (
	// ErrFormat is wrapped where a file is not what its name promises.
	ErrFormat = errors.New("malformed")
	// ErrTooLarge is wrapped where a file, or what it names, exceeds its bound.
	ErrTooLarge = errors.New("too large")
)

// FromProject is why an entry of the project's own folders or files has no version of a registry.
const FromProject = "from a folder or a file of the project"

// Sink takes what a file names.
type Sink interface {
	// Add takes a package: its ecosystem, name, version, package URL, and whether it serves development only.
	Add(p inventory.Package)
	// Unversioned takes the name of a package that has no version of a registry: a folder, a repository, an address, a version that is not pinned.
	Unversioned(name, why string)
	// Gap takes an entry that could not be understood.
	Gap(entry, why string)
}

// Format is one kind of lock file.
type Format struct {
	ID    string   // once released it never changes
	Bases []string // the names of such files
	Exts  []string // or their endings, in lower case, if Match agrees
	Match func(base string) bool
	max   int // bytes, where it is less than MaxBytes
	read  func(b []byte, out *output) error
}

// Formats lists every kind.
func Formats() []Format {
	return []Format{
		{ID: "npm-lock", Bases: []string{"package-lock.json", "npm-shrinkwrap.json"}, read: npm},
		{ID: "yarn-lock", Bases: []string{"yarn.lock"}, read: yarn},
		{ID: "pnpm-lock", Bases: []string{"pnpm-lock.yaml"}, read: pnpm},
		{ID: "bun-lock", Bases: []string{"bun.lock"}, read: bun},
		{ID: "poetry-lock", Bases: []string{"poetry.lock"}, read: poetry},
		{ID: "uv-lock", Bases: []string{"uv.lock"}, read: uv},
		{ID: "pdm-lock", Bases: []string{"pdm.lock"}, read: pdm},
		{ID: "pylock", Bases: []string{"pylock.toml"}, read: pylock},
		{ID: "pipfile-lock", Bases: []string{"Pipfile.lock"}, read: pipfile},
		{ID: "requirements", Bases: []string{"requirements.txt"}, Exts: []string{".txt"}, Match: isRequirements, read: requirements},
		{ID: "go-mod", Bases: []string{"go.mod"}, max: maxGoMod, read: goMod},
		{ID: "gemfile-lock", Bases: []string{"Gemfile.lock", "gems.locked"}, read: gemfile},
		{ID: "nuget-lock", Bases: []string{"packages.lock.json"}, read: nugetLock},
		{ID: "nuget-config", Bases: []string{"packages.config"}, read: nugetConfig},
		{ID: "composer-lock", Bases: []string{"composer.lock"}, read: composer},
		{ID: "cargo-lock", Bases: []string{"Cargo.lock"}, read: cargo},
		{ID: "mix-lock", Bases: []string{"mix.lock"}, read: mix},
		{ID: "swift-resolved", Bases: []string{"Package.resolved"}, read: swift},
		{ID: "pubspec-lock", Bases: []string{"pubspec.lock"}, read: pubspec},
		{ID: "gradle-lock", Bases: []string{"gradle.lockfile", "buildscript-gradle.lockfile", "settings-gradle.lockfile"}, read: gradle},
	}
}

// Is says whether a file is of the format, by its name.
func (f Format) Is(base string) bool {
	for _, name := range f.Bases {
		if base == name {
			return true
		}
	}
	for _, ext := range f.Exts {
		if len(base) > len(ext) && base[len(base)-len(ext):] == ext && (f.Match == nil || f.Match(base)) {
			return true
		}
	}
	return false
}

// Read gives what a file names to out. The error wraps ErrFormat or ErrTooLarge; what was read before it has been given.
func (f Format) Read(b []byte, out Sink) error {
	limit := MaxBytes
	if f.max > 0 {
		limit = f.max
	}
	if len(b) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, len(b), limit)
	}
	o := &output{Sink: out}
	if err := f.read(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), o); err != nil {
		return err
	}
	if o.lost > 0 {
		return fmt.Errorf("%w: %d entries more than the %d that are read", ErrTooLarge, o.lost, maxPackages)
	}
	return nil
}

// output bounds and completes what the formats find.
type output struct {
	Sink
	given, lost int
}

// add takes a package of a registry. One without a name or a version is a gap.
func (o *output) add(e inventory.Ecosystem, name, version string, dev bool) {
	if !o.room() {
		return
	}
	if name == "" || version == "" {
		o.Sink.Gap(clip(name+" "+version), "an entry without a name or a version")
		return
	}
	o.Add(inventory.Package{Ecosystem: e, Name: name, Version: version, Dev: dev, PURL: e.PURL(name, version)})
}

// Unversioned implements Sink.
func (o *output) Unversioned(name, why string) {
	if o.room() {
		o.Sink.Unversioned(clip(name), why)
	}
}

// Gap implements Sink.
func (o *output) Gap(entry, why string) {
	if o.room() {
		o.Sink.Gap(clip(entry), why)
	}
}

func (o *output) room() bool {
	if o.given++; o.given > maxPackages {
		o.lost++
		return false
	}
	return true
}

// clip bounds what is quoted of outside bytes.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrFormat, err) }
