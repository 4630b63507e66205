package advisorydb

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"hinomi/internal/advisory"
)

// encoder appends plain values to a buffer.
type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)    { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)      { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) byte(v byte)      { e.b = append(e.b, v) }
func (e *encoder) float(v float64)  { e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v)) }
func (e *encoder) string(s string)  { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) time(t time.Time) { e.int(unixOf(t)) }

func (e *encoder) strings(l []string) {
	e.uint(uint64(len(l)))
	for _, s := range l {
		e.string(s)
	}
}

// unixOf returns the second of t, with 0 for the zero time. OSV repositories write 0001-01-01 for "not said".
func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// decoder takes plain values from a buffer. The first fault stays in err and everything after it is zero. Its strings are parts of one copy
// of the buffer, made with the first of them: a lookup is one allocation for all of its texts.
type decoder struct {
	b   []byte
	s   string // the copy: its end is where b ends
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%w: a record is cut short", ErrCorrupt)
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) float() float64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.b))
	d.b = d.b[8:]
	return v
}

// bytes returns the next length-prefixed bytes, inside the buffer.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string {
	if d.s == "" {
		d.s = string(d.b)
	}
	before := len(d.b)
	n := len(d.bytes())
	if d.err != nil || n == 0 {
		return ""
	}
	end := len(d.s) - len(d.b)
	if end < n || before > len(d.s) {
		d.fail()
		return ""
	}
	return d.s[end-n : end]
}

// count returns the length of a list; each of its elements takes at least one byte, so a longer one than the rest is a fault.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n) //nolint:gosec // at most len(d.b)
}

func (d *decoder) strings() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	l := make([]string, n)
	for i := range l {
		l[i] = d.string()
	}
	return l
}

func (d *decoder) time() time.Time {
	v := d.int()
	if v == 0 {
		return time.Time{}
	}
	return time.Unix(v, 0).UTC()
}

func (e *encoder) severities(l []advisory.Severity) {
	e.uint(uint64(len(l)))
	for _, s := range l {
		e.string(s.Type)
		e.string(s.Score)
		e.string(s.Source)
	}
}

func (d *decoder) severities() []advisory.Severity {
	n := d.count()
	if n == 0 {
		return nil
	}
	l := make([]advisory.Severity, n)
	for i := range l {
		l[i] = advisory.Severity{Type: d.string(), Score: d.string(), Source: d.string()}
	}
	return l
}

// The kinds of event, as kept.
const (
	eventIntroduced = iota
	eventFixed
	eventLastAffected
	eventLimit
)

// row appends a row without its ecosystem, release and package: they are its key.
func (e *encoder) row(r *advisory.Row) {
	e.uint(uint64(r.Doc))
	var flags byte
	if r.Withdrawn {
		flags = 1
	}
	e.byte(flags)
	e.string(string(r.State))
	e.uint(uint64(len(r.Ranges)))
	for _, g := range r.Ranges {
		e.string(g.Type)
		e.uint(uint64(len(g.Events)))
		for _, v := range g.Events {
			switch {
			case v.Fixed != "":
				e.byte(eventFixed)
				e.string(v.Fixed)
			case v.LastAffected != "":
				e.byte(eventLastAffected)
				e.string(v.LastAffected)
			case v.Limit != "":
				e.byte(eventLimit)
				e.string(v.Limit)
			default:
				e.byte(eventIntroduced)
				e.string(v.Introduced)
			}
		}
	}
	e.strings(r.Versions)
	e.strings(r.Arches)
	e.string(r.Module)
	e.string(r.Repo)
	e.severities(r.Severity)
	e.string(r.KB)
	e.strings(r.Supersedes)
	e.string(string(r.Justification))
}

// row reads a row into r, whose ranges and events it uses again.
func (d *decoder) row(r *advisory.Row) {
	ranges := r.Ranges[:0]
	*r = advisory.Row{Doc: advisory.Doc(d.uint() & math.MaxUint32), Withdrawn: d.byte()&1 != 0}
	r.State = advisory.State(d.string())
	for n := d.count(); n > 0 && d.err == nil; n-- {
		var events []advisory.Event
		if len(ranges) < cap(ranges) {
			events = ranges[:len(ranges)+1][len(ranges)].Events[:0]
		}
		g := advisory.Range{Type: d.string()}
		for k := d.count(); k > 0 && d.err == nil; k-- {
			events = append(events, d.event())
		}
		g.Events = events
		ranges = append(ranges, g)
	}
	r.Ranges = ranges
	r.Versions = d.strings()
	r.Arches = d.strings()
	r.Module = d.string()
	r.Repo = d.string()
	r.Severity = d.severities()
	r.KB = d.string()
	r.Supersedes = d.strings()
	r.Justification = advisory.Justification(d.string())
}

func (d *decoder) event() (v advisory.Event) {
	switch d.byte() {
	case eventIntroduced:
		v.Introduced = d.zero()
	case eventFixed:
		v.Fixed = d.string()
	case eventLastAffected:
		v.LastAffected = d.string()
	case eventLimit:
		v.Limit = d.string()
	default:
		d.fail()
	}
	return v
}

// zero returns a string without an allocation for the commonest one, "0".
func (d *decoder) zero() string {
	if len(d.b) > 1 && d.b[0] == 1 && d.b[1] == '0' {
		d.b = d.b[2:]
		return "0"
	}
	return d.string()
}

// document appends an advisory without its affected packages; its text lies at place n of a block.
func (e *encoder) document(a *advisory.Advisory, block, place uint64) {
	e.string(a.Source)
	e.string(a.ID)
	e.strings(a.Aliases)
	e.strings(a.Related)
	e.strings(a.Upstream)
	e.string(a.Summary)
	e.time(a.Published)
	e.time(a.Modified)
	e.time(a.Withdrawn)
	e.severities(a.Severity)
	e.string(a.Word)
	e.strings(a.CWEs)
	e.string(a.Kind)
	var flags byte
	if a.Errata {
		flags = 1
	}
	e.byte(flags)
	url := ""
	if len(a.URLs) > 0 {
		url = a.URLs[0]
	}
	e.string(url)
	e.uint(block)
	e.uint(place)
}

func (d *decoder) document() (a *advisory.Advisory, block, place int) {
	a = &advisory.Advisory{
		Source: d.string(), ID: d.string(), Aliases: d.strings(), Related: d.strings(), Upstream: d.strings(), Summary: d.string(),
		Published: d.time(), Modified: d.time(), Withdrawn: d.time(), Severity: d.severities(), Word: d.string(), CWEs: d.strings(),
		Kind: d.string(),
	}
	a.Errata = d.byte()&1 != 0
	if url := d.string(); url != "" {
		a.URLs = []string{url}
	}
	return a, int(d.uint() & math.MaxInt32), int(d.uint() & math.MaxInt32)
}

// The parts of a CVE that may be absent, as bits.
const (
	hasEPSS = 1 << iota
	hasKEV
	hasSSVC
	isRejected
	hasStatus
)

func (e *encoder) cve(c *advisory.CVE) {
	var flags byte
	if c.EPSS != nil {
		flags |= hasEPSS
	}
	if c.KEV != nil {
		flags |= hasKEV
	}
	if c.SSVC != nil {
		flags |= hasSSVC
	}
	if c.Rejected {
		flags |= isRejected
	}
	if c.Status != "" {
		flags |= hasStatus
	}
	e.byte(flags)
	e.string(c.Description)
	e.severities(c.Severity)
	e.strings(c.CWEs)
	e.time(c.Published)
	if c.EPSS != nil {
		e.float(c.EPSS.Score)
		e.float(c.EPSS.Percentile)
		e.string(c.EPSS.Date)
	}
	if c.KEV != nil {
		e.string(c.KEV.Added)
		e.string(c.KEV.Due)
		e.string(c.KEV.Action)
		e.byte(byteOf(c.KEV.Ransomware))
	}
	if c.SSVC != nil {
		e.string(c.SSVC.Exploitation)
		e.string(c.SSVC.Automatable)
		e.string(c.SSVC.TechnicalImpact)
	}
	if c.Status != "" {
		e.string(c.Status)
	}
}

func (d *decoder) cve(id string) advisory.CVE {
	flags := d.byte()
	c := advisory.CVE{ID: id, Description: d.string(), Severity: d.severities(), CWEs: d.strings(), Published: d.time(), Rejected: flags&isRejected != 0}
	if flags&hasEPSS != 0 {
		c.EPSS = &advisory.EPSS{Score: d.float(), Percentile: d.float(), Date: d.string()}
	}
	if flags&hasKEV != 0 {
		c.KEV = &advisory.KEV{Added: d.string(), Due: d.string(), Action: d.string(), Ransomware: d.byte() != 0}
	}
	if flags&hasSSVC != 0 {
		c.SSVC = &advisory.SSVC{Exploitation: d.string(), Automatable: d.string(), TechnicalImpact: d.string()}
	}
	if flags&hasStatus != 0 {
		c.Status = d.string()
	}
	return c
}

func byteOf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (e *encoder) lifecycle(l advisory.Lifecycle) {
	e.string(l.Product)
	e.string(l.Release)
	e.time(l.EOL)
	e.time(l.Extended)
	e.string(l.Source)
}

func (d *decoder) lifecycle() advisory.Lifecycle {
	return advisory.Lifecycle{Product: d.string(), Release: d.string(), EOL: d.time(), Extended: d.time(), Source: d.string()}
}
