// Package choice is what a user wants to see of a result, by flags: which severities, only what can be mended, not what a file lists.
package choice

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/advisory"
	"hinomi/internal/finding"
	"hinomi/internal/source/ignore"
	"hinomi/internal/source/vex"
)

// Choice is what a user wants to see of a result: which severities, whether only what can be mended, and what not.
type Choice struct {
	Severities    []string // as the user wrote them
	ignoreUnfixed bool
	ignoreFile    string
	vexFiles      []string

	list       *ignore.List
	wanted     []finding.Severity
	statements []advisory.Statement
	notes      []string
}

// Flags adds the flags of a command that shows one result; severity, too, unless the command has one of its own.
func (f *Choice) Flags(cmd *cobra.Command, severity bool) {
	s := cmd.Flags()
	if severity {
		s.StringSliceVar(&f.Severities, "severity", nil, "only these: critical, high, medium, low, informational, untriaged")
	}
	s.BoolVar(&f.ignoreUnfixed, "ignore-unfixed", false, "leave out vulnerabilities of packages for which no fix is known")
	s.StringVar(&f.ignoreFile, "ignore-file", "", "leave out what this YAML file lists: id, package, expires, reason")
}

// VEXFlag adds the flag for statements of users.
func (f *Choice) VEXFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.vexFiles, "vex", nil, "hear what these OpenVEX or CycloneDX files say is not affected")
}

// Read reads what the flags name, before anything else is done.
func (f *Choice) Read() error {
	for _, s := range f.Severities {
		v, ok := finding.ParseSeverity(s)
		if !ok {
			return fmt.Errorf("--severity %q is none: critical, high, medium, low, informational or untriaged", s)
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

func (f *Choice) readVEX(name string) error {
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

// Narrows reports whether anything may be left out of a list that was fetched.
func (f *Choice) Narrows() bool { return f.ignoreUnfixed || f.list != nil }

// Apply leaves out what the user does not want to see, and says how much that was: an empty list must not look like a clean one.
func (f *Choice) Apply(in []finding.Finding, now time.Time) (out []finding.Finding, notes []string) {
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
			notes = append(notes, fmt.Sprintf("no longer ignored: %s, until %s: %s", entries[i].ID, entries[i].Expires.Add(-time.Nanosecond).UTC().Format(time.DateOnly), entries[i].Reason))
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

// Statements are what the files of --vex say.
func (f *Choice) Statements() []advisory.Statement { return f.statements }

// HearsStatements reports whether --vex was given.
func (f *Choice) HearsStatements() bool { return len(f.vexFiles) > 0 }
