package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/action/export"
	"hinomi/internal/advisory"
	"hinomi/internal/app"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/source/ignore"
	"hinomi/internal/source/vex"
	"hinomi/internal/store"
)

// choice is what a user wants to see of a result: which severities, whether only what can be mended, and what not.
type choice struct {
	severities    []string
	ignoreUnfixed bool
	ignoreFile    string
	vexFiles      []string

	list       *ignore.List
	wanted     []finding.Severity
	statements []advisory.Statement
	notes      []string
}

// flags adds the flags of a command that shows one result; severity, too, unless the command has one of its own.
func (f *choice) flags(cmd *cobra.Command, severity bool) {
	s := cmd.Flags()
	if severity {
		s.StringSliceVar(&f.severities, "severity", nil, "only these: critical, high, medium, low, informational, untriaged")
	}
	s.BoolVar(&f.ignoreUnfixed, "ignore-unfixed", false, "leave out vulnerabilities of packages for which no fix is known")
	s.StringVar(&f.ignoreFile, "ignore-file", "", "leave out what this YAML file lists: id, package, expires, reason")
}

// vexFlag adds the flag for statements of users.
func (f *choice) vexFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.vexFiles, "vex", nil, "hear what these OpenVEX or CycloneDX files say is not affected")
}

// read reads what the flags name, before anything else is done.
func (f *choice) read() error {
	for _, s := range f.severities {
		v, ok := finding.ParseSeverity(s)
		if !ok {
			return usageError("--severity %q is none: critical, high, medium, low, informational or untriaged", s)
		}
		f.wanted = append(f.wanted, v)
	}
	if f.ignoreFile != "" {
		in, err := os.Open(f.ignoreFile)
		if err != nil {
			return fmt.Errorf("open the ignore file: %w", err)
		}
		defer in.Close() //nolint:errcheck // only read
		if f.list, err = ignore.Read(f.ignoreFile, in); err != nil {
			return err
		}
	}
	for _, name := range f.vexFiles {
		if err := f.readVEX(name); err != nil {
			return err
		}
	}
	return nil
}

func (f *choice) readVEX(name string) error {
	in, err := os.Open(name) //nolint:gosec // a file that the user names
	if err != nil {
		return fmt.Errorf("open the statements: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	d, err := vex.Read(name, in)
	if err != nil {
		return err
	}
	f.statements = append(f.statements, d.Statements...)
	for _, p := range d.Problems {
		f.notes = append(f.notes, "not heard in "+name+": "+p.Statement+": "+p.Reason)
	}
	return nil
}

// narrows reports whether anything may be left out of a list that was fetched.
func (f *choice) narrows() bool { return f.ignoreUnfixed || f.list != nil }

// apply leaves out what the user does not want to see, and says how much that was: an empty list must not look like a clean one.
func (f *choice) apply(in []finding.Finding, now time.Time) (out []finding.Finding, notes []string) {
	notes = slices.Clone(f.notes)
	out = in
	if f.list != nil {
		o := f.list.Apply(in, now)
		out = o.Kept
		entries := f.list.Entries()
		for i, e := range entries {
			if n := o.Ignored[i]; n > 0 {
				notes = append(notes, fmt.Sprintf("ignored: %d of %s: %s", n, e.ID, e.Reason))
			}
		}
		for _, i := range o.Expired {
			notes = append(notes, fmt.Sprintf("no longer ignored: %s, until %s: %s", entries[i].ID, entries[i].Expires.UTC().Format(time.DateOnly), entries[i].Reason))
		}
	}
	count := func(what string, drop func(*finding.Finding) bool) {
		n := len(out)
		out = slices.DeleteFunc(slices.Clone(out), func(x finding.Finding) bool { return drop(&x) })
		if n > len(out) {
			notes = append(notes, fmt.Sprintf("left out: %d %s", n-len(out), what))
		}
	}
	if f.ignoreUnfixed {
		count("without a fix", func(x *finding.Finding) bool {
			return x.Type == finding.PackageVulnerability && x.Package != nil && x.Package.FixAvailable == "NO"
		})
	}
	if len(f.wanted) > 0 {
		words := make([]string, len(f.wanted))
		for i, s := range f.wanted {
			words[i] = strings.ToLower(string(s))
		}
		count("of other severities than "+strings.Join(words, ", "), func(x *finding.Finding) bool { return !slices.Contains(f.wanted, x.Severity) })
	}
	return out, notes
}

// listNarrowed lists findings of which some are left out after they were fetched: counts and limits are of those that stay.
func (c *command) listNarrowed(ctx context.Context, a *app.App, f *findingFlags, fetch func(limit int) ([]finding.Finding, bool, error)) error {
	all, _, err := fetch(0)
	if err != nil {
		return err
	}
	list, notes := f.want.apply(all, c.cfg.Now())
	counts := countOf(list)
	if err := c.failOnCounts(ctx, a, f, counts); err != nil {
		return err
	}
	if f.count {
		v := severityTable(counts)
		v.notes = append(v.notes, notes...)
		return c.show(v)
	}
	more := f.limit > 0 && len(list) > f.limit
	if more {
		list = list[:f.limit]
	}
	return c.showFindings(ctx, a, f, list, more, notes)
}

// countOf counts findings as the store does.
func countOf(list []finding.Finding) []store.FindingCount {
	var out []store.FindingCount
	for i := range list {
		x := &list[i]
		at := slices.IndexFunc(out, func(k store.FindingCount) bool {
			return k.Type == x.Type && k.Severity == x.Severity && k.Status == x.Status
		})
		if at < 0 {
			out, at = append(out, store.FindingCount{Type: x.Type, Severity: x.Severity, Status: x.Status}), len(out)
		}
		out[at].Count++
	}
	return out
}

// showFindings shows the findings of an installation.
func (c *command) showFindings(ctx context.Context, a *app.App, f *findingFlags, list []finding.Finding, more bool, notes []string) error {
	names, err := instanceNames(ctx, a)
	if err != nil {
		return err
	}
	if c.exported() {
		missing, err := missingOf(ctx, a, f)
		if err != nil {
			return err
		}
		if more {
			missing = append(missing, fmt.Sprintf("only the first %d findings are in this document: --limit 0 writes all", f.limit))
		}
		return c.export(&export.Document{Target: f.scanned, Kind: "instance", Inventory: f.inventory, Findings: list, NotAssessed: append(missing, notes...), Names: names})
	}
	v := findingView("", list, names)
	v.notes = append(v.notes, notes...)
	if more {
		v.notes = append(v.notes, fmt.Sprintf("… the first %d; --limit 0 shows all, hinomi findings --count counts them", f.limit))
	}
	return c.show(v)
}

// missingOf says which instances that the flags name were not looked at, or not fully.
func missingOf(ctx context.Context, a *app.App, f *findingFlags) ([]string, error) {
	of := store.CoverageFilter{Accounts: f.accounts, Regions: f.regions, Assets: f.assets, Tags: f.tags}
	for _, t := range f.types {
		of.Scans = append(of.Scans, scansOf[strings.ToLower(t)])
	}
	list, _, err := pages(0, func(from string, n int) ([]coverage.Coverage, string, error) {
		return a.Store().Coverage(ctx, operator().Scope, of, from, n)
	})
	var out []string
	for _, k := range list {
		if assessed(k.Reason) {
			continue
		}
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s %s: %s: %s", k.Resource.ID, strings.ToLower(string(k.Scan)), k.Reason, k.Detail), ": "))
	}
	if len(list) == 0 {
		out = append(out, "no instance is known here")
	}
	return out, err
}

// assessed reports whether a reason of coverage leaves nothing to be looked at.
func assessed(r coverage.Reason) bool {
	switch r {
	case coverage.Successful, coverage.NotActivated, coverage.ExcludedByTag, coverage.ResourceTerminated:
		return true
	default:
		return false
	}
}

// scannedFlags are those by which the findings of scanned instances are shown.
func scannedFlags(ids []string, failOn string, want *choice) *findingFlags {
	return &findingFlags{assets: ids, statuses: []string{"active"}, types: []string{"package", "eol", "secret"}, failOn: failOn, limit: 100, severities: want.severities, want: *want}
}

// showScans shows the scans themselves, where a person reads or the scans are all there is.
func (c *command) showScans(list []scanLine) error {
	if !c.exported() {
		return c.show(scanView(list))
	}
	for _, s := range list {
		if s.Reason != "" {
			fmt.Fprintln(c.errs, printable(s.Instance.ID+": "+s.Reason))
		}
	}
	return nil
}

// exportWaits refuses a form for other tools of a scan that is not waited for, and statements that kept findings do not hear.
func (c *command) exportWaits(wait bool, want *choice) error {
	switch {
	case !wait && c.exported():
		return usageError("--output %s writes what was found: it needs --wait", c.output)
	case len(want.vexFiles) > 0:
		return usageError("--vex is for a TARGET that is scanned without an installation")
	}
	return nil
}
