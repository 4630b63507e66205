package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
	"hinomi/internal/store/advisorydb"
)

// matchFlags are what hinomi match can be told.
type matchFlags struct {
	feeds, distro, advisories, failOn string
	want                              choice
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

Exit codes: 0 done, 1 findings at or above --fail-on, 2 an error, 3 not everything could be assessed.`,
		Example: "  hinomi match bom.cdx.json\n  hinomi match Cargo.lock --feeds /mnt/feeds --output tsv\n  rpm -qa --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\\n' | hinomi match - --distro rockylinux:9",
	}
	s := cmd.Flags()
	s.StringVar(&f.feeds, "feeds", "", "use the feeds of this folder; they are imported once and kept in the cache")
	s.StringVar(&f.distro, "distro", "", "the system of a list that does not name its own: debian:12, rockylinux:9, amazonlinux:2023, ubuntu-pro:22.04 …")
	s.StringVar(&f.advisories, "advisories", "", "advisory database to use instead of the installation's")
	s.StringVar(&f.failOn, "fail-on", "", "exit with 1 if a finding is at least this severe (untriaged: any finding)")
	f.want.flags(cmd, true)
	f.want.vexFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("feeds", "advisories")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.match(cmd.Context(), args[0], f) }
	return cmd
}

// match reads a list of packages and shows what it matches.
func (c *command) match(ctx context.Context, name string, f *matchFlags) error {
	if err := c.failOnWord(f.failOn); err != nil {
		return err
	}
	if err := f.want.read(); err != nil {
		return err
	}
	inv, err := c.readList(name, f.distro)
	if err != nil {
		return err
	}
	if f.advisories != "" {
		c.cfg.Advisories = f.advisories
	}
	if f.feeds != "" {
		path, done, err := c.feedsOf(ctx, f.feeds)
		if err != nil {
			return err
		}
		defer done()
		c.cfg.Advisories = path
	}
	if c.output == "tsv" {
		return c.matchRows(inv)
	}
	scanned := &app.Scanned{Target: name, Kind: "sbom", Inventory: inv, Statements: f.want.statements}
	if err := app.MatchTarget(c.cfg, scanned); err != nil {
		return withoutAdvisories(err)
	}
	return c.showScan(scanned, f.failOn, &f.want)
}

// withoutAdvisories says what to do where there are none.
func withoutAdvisories(err error) error {
	if errors.Is(err, app.ErrNoAdvisories) || errors.Is(err, os.ErrNotExist) {
		return hinted(err, "hinomi feed update fetches them; hinomi feed import DIR takes them from a folder; --feeds DIR uses a folder at once")
	}
	return err
}

// failOnWord refuses a wrong severity before anything is read.
func (c *command) failOnWord(word string) error {
	return c.failOn(word, func(finding.Severity) bool { return false })
}

// readList reads a document that says what is installed; "-" is the standard input.
func (c *command) readList(name, distro string) (*inventory.Inventory, error) {
	var system inventory.OS
	if distro != "" {
		var err error
		if system, err = sbom.ParseDistro(distro); err != nil {
			return nil, usageError("--distro: %w", err)
		}
	}
	in, base := c.in, "standard input"
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the file that the user named
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, hinted(fmt.Errorf("%s is a folder", name), "hinomi scan %s reads what is installed in it", name)
		}
		in, base = f, filepath.Base(name)
	}
	inv, err := sbom.Read(base, in, system)
	if errors.Is(err, sbom.ErrUnknown) {
		return nil, hinted(err, "hinomi match --help lists what is read; hinomi scan reads disks and folders")
	}
	if err != nil {
		return nil, err
	}
	inv.ReadAt = c.cfg.Now()
	return inv, nil
}

// matchRows prints what the comparison of versions says, and on standard error what could not be judged.
func (c *command) matchRows(inv *inventory.Inventory) error {
	db, err := advisorydb.Open(c.cfg.Advisories)
	if err != nil {
		return withoutAdvisories(err)
	}
	defer db.Close() //nolint:errcheck // only read
	res := vuln.Match(inv, db, vuln.Options{Now: c.cfg.Now()})
	if _, err := io.WriteString(c.out, vuln.TSV(vuln.Rows(&res))); err != nil {
		return err
	}
	if !res.Assessed() {
		c.exit = exitNotAssessed
	}
	for _, n := range res.NotAssessed[:min(len(res.NotAssessed), maxNotes)] {
		fmt.Fprintln(c.errs, "not assessed: "+printable(missingText(n)))
	}
	if more := len(res.NotAssessed) - maxNotes; more > 0 {
		fmt.Fprintf(c.errs, "not assessed: … and %d more: --output json has all\n", more)
	}
	for _, n := range inv.Notes {
		fmt.Fprintln(c.errs, "note: "+printable(n))
	}
	return nil
}

// maxNotes is how much of what was not assessed is printed.
const maxNotes = 20

// missingText says in a line what could not be judged.
func missingText(n vuln.NotAssessed) string {
	what := n.Ecosystem
	if n.Package != "" {
		what = n.Package + " " + n.Version
	}
	if n.Packages > 1 {
		what = fmt.Sprintf("%d packages of %s", n.Packages, n.Ecosystem)
	}
	return fmt.Sprintf("%s: %s: %s", n.Reason, what, n.Detail)
}
