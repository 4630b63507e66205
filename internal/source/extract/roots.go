package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/mount"
)

// AgentRoots are the paths below which an agent-based scan looks for packages of programming languages unless it is given more: the default
// paths of the model (Amazon Inspector User Guide, "Amazon Inspector deep inspection for Linux-based Amazon EC2 instances").
func AgentRoots() []string {
	return []string{"/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"}
}

// checkRoots refuses roots that are no absolute paths.
func checkRoots(roots []string) error {
	for _, root := range roots {
		if !strings.HasPrefix(root, "/") || strings.ContainsRune(root, 0) || len(root) > maxPath {
			return fmt.Errorf("root %.80q: not an absolute path", root)
		}
	}
	return nil
}

// cover returns the folders where the walk begins, and writes down what it covers: everything, or the roots that were given, under the names by
// which they were given and under those to which links lead. A root that does not exist is covered: there is nothing in it.
func (w *walker) cover() []string {
	if len(w.opts.Roots) == 0 {
		w.inv.Covered = []string{"/"}
		return []string{""}
	}
	if info, err := fs.Stat(w.host.FS(), "."); err == nil {
		if id, ok := mount.Identify(info); ok {
			w.mounts.Root(id)
		}
	}
	var real []string
	w.inv.Covered = nil
	for _, root := range w.opts.Roots {
		root = path.Clean(root)
		w.inv.Covered = append(w.inv.Covered, root)
		name, err := w.host.Resolve(strings.TrimPrefix(root, "/"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			w.gap(root, "", err.Error())
			continue
		}
		w.inv.Covered = append(w.inv.Covered, host.Path(name))
		if name == "." {
			name = ""
		}
		real = append(real, name)
	}
	slices.Sort(w.inv.Covered)
	w.inv.Covered = slices.Compact(w.inv.Covered)
	return outermost(real)
}

// outermost leaves out the folders that lie in another of the list.
func outermost(names []string) []string {
	slices.Sort(names)
	var out []string
	for _, name := range slices.Compact(names) {
		inside := slices.ContainsFunc(out, func(o string) bool { return o == "" || strings.HasPrefix(name, o+"/") })
		if !inside {
			out = append(out, name)
		}
	}
	return out
}
