// Package language reads what the package managers of programming languages say they have installed.
package language

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
	"hinomi/internal/source/extract/zipdir"
)

// python reads the metadata of installed distributions: .dist-info/METADATA and .egg-info (PyPA, "Recording installed projects"; setuptools'
// eggs before it, as folders, single files and zip archives).
func python() kind.File {
	return kind.File{
		ID: "python", Bases: []string{"METADATA", "PKG-INFO"}, Exts: []string{".egg-info", ".egg"},
		Wants: func(e kind.Entry) bool {
			switch e.Name() {
			case "METADATA":
				return strings.HasSuffix(e.Folder(), ".dist-info")
			case "PKG-INFO":
				return strings.HasSuffix(e.Folder(), ".egg-info") || path.Base(e.Folder()) == "EGG-INFO"
			}
			return true
		},
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			if strings.HasSuffix(f.Name, ".egg") {
				return pythonEgg(f, out)
			}
			var m pythonMetadata
			if err := f.Lines(maxPythonHeader, m.line); err != nil && !errors.Is(err, errDone) {
				return err
			}
			return m.add(f, out)
		},
	}
}

// maxEggEntries bounds one egg.
const maxEggEntries = 500_000

// maxPythonHeader bounds what is read of one file of metadata, in bytes: the name and the version stand among its first lines.
const maxPythonHeader = 1 << 20

var errDone = errors.New("done")

// pythonMetadata is the part of the core metadata (PyPA, "Core metadata specifications") that says what is installed.
type pythonMetadata struct{ name, version string }

// line takes one line of the header; it returns errDone at its end.
func (m *pythonMetadata) line(line []byte, _ bool) error {
	if len(line) == 0 {
		return errDone
	}
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(value) > 512 {
		return nil
	}
	switch string(bytes.ToLower(key)) {
	case "name":
		m.name = string(bytes.TrimSpace(value))
	case "version":
		m.version = string(bytes.TrimSpace(value))
	}
	if m.name != "" && m.version != "" {
		return errDone
	}
	return nil
}

func (m *pythonMetadata) add(f *host.File, out kind.Sink) error {
	if m.name == "" || m.version == "" {
		return fmt.Errorf("metadata without a name or a version: %q %q", m.name, m.version)
	}
	name := inventory.PythonName(m.name)
	out.Add(inventory.Package{
		Ecosystem: inventory.PyPI, Name: name, Version: m.version, Location: host.Path(f.Name),
		PURL: inventory.PyPI.PURL(name, m.version),
	})
	return nil
}

func pythonEgg(f *host.File, out kind.Sink) error {
	a, err := zipdir.Open(f, f.Size)
	if err != nil {
		return err
	}
	n, found := 0, false
	err = a.Entries(func(e zipdir.Entry) error {
		if n++; n > maxEggEntries {
			return fmt.Errorf("more than %d entries", maxEggEntries)
		}
		if string(e.Name) != "EGG-INFO/PKG-INFO" || found {
			return nil
		}
		found = true
		r, err := a.Reader(e)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(r, maxPythonHeader))
		if err != nil {
			return err
		}
		var m pythonMetadata
		for line := range bytes.Lines(text) {
			if m.line(bytes.TrimRight(line, "\r\n"), false) != nil {
				break
			}
		}
		return m.add(f, out)
	})
	if err == nil && !found {
		err = errors.New("an egg without EGG-INFO/PKG-INFO")
	}
	return err
}
