package ssm_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
	"hinomi/internal/source/ssm"
)

// TestAgentEqualsDisk holds what is composed of the agent's list against what the extractors read from the same database on a disk: name,
// version, architecture, source package and package URL. The lists are what rpm says of published databases; the agent asks rpm for the
// same fields (internal/source/extract/testdata/README.md tells their origin).
func TestAgentEqualsDisk(t *testing.T) {
	for _, c := range []struct{ name, db, release, platform, version string }{
		{"sle15-bci", "usr/lib/sysimage/rpm/Packages.db", "NAME=\"SLES\"\nID=sles\nVERSION_ID=15.3\n", "SLES", "15.3"},
		{"centos5-plain", "var/lib/rpm/Packages", "NAME=\"CentOS Linux\"\nID=centos\nVERSION_ID=5\n", "CentOS", "5.11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := filepath.Join("..", "extract", "testdata", "rpmdb", c.name)
			packed, err := os.ReadFile(from + ".gz")
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			db, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			disk, _, err := extract.Extract(t.Context(), fstest.MapFS{"etc/os-release": {Data: []byte(c.release)}, c.db: {Data: db}}, extract.Options{})
			if err != nil {
				t.Fatal(err)
			}
			list, err := os.ReadFile(from + ".list")
			if err != nil {
				t.Fatal(err)
			}
			var entries []map[string]string
			for line := range strings.Lines(string(list)) {
				f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
				for i := range f {
					f[i] = f[i][:min(len(f[i]), 100)] // as the agent cuts
				}
				if f[1] == "(none)" { // as the agent writes it
					f[1] = ""
				}
				entries = append(entries, map[string]string{"Name": f[0], "Epoch": f[1], "Version": f[2], "Release": f[3], "Architecture": f[4], "PackageId": f[5], "Publisher": f[6]})
			}
			agent := compose(t, c.platform, c.version, ssm.Items{ssm.Application: {Captured: noon, Entries: entries}}).Agent
			if diff := cmp.Diff(rpmLines(disk), rpmLines(agent)); diff != "" || len(agent.Packages) == 0 || len(agent.Gaps) != 0 {
				t.Errorf("%d packages, gaps %v (-disk +agent):\n%s", len(agent.Packages), agent.Gaps, diff)
			}
			t.Logf("%d packages are equal", len(agent.Packages))
		})
	}
}

func rpmLines(inv *inventory.Inventory) (out []string) {
	for _, p := range inv.Packages {
		out = append(out, strings.Join([]string{string(p.Ecosystem), p.Name, p.Version, p.Arch, p.SourceName, p.SourceVersion, p.PURL, p.FoundBy}, " | "))
	}
	slices.Sort(out)
	return out
}
