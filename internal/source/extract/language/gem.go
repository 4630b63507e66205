package language

import (
	"bytes"
	"context"
	"errors"
	"path"
	"regexp"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// maxGemspec bounds what is read of a specification, in bytes: its name and version stand among the first lines.
const maxGemspec = 1 << 20

// gem reads the specifications of installed gems, those that come with Ruby too: specifications/NAME-VERSION.gemspec and specifications/default
// (guides.rubygems.org, "Specification Reference"). A .gemspec elsewhere is the source of one.
func gem() kind.File {
	return kind.File{
		ID: "gem", Exts: []string{".gemspec"},
		Wants: func(e kind.Entry) bool {
			dir := e.Folder()
			if path.Base(dir) == "default" {
				dir = path.Dir(dir)
			}
			return path.Base(dir) == "specifications"
		},
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			name, version := "", ""
			err := f.Lines(maxGemspec, func(line []byte, _ bool) error {
				if stub, ok := bytes.CutPrefix(line, []byte("# stub: ")); ok { // what RubyGems itself reads, without running the file
					if words := strings.Fields(string(stub)); len(words) >= 2 {
						name, version = words[0], words[1]
					}
				}
				if m := gemField.FindSubmatch(line); m != nil && string(m[1]) == "name" && name == "" {
					name = string(m[2])
				} else if m != nil && string(m[1]) == "version" && version == "" {
					version = string(m[2])
				}
				if name != "" && version != "" {
					return errDone
				}
				return nil
			})
			if err != nil && !errors.Is(err, errDone) {
				return err
			}
			version, _, _ = strings.Cut(version, "-")
			if name == "" || version == "" {
				return errors.New("a specification without a name or a version")
			}
			out.Add(inventory.Package{
				Ecosystem: inventory.RubyGems, Name: name, Version: version, Location: host.Path(f.Name), PURL: inventory.RubyGems.PURL(name, version),
			})
			return nil
		},
	}
}

// gemField is an assignment of a literal, with or without .freeze or Gem::Version.new around it.
var gemField = regexp.MustCompile(`^\s*\w+\.(name|version)\s*=\s*(?:Gem::Version\.new\(?\s*)?(?:%q<|["'])([^"'>]+)`)
