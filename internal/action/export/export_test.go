package export_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hinomi/internal/action/export"
	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
)

var update = flag.Bool("update", false, "write the golden files")

func write(tb testing.TB, id string, d *export.Document) []byte {
	tb.Helper()
	for _, f := range export.Formats() {
		if f.ID == id {
			var b bytes.Buffer
			if err := f.Write(&b, d); err != nil {
				tb.Fatal(err)
			}
			return b.Bytes()
		}
	}
	tb.Fatalf("no format is called %s", id)
	return nil
}

// TestGolden holds every format against what was read in review.
func TestGolden(t *testing.T) {
	for _, f := range export.Formats() {
		t.Run(f.ID, func(t *testing.T) {
			if f.Media == "" || f.About == "" {
				t.Error("a format without its media type or its description")
			}
			got := write(t, f.ID, sample())
			name := filepath.Join("testdata", "golden", "sample."+f.ID)
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRoundTrip reads back what is written: the whole inventory, and with it what could not be read.
func TestRoundTrip(t *testing.T) {
	for _, id := range []string{"cyclonedx", "spdx"} {
		t.Run(id, func(t *testing.T) {
			d := sample()
			got, err := sbom.Read("back", bytes.NewReader(write(t, id, d)), inventory.OS{})
			if err != nil {
				t.Fatal(err)
			}
			want := sampleInventory()
			want.Sort()
			if id == "spdx" {
				want.OS.CPE = "" // it stands among the references, which are not read
			}
			opts := cmp.Options{
				cmpopts.IgnoreFields(inventory.Inventory{}, "Method", "ReadAt", "Source", "Notes"), cmpopts.IgnoreFields(inventory.Gap{}, "FoundBy"), cmpopts.EquateEmpty(),
			}
			if diff := cmp.Diff(want, got, opts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInventoryAlone writes an inventory without findings, as hinomi scan --output cyclonedx does.
func TestInventoryAlone(t *testing.T) {
	var b bytes.Buffer
	if err := export.CycloneDX(&b, sampleInventory(), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	validate(t, "bom-1.6.schema.json", b.Bytes())
	if bytes.Contains(b.Bytes(), []byte("vulnerabilities")) {
		t.Error("an inventory holds vulnerabilities")
	}
	inv, err := sbom.Read("x.json", &b, inventory.OS{})
	if err != nil || len(inv.Packages) != 5 || len(inv.Gaps) != 1 {
		t.Errorf("read back %+v, %v", inv, err)
	}
}

// TestUnknownSystem writes an inventory without an os-release: nothing may make it one.
func TestUnknownSystem(t *testing.T) {
	d := sample()
	d.Inventory.OS = inventory.OS{}
	for _, id := range []string{"cyclonedx", "spdx"} {
		inv, err := sbom.Read("x", bytes.NewReader(write(t, id, d)), inventory.OS{})
		if err != nil || inv.OS.Known() || len(inv.Packages) != 5 {
			t.Errorf("%s: read back %+v, %v", id, inv, err)
		}
	}
}

// TestNotAssessedStays looks for what was not assessed in every format that has a place for it: a list without it would look complete.
func TestNotAssessedStays(t *testing.T) {
	d := sample()
	d.Findings = nil
	for _, f := range export.Formats() {
		if f.ID == "asff" {
			continue // which has none
		}
		if got := string(write(t, f.ID, d)); !strings.Contains(got, "FEED_MISSING") {
			t.Errorf("%s does not say what was not assessed:\n%s", f.ID, got)
		}
	}
}

// TestFindingsOfInstallation writes findings without an inventory: the packages are those that they name.
func TestFindingsOfInstallation(t *testing.T) {
	d := sample()
	d.Inventory, d.Target, d.Kind = nil, "", ""
	for _, id := range []string{"cyclonedx", "spdx"} {
		inv, err := sbom.Read("x", bytes.NewReader(write(t, id, d)), inventory.OS{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range inv.Packages {
			names = append(names, p.Name)
		}
		if want := []string{"bind9-libs", "libssl3", "org.apache.logging.log4j:log4j-core"}; !slices.Equal(names, want) {
			t.Errorf("%s: got %v, want %v", id, names, want)
		}
	}
}

// TestASFFNeedsAccount refuses findings that lie on nothing of AWS rather than leaving them out.
func TestASFFNeedsAccount(t *testing.T) {
	d := sample()
	d.Findings[3].Resource = asset.Ref{}
	var b bytes.Buffer
	if err := export.ASFF(&b, d); !errors.Is(err, export.ErrNoAccount) {
		t.Errorf("got %v", err)
	}
}

// TestCSVCells opens no formula in a spreadsheet.
func TestCSVCells(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(write(t, "csv-wide", sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 11 { // a header, seven findings of which one has two packages, and two that were not assessed
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		for _, c := range r {
			if c != "" && strings.ContainsRune("=+-@\t", rune(c[0])) {
				t.Errorf("cell %q", c)
			}
		}
	}
	for in, want := range map[string]string{"=1": "'=1", " +x": "' +x", "-1.5": "-1.5", "@a": "'@a", "a=b": "a=b", "": "", "＝x": "'＝x", "-": "'-", "\tx": "'\tx"} {
		if got := export.Cell(in); got != want {
			t.Errorf("Cell(%q) is %q, want %q", in, got, want)
		}
	}
}

// TestHTMLHoldsNoScript shows hostile texts as texts.
func TestHTMLHoldsNoScript(t *testing.T) {
	d := sample()
	d.Target = `"><img src=x onerror=alert(1)>`
	d.Findings[0].Package.SourceURL = "javascript:alert(1)"
	got := string(write(t, "html", d))
	for _, bad := range []string{"<script", "<img", `href="javascript:`, "http://"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if !strings.Contains(got, "&lt;script&gt;") {
		t.Error("the title is not there")
	}
}

// TestEmpty writes a document without anything in every format.
func TestEmpty(t *testing.T) {
	d := &export.Document{Version: "1", Now: day(1), Findings: []finding.Finding{}}
	for _, f := range export.Formats() {
		got := write(t, f.ID, d)
		for id, schema := range schemas() {
			if f.ID == id {
				validate(t, schema, got)
			}
		}
	}
}
