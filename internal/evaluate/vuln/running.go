package vuln

import (
	"strings"

	"hinomi/internal/evaluate/vuln/kernel"
	"hinomi/internal/inventory"
)

// kernels decides which kernel runs, as far as that is known.
func (m *matcher) kernels() {
	k := m.inv.Kernel
	if k.Running || m.policy.TrustBootKernel {
		m.running = k.Release
	}
	m.livePatches()
	m.kernelNote = m.livePatchNote()
}

// standing dismisses matches of kernels that do not run, and of live patches for them. A package of no build is left alone.
func (m *matcher) standing(p *inventory.Package, found []Hit) {
	if m.running == "" {
		m.unseen(p, found)
		return
	}
	var runs bool
	if b, ok := kernel.Of(p); ok {
		runs = b.Is(m.running) || !m.hasRunning()
	} else if release, ok := kernel.PatchFor(p); ok {
		runs = kernel.Patches(release, m.running)
	} else {
		return
	}
	for i := range found {
		if runs {
			if m.kernelNote != "" {
				found[i].Notes = append(found[i].Notes, m.kernelNote)
			}
			continue
		}
		if found[i].Dismissed == "" {
			found[i].Dismissed = NotRunning
			found[i].Notes = append(found[i].Notes, "the running kernel is "+m.running)
		}
	}
}

// hasRunning reports whether a package of the running kernel is installed. If none is, the kernel is one that no package here speaks of, or
// its name is one that we cannot read: then nothing is dismissed.
func (m *matcher) hasRunning() bool {
	if m.runningIn == 0 {
		m.runningIn = -1
		for i := range m.inv.Packages {
			if b, ok := kernel.Of(&m.inv.Packages[i]); ok && b.Image && b.Is(m.running) {
				m.runningIn = 1
				break
			}
		}
	}
	return m.runningIn > 0
}

// unseen explains why kernels are judged although another one may run.
func (m *matcher) unseen(p *inventory.Package, found []Hit) {
	b, ok := kernel.Of(p)
	if !ok || !b.Image || len(m.inv.Kernel.Installed) < 2 {
		return
	}
	note := "which of the " + strings.Join(m.inv.Kernel.Installed, ", ") + " runs was not seen: this one may"
	if next := m.inv.Kernel.Release; next != "" {
		note += "; " + next + " boots next"
	}
	for i := range found {
		found[i].Notes = append(found[i].Notes, note)
	}
}

// reboots marks the matches of the running kernel that an installed newer one would mend, once it is booted.
func (m *matcher) reboots() {
	if m.running == "" {
		return
	}
	type installed struct {
		p     *inventory.Package
		build kernel.Build
	}
	var all []installed
	for i := range m.inv.Packages {
		p := &m.inv.Packages[i]
		if b, ok := kernel.Of(p); ok && b.Image && p.Status == "" {
			all = append(all, installed{p, b})
		}
	}
	if len(all) < 2 {
		return
	}
	ill := map[*inventory.Package]map[string]bool{} // by kernel package: what it has itself
	for i := range m.res.Matches {
		h := &m.res.Matches[i]
		if _, ok := kernel.Of(h.Package); !ok {
			continue
		}
		if ill[h.Package] == nil {
			ill[h.Package] = map[string]bool{}
		}
		for _, id := range idsOf(h.Advisory.ID, h.CVEs) {
			ill[h.Package][id] = true
		}
	}
	for i := range m.res.Matches {
		h := &m.res.Matches[i]
		b, ok := kernel.Of(h.Package)
		if !ok || h.Dismissed != "" || !b.Is(m.running) {
			continue
		}
		for _, other := range all {
			if b.Sibling(other.build) && role(h.Package, b) == role(other.p, other.build) && m.newer(other.p, h) && !shares(ill[other.p], idsOf(h.Advisory.ID, h.CVEs)) {
				h.Reboot = other.build.Release
				break
			}
		}
	}
}

// role names what a package is to its kernel, without the build: linux-image-, kernel-core.
func role(p *inventory.Package, b kernel.Build) string {
	return strings.Replace(p.Name, b.Release, "", 1)
}

// newer reports whether a kernel package comes after the one of a match and, where both are known by one name, has the fix.
func (m *matcher) newer(p *inventory.Package, h *Hit) bool {
	r := m.ruleOf(p.Ecosystem)
	if c, err := r.scheme.Compare(p.Version, h.Package.Version); err != nil || c <= 0 {
		return false
	}
	if h.Fixed == "" {
		return false
	}
	names, n := m.candidates(p, r)
	for _, c := range names[:n] {
		if c.name == h.Name {
			at, err := r.scheme.Compare(c.version, h.Fixed)
			return err == nil && at >= 0
		}
	}
	return true // another series of the kernel, judged by its own advisories
}

func shares(ill map[string]bool, ids []string) bool {
	for _, id := range ids {
		if ill[id] {
			return true
		}
	}
	return false
}
