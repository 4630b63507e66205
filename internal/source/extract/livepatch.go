package extract

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// maxLivePatches bounds the list: a kernel has a handful.
const maxLivePatches = 1000

// loadedPatches reads the live patches of the kernel that runs (Linux, Documentation/ABI/testing/sysfs-kernel-livepatch): a patch counts as
// enabled once no task is in transition to it. Canonical's client documents no file of its state; its patches are seen here as modules
// without a list of CVEs.
func loadedPatches(h *host.Host, out *Output) {
	const folder = "sys/kernel/livepatch"
	_, entries, err := h.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if _, _, err = h.ReadDir("sys/kernel"); err == nil { // a kernel without live patching
			out.run.inv.Kernel.LivePatches = []inventory.LivePatch{}
			return
		}
	}
	if err != nil {
		missing(out, folder, err)
		return
	}
	list := []inventory.LivePatch{}
	for _, e := range entries {
		if len(list) == maxLivePatches {
			out.Gap(folder, fmt.Sprintf("more than %d live patches", maxLivePatches))
			break
		}
		p := inventory.LivePatch{Name: e.Name()}
		enabled, err := flag(h, path.Join(folder, p.Name, "enabled"))
		if err != nil {
			out.Gap(path.Join(folder, p.Name), err.Error())
		}
		transition, err := flag(h, path.Join(folder, p.Name, "transition"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // kernels before 4.12 know no transition
			out.Gap(path.Join(folder, p.Name), err.Error())
			transition = true
		}
		p.Enabled = enabled && !transition
		list = append(list, p)
	}
	out.run.inv.Kernel.LivePatches = list
}

// flag reads an attribute of the kernel that is 0 or 1. Such files say that they are a page long.
func flag(h *host.Host, name string) (bool, error) {
	f, err := h.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	b := make([]byte, 8)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", host.Path(name), err)
	}
	switch strings.TrimSpace(string(b[:n])) {
	case "1":
		return true, nil
	case "0":
		return false, nil
	}
	return false, fmt.Errorf("read %s: %q is neither 0 nor 1", host.Path(name), b[:n])
}

// patchOwners names the packages whose modules the loaded patches are. It needs to know which package owns which file.
func (r *run) patchOwners() {
	k := &r.inv.Kernel
	if len(k.LivePatches) == 0 {
		return
	}
	for _, dir := range []string{"var/lib/kpatch/" + k.Release, "usr/lib/kpatch/" + k.Release, "usr/lib/modules/" + k.Release + "/livepatch"} {
		real, entries, err := r.host.ReadDir(dir)
		if err != nil {
			continue // a patch without a known package mends nothing that is known
		}
		for _, e := range entries {
			module, _, _ := strings.Cut(e.Name(), ".ko")
			i := slices.IndexFunc(k.LivePatches, func(p inventory.LivePatch) bool { return p.Name == strings.ReplaceAll(module, "-", "_") })
			if i < 0 || k.LivePatches[i].Package != "" {
				continue
			}
			owner, ok := r.owned.of(real, e.Name())
			if !ok {
				continue
			}
			k.LivePatches[i].Package = owner
			for j := range r.inv.Packages {
				if p := &r.inv.Packages[j]; p.Name == owner && systemExtractor(p.FoundBy) {
					k.LivePatches[i].Version = p.Version
				}
			}
		}
	}
}
