package lockfile

import (
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"

	"hinomi/internal/inventory"
)

// maxGoMod bounds a go.mod, in bytes, whose parser holds a tree of it: the largest public ones are below 100 KB.
const maxGoMod = 2 << 20

// goMod reads a go.mod (go.dev/ref/mod): the required modules after replacement, indirect ones too, and the standard library of the toolchain that
// it names. The modules "std" and "cmd" are Go's own sources, whose dependencies are released with Go.
func goMod(b []byte, out *output) error {
	f, err := modfile.ParseLax("go.mod", b, nil)
	if err != nil {
		return malformed(err)
	}
	if f.Module == nil && len(f.Require) == 0 {
		return fmt.Errorf("%w: it names neither a module nor a requirement", ErrFormat)
	}
	if f.Module != nil && (f.Module.Mod.Path == "std" || f.Module.Mod.Path == "cmd") {
		return nil
	}
	if full, err := modfile.Parse("go.mod", b, nil); err == nil {
		f = full // with the replacements, which the lax form leaves out
	} else {
		out.Gap("replace", "the file could be read in part only: "+clip(err.Error()))
	}
	type at struct{ path, version string }
	replaced := map[at]at{}
	for _, r := range f.Replace {
		replaced[at{r.Old.Path, r.Old.Version}] = at{r.New.Path, r.New.Version}
	}
	for _, r := range f.Require {
		m := at{r.Mod.Path, r.Mod.Version}
		n, ok := replaced[m]
		if !ok {
			n, ok = replaced[at{m.path, ""}]
		}
		if ok && n.version == "" {
			out.Unversioned(m.path, FromProject)
			continue
		}
		if ok {
			m = n
		}
		out.add(inventory.Go, m.path, m.version, false)
	}
	switch {
	case f.Toolchain != nil && strings.HasPrefix(f.Toolchain.Name, "go"):
		release, _, _ := strings.Cut(strings.TrimPrefix(f.Toolchain.Name, "go"), "-") // go1.23.6-somebody: go.dev/doc/toolchain
		out.add(inventory.Go, "stdlib", release, false)
	case f.Go != nil:
		out.add(inventory.Go, "stdlib", f.Go.Version, false)
	}
	return nil
}
