package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/cli/choice"
	"hinomi/internal/finding"
)

// matchFlags are what hinomi match can be told.
type matchFlags struct {
	feeds, distro, advisories, failOn string
	want                              choice.Choice
}

func (c *command) matchCommand() *cobra.Command {
	f := &matchFlags{}
	cmd := &cobra.Command{
		Use: "match FILE", Short: "Which advisories a list of packages matches", GroupID: "start", Args: cobra.ExactArgs(1),
		Long: `Matches what FILE names with the advisories. No server and no database are needed.

FILE is an SBOM (CycloneDX 1.0 to 1.7 in JSON or XML; SPDX 2.2 and 2.3 in JSON or as tags and values, 3.0 in JSON-LD), a list of package URLs,
*.osv-scanner.json, a dpkg status, the output of rpm -qa, or a lock file (requirements.txt, go.mod, Cargo.lock, gradle.lockfile,
package-lock.json and others). "-" reads it from the standard input.

--output tsv prints ecosystem, package, version and advisory of every match, sorted, for comparison with other scanners.
Beside table, json, yaml and csv, --output takes sarif, cyclonedx, spdx, ocsf, asff, csv-wide and html.

Exit codes: 0 done, 1 findings at or above --fail-on, 2 an error, 3 not everything could be assessed.`,
		Example: "  hinomi match bom.cdx.json\n  hinomi match Cargo.lock --feeds /mnt/feeds --output tsv\n  rpm -qa --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\\n' | hinomi match - --distro rockylinux:9",
	}
	s := cmd.Flags()
	s.StringVar(&f.feeds, "feeds", "", "use the feeds of this folder; they are imported once and kept in the cache")
	s.StringVar(&f.distro, "distro", "", "the system of a list that does not name its own: debian:12, rockylinux:9, amazonlinux:2023, ubuntu-pro:22.04 …")
	s.StringVar(&f.advisories, "advisories", "", "advisory database to use instead of the installation's")
	s.StringVar(&f.failOn, "fail-on", "", "exit with 1 if a finding is at least this severe (untriaged: any finding)")
	f.want.Flags(cmd, true)
	f.want.VEXFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("feeds", "advisories")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.match(cmd.Context(), args[0], f) }
	return cmd
}

// match reads a list of packages and shows what it matches.
func (c *command) match(ctx context.Context, name string, f *matchFlags) error {
	if err := c.failOn(f.failOn, func(finding.Severity) bool { return false }); err != nil {
		return err // a wrong word is refused before anything is read
	}
	if err := f.want.Read(); err != nil {
		return err
	}
	s, err := app.ReadList(c.cfg, name, c.in, f.distro)
	if err != nil {
		return listHint(err, name)
	}
	s.Statements = f.want.Statements()
	if f.advisories != "" {
		c.cfg.Advisories = f.advisories
	}
	if f.feeds != "" {
		done, err := c.useFeeds(ctx, f.feeds)
		if err != nil {
			return err
		}
		defer done()
	}
	if c.output == "tsv" {
		return c.matchRows(s)
	}
	if err := app.MatchTarget(c.cfg, s); err != nil {
		return withoutAdvisories(err)
	}
	return c.showScan(s, f.failOn, &f.want)
}

// listHint says what to do about a file that is no list of packages.
func listHint(err error, name string) error {
	switch {
	case errors.Is(err, app.ErrDistro):
		return usageError("--distro: %w", err)
	case errors.Is(err, app.ErrFolder):
		return hinted(err, "hinomi scan %s reads what is installed in it", name)
	case errors.Is(err, app.ErrList):
		return hinted(err, "hinomi match --help lists what is read; hinomi scan reads disks and folders")
	}
	return err
}

// withoutAdvisories says what to do where there are none.
func withoutAdvisories(err error) error {
	if errors.Is(err, app.ErrNoAdvisories) {
		return hinted(err, "hinomi feed update fetches them; hinomi feed import DIR takes them from a folder; --feeds DIR uses a folder at once")
	}
	return err
}

// useFeeds makes a folder of feeds the advisories of this command; they are kept in the user's cache (XDG Base Directory Specification).
func (c *command) useFeeds(ctx context.Context, dir string) (done func(), err error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "hinomi", "feeds")
	} else {
		cache = "" // a user without a home: for this once
	}
	bars := c.newBars()
	cfg := c.cfg
	cfg.Progress = bars.Step
	path, problems, done, err := app.FeedsOf(ctx, cfg, dir, cache)
	bars.Close(err)
	if errors.Is(err, app.ErrNoFeed) {
		return nil, hinted(err, "hinomi feed list names the files and their layout")
	}
	for _, p := range problems {
		fmt.Fprintln(c.errs, "not understood: "+printable(p.File+" "+p.Document+": "+p.Reason))
	}
	c.cfg.Advisories = path
	return done, err
}

// matchRows prints what the comparison of versions says, and on standard error what could not be judged.
func (c *command) matchRows(s *app.Scanned) error {
	tsv, missing, err := app.MatchRows(c.cfg, s)
	if err != nil {
		return withoutAdvisories(err)
	}
	if _, err := io.WriteString(c.out, tsv); err != nil {
		return err
	}
	if len(missing) > 0 {
		c.exit = exitNotAssessed
	}
	for _, n := range notesOf(missing, s.Inventory.Notes) {
		fmt.Fprintln(c.errs, strings.TrimSpace(printable(n)))
	}
	return nil
}
