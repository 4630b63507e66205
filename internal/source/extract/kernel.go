package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/wtmp"
)

// kernel finds the kernels on the disk, and which of them runs or boots next: a fixed kernel that was installed but never booted protects nothing.
func kernel() Extractor {
	return Extractor{ID: "kernel", System: func(_ context.Context, h *host.Host, out *Output) error {
		images, modules := map[string]bool{}, map[string]bool{}
		for _, dir := range []string{"usr/lib/modules", "lib/modules"} {
			real, entries, err := h.ReadDir(dir)
			if err != nil {
				missing(out, dir, err)
				continue
			}
			for _, e := range entries {
				if !e.IsDir() || e.Name()[0] < '0' || e.Name()[0] > '9' {
					continue
				}
				modules[e.Name()] = true
				if f, err := h.Open(path.Join(real, e.Name(), "vmlinuz")); err == nil {
					f.Close()
					images[e.Name()] = true
				}
			}
		}
		_, entries, err := h.ReadDir("boot")
		if err != nil {
			missing(out, "boot", err)
		}
		for _, e := range entries {
			for _, prefix := range []string{"vmlinuz-", "vmlinux-"} {
				if release, ok := strings.CutPrefix(e.Name(), prefix); ok && release != "" && release[0] >= '0' && release[0] <= '9' {
					images[release] = true
				}
			}
		}
		k := &out.run.inv.Kernel
		if k.Installed = sortedReleases(images); len(images) == 0 {
			k.Installed = sortedReleases(modules) // /boot may lie on another volume
		}
		if k.Release = out.run.opts.RunningKernel; k.Release != "" {
			k.Running = true
			loadedPatches(h, out)
		} else {
			notRunning(h, out)
		}
		slices.Sort(k.Installed)
		livePatches(h, out)
		return nil
	}}
}

// notRunning concludes which kernel ran, or will run, on a system that is only a disk here.
func notRunning(h *host.Host, out *Output) {
	k := &out.run.inv.Kernel
	release, at := wtmp.LastBoot(h, out.Note)
	if slices.Contains(k.Installed, release) {
		k.Release, k.Running = release, true
		out.Note(fmt.Sprintf("the running kernel %s is that of the last boot before the disk was read (%s, by /var/log/wtmp)", release, at.Format(time.RFC3339)))
		return
	}
	if release != "" {
		out.Note(fmt.Sprintf("by /var/log/wtmp the kernel %s was booted last, which is not installed: it does not count", release))
	}
	k.Release, k.Running = nextKernel(h, k.Installed), false
}

// livePatches notes the patches that kpatch keeps for kernels (kpatch(1)): they are packages, but which of them is loaded is not on the disk.
func livePatches(h *host.Host, out *Output) {
	for _, dir := range []string{"var/lib/kpatch", "usr/lib/kpatch"} {
		_, entries, err := h.ReadDir(dir)
		if err != nil {
			missing(out, dir, err)
			continue
		}
		for _, e := range entries {
			if e.IsDir() {
				out.Note(fmt.Sprintf("%s: live patches for the kernel %s; whether one is loaded is not on the disk", host.Path(dir), e.Name()))
			}
		}
	}
}

// missing makes a gap of a folder that is there and cannot be read.
func missing(out *Output, dir string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		out.Gap(dir, err.Error())
	}
}

// nextKernel concludes which kernel boots: the entry that GRUB has saved (grub-set-default(8), as Red Hat's systems use), else the link that
// Debian's systems keep, else the highest release.
func nextKernel(h *host.Host, releases []string) string {
	if len(releases) == 0 {
		return ""
	}
	newestFirst := slices.Clone(releases)
	slices.Reverse(newestFirst)
	for _, name := range []string{"boot/grub2/grubenv", "boot/grub/grubenv"} {
		env, err := h.ReadFile(name, maxConfig)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(env)) {
			saved, ok := strings.CutPrefix(strings.TrimSpace(line), "saved_entry=")
			if !ok {
				continue
			}
			for _, r := range newestFirst {
				if strings.HasSuffix(saved, "-"+r) || strings.Contains(saved, "("+r+")") {
					return r
				}
			}
		}
	}
	for _, name := range []string{"vmlinuz", "boot/vmlinuz"} {
		real, err := h.Resolve(name)
		if err != nil {
			continue
		}
		for _, r := range newestFirst {
			if path.Base(real) == "vmlinuz-"+r {
				return r
			}
		}
	}
	return newestFirst[0]
}

// sortedReleases sorts from old to new.
func sortedReleases(set map[string]bool) []string {
	var out []string
	for r := range set {
		out = append(out, r)
	}
	slices.SortFunc(out, compareReleases)
	return out
}

// compareReleases compares runs of digits as numbers and the rest as text.
func compareReleases(a, b string) int {
	for a != "" && b != "" {
		na, nb := len(a)-len(strings.TrimLeft(a, "0123456789")), len(b)-len(strings.TrimLeft(b, "0123456789"))
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
