package lockfile

import (
	"bytes"
	"fmt"

	"hinomi/internal/inventory"
)

// pubspec reads pubspec.lock (dart.dev, "Glossary": lockfile).
func pubspec(b []byte, out *output) error {
	type entry struct{ name, version, source, dependency string }
	section, e, any := "", entry{}, false
	end := func() {
		switch {
		case e.name == "" || e.source == "sdk": // part of the SDK
		case e.source == "hosted":
			out.add(inventory.Pub, e.name, e.version, e.dependency == "direct dev")
		case e.source == "path":
			out.Unversioned(e.name, FromProject)
		case e.source == "":
			out.Gap(e.name, "an entry that does not say where it is from")
		default:
			out.Unversioned(e.name, fromElsewhere)
		}
		e = entry{}
	}
	err := block(b, func(depth int, key, value string) {
		switch {
		case depth == 0:
			end()
			section, any = key, any || key == "packages" || key == "sdks"
		case section != "packages":
		case depth == 1:
			end()
			e.name = key
		case depth == 2 && key == "version":
			e.version = value
		case depth == 2 && key == "source":
			e.source = value
		case depth == 2 && key == "dependency":
			e.dependency = value
		}
	})
	end()
	if err == nil && !any && len(bytes.TrimSpace(b)) > 0 {
		return fmt.Errorf("%w: neither packages nor sdks", ErrFormat)
	}
	return err
}
