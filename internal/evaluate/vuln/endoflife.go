package vuln

import (
	"fmt"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/distro"
	"hinomi/internal/inventory"
)

// endOfLife finds out whether the operating system is still supported.
func (m *matcher) endOfLife() {
	os := m.inv.OS
	product, releases := distro.Lifecycle(os)
	all, err := m.db.Lifecycles(product)
	if err != nil {
		m.note(NotAssessed{Reason: LookupFailed, Ecosystem: os.ID, Detail: err.Error()})
		return
	}
	l, ok := releaseOf(all, releases)
	if !ok {
		return
	}
	m.used["endoflife.date"] = true
	end := l.EOL
	if extended(os) && l.Extended.After(end) {
		end = l.Extended
	}
	if end.IsZero() || m.o.Now.Before(end) {
		return
	}
	if n := m.policy.StopAfterEndOfLife; n > 0 && !advisory.IsUndated(end) && !m.o.Now.Before(end.AddDate(0, n, 0)) {
		m.stopped = true
	}
	m.res.EndOfLife = &EndOfLife{OS: os, Lifecycle: l, Date: end, Detail: endText(os, l, end)}
}

// extended reports whether extended support reaches the machine: Debian's long-term support is for everybody (wiki.debian.org/LTS),
// Ubuntu's expanded maintenance for machines with Pro. Elsewhere it is bought by the machine, which the disk does not tell.
func extended(os inventory.OS) bool { return os.ID == "debian" || os.ID == "ubuntu" && os.Pro }

// releaseOf finds the first of a system's names among the releases.
func releaseOf(all []advisory.Lifecycle, names []string) (advisory.Lifecycle, bool) {
	for _, n := range names {
		for _, l := range all {
			if l.Release == n && n != "" {
				return l, true
			}
		}
	}
	return advisory.Lifecycle{}, false
}

func endText(os inventory.OS, l advisory.Lifecycle, end time.Time) string {
	date := "on a day that is not published"
	if !advisory.IsUndated(end) {
		date = "on " + end.Format(time.DateOnly)
	}
	return fmt.Sprintf("support of %s %s ended %s (%s)", os.ID, l.Release, date, l.Source)
}
