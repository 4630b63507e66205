package windows

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// KB writes the number of an article of Microsoft's knowledge base as "KB5034127", "" if s is none.
func KB(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 2 && strings.EqualFold(s[:2], "KB") {
		s = s[2:]
	}
	if len(s) < 6 || len(s) > 8 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "KB" + s
}

// Fix is one update that an advisory offers a product.
type Fix struct {
	KB         string
	Supersedes []string
	Build      string // the full build that has it, "10.0.17763.5329"; "" if none is told
	// System is set for an update of the system itself or of what its cumulative updates bring along, and At is then the day of the advisory.
	System bool
	At     time.Time
}

// FixOf reads the update of a row.
func FixOf(row *advisory.Row) Fix {
	f := Fix{KB: KB(row.KB)}
	for _, s := range row.Supersedes {
		if kb := KB(s); kb != "" {
			f.Supersedes = append(f.Supersedes, kb)
		}
	}
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if e.Fixed != "" {
				f.Build = e.Fixed
			}
		}
	}
	return f
}

// Host is what a host has of updates.
type Host struct {
	build     []uint64 // with the revision; nil if it is not known
	installed map[string]bool
	builds    map[string]string    // by update: the system's build that has it
	newer     map[string][]string  // by update: those that replace it
	days      map[string]time.Time // by cumulative update of the system: the day of most of its advisories
	newest    string               // the newest cumulative update that is installed
}

// NewHost reads the system's build and the installed updates of an inventory. fixes are all that the advisories offer the system and its parts:
// they tell which update replaces which, and which build a cumulative one brings.
func NewHost(inv *inventory.Inventory, fixes []Fix) *Host {
	h := &Host{installed: map[string]bool{}, builds: map[string]string{}, newer: map[string][]string{}}
	if b, ok := parseBuild(inv.OS.Build); ok && len(b) == 4 {
		h.build = b
	}
	for i := range inv.Packages {
		if p := &inv.Packages[i]; p.Ecosystem == inventory.Windows {
			if kb := KB(p.Name); kb != "" {
				h.installed[kb] = true
			}
		}
	}
	for _, f := range fixes {
		if _, ok := h.compare(f.Build); ok && f.KB != "" {
			h.builds[f.KB] = f.Build
		}
		for _, old := range f.Supersedes {
			if f.KB != "" && f.KB != old && !slices.Contains(h.newer[old], f.KB) {
				h.newer[old] = append(h.newer[old], f.KB)
			}
		}
	}
	if b, ok := parseBuild(inv.OS.Build); ok && b[2] >= firstCumulative {
		h.cumulative(fixes)
	}
	return h
}

const (
	// firstCumulative is the build of Windows 10, from which on every monthly update holds all before it ("Windows monthly updates explained",
	// Microsoft).
	firstCumulative = 10240
	// manyAdvisories is how many advisories tell a monthly cumulative update from one about a single thing, such as the boot loader's list of
	// revoked keys, which no cumulative update brings. Monthly ones mend 20 and more.
	manyAdvisories = 8
)

// cumulative finds the system's cumulative updates and the newest of them that is installed. Chains of replaced updates have holes: Microsoft
// takes old ones away.
func (h *Host) cumulative(fixes []Fix) {
	days := map[string][]time.Time{}
	for _, f := range fixes {
		if f.System && f.KB != "" && !f.At.IsZero() {
			days[f.KB] = append(days[f.KB], f.At)
		}
	}
	h.days = map[string]time.Time{}
	for kb, l := range days {
		if len(l) < manyAdvisories {
			continue
		}
		slices.SortFunc(l, time.Time.Compare)
		h.days[kb] = l[len(l)/2] // some advisories name an update that was there before them, or are older than it
		if h.installed[kb] && (h.newest == "" || h.earlier(h.newest, kb)) {
			h.newest = kb
		}
	}
}

// earlier reports whether a cumulative update of the system came before another, by day and by number.
func (h *Host) earlier(kb, than string) bool {
	a, b := h.days[kb], h.days[than]
	return !a.IsZero() && !b.IsZero() && !a.After(b) && number(kb) < number(than)
}

// Known reports whether anything is known of the host's updates: its whole build, or at least one installed update. Without that no update can
// be said to be missing, or there.
func (h *Host) Known() bool { return h.build != nil || len(h.installed) > 0 }

// Has reports whether a fix is there, and why it is judged so: by the build where it is of the system's line, because updates of it are
// cumulative; else by the update itself or one that replaces it, however many steps later. ok is false if neither can be told.
func (h *Host) Has(f Fix) (has bool, why string, ok bool) {
	if _, ok := h.compare(f.Build); !ok {
		f.Build = h.builds[f.KB] // a part's own version says nothing of the system's
	}
	if c, ok := h.compare(f.Build); ok {
		if c < 0 {
			return false, h.text() + " < " + f.Build + " (OS build)", true
		}
		return true, h.text() + " >= " + f.Build + " (OS build)", true
	}
	if f.KB == "" || !h.Known() {
		return false, "", false
	}
	if h.installed[f.KB] {
		return true, f.KB + " is installed", true
	}
	if h.held(f.KB) {
		return true, h.newest + ", a later cumulative update, is installed", true
	}
	if kb := h.find(f.KB, h.there); kb != "" {
		return true, kb + ", which replaces " + f.KB + ", is installed", true
	}
	return false, f.KB + " is not installed, nor what replaces it", true
}

// held reports whether the newest installed cumulative update of the system holds an earlier one.
func (h *Host) held(kb string) bool { return h.newest != "" && h.earlier(kb, h.newest) }

// there reports whether an update is installed, by the list or by the build that it brings.
func (h *Host) there(kb string) bool {
	if h.installed[kb] || h.held(kb) {
		return true
	}
	c, ok := h.compare(h.builds[kb])
	return ok && c >= 0
}

// Latest returns the update at the end of the chain that replaces one, "" if nothing does.
func (h *Host) Latest(kb string) string {
	last := ""
	h.find(kb, func(k string) bool {
		if len(h.newer[k]) == 0 && number(k) > number(last) {
			last = k
		}
		return false
	})
	return last
}

// find walks what replaces an update, and what replaces that, and returns the first that is wanted. Chains with circles end, too.
func (h *Host) find(kb string, want func(string) bool) string {
	seen := map[string]bool{kb: true}
	for queue := []string{kb}; len(queue) > 0; queue = queue[1:] {
		for _, next := range h.newer[queue[0]] {
			if seen[next] {
				continue
			}
			if want(next) {
				return next
			}
			seen[next] = true
			queue = append(queue, next)
		}
	}
	return ""
}

// Newer orders fixes of one advisory by build, then by the number of the update.
func Newer(a, b Fix) bool {
	x, okX := parseBuild(a.Build)
	y, okY := parseBuild(b.Build)
	if okX && okY {
		if c := slices.Compare(x, y); c != 0 {
			return c > 0
		}
	}
	if okX != okY {
		return okX
	}
	return number(a.KB) > number(b.KB)
}

func number(kb string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(kb, "KB"), 10, 64)
	return n
}

// compare orders the host's build against another of its line; ok is false if they are of different lines or one is not known.
func (h *Host) compare(build string) (c int, ok bool) {
	b, ok := parseBuild(build)
	if !ok || len(b) != 4 || h.build == nil || !slices.Equal(b[:3], h.build[:3]) {
		return 0, false
	}
	return slices.Compare(h.build, b), true
}

func (h *Host) text() string {
	var l []string
	for _, n := range h.build {
		l = append(l, strconv.FormatUint(n, 10))
	}
	return strings.Join(l, ".")
}

// parseBuild reads a build of three or four numbers: major, minor, build and revision (UBR).
func parseBuild(s string) ([]uint64, bool) {
	parts := strings.Split(s, ".")
	if len(parts) < 3 || len(parts) > 4 {
		return nil, false
	}
	out := make([]uint64, len(parts))
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}
