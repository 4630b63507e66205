package vuln

import (
	"fmt"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// endOfLife finds out whether the operating system is still supported.
func (m *matcher) endOfLife() {
	os := m.inv.OS
	all, err := m.db.Lifecycles(os.ID)
	if err != nil {
		m.note(NotAssessed{Reason: LookupFailed, Ecosystem: os.ID, Detail: err.Error()})
		return
	}
	l, ok := releaseOf(all, os.VersionID)
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

// releaseOf finds the release that a VERSION_ID names: itself, or its first two numbers, or its first.
func releaseOf(all []advisory.Lifecycle, versionID string) (advisory.Lifecycle, bool) {
	p := strings.Split(versionID, ".")
	for n := len(p); n > 0; n-- {
		want := strings.Join(p[:n], ".")
		for _, l := range all {
			if l.Release == want && want != "" {
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
