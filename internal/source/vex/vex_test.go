package vex_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/export"
	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/source/vex"
)

var update = flag.Bool("update", false, "write the wanted results of the fixtures")

// table shows a document, a line for each statement and problem.
func table(d *vex.Document) string {
	var b strings.Builder
	for _, s := range d.Statements {
		fmt.Fprintf(&b, "%s | %s %s | %s | %s | %s | %s | %s | %s\n", s.Status, s.Product, s.Asset, s.Vulnerability, strings.Join(s.Aliases, " "), s.Justification, strings.ReplaceAll(s.Impact, "\n", " "), s.Author, s.At.Format(time.RFC3339))
	}
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "problem %s: %s\n", p.Statement, p.Reason)
	}
	return b.String()
}

func fixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob("testdata/*")
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]byte{}
	for _, n := range names {
		if filepath.Ext(n) == ".want" || filepath.Ext(n) == ".md" {
			continue
		}
		if out[n], err = os.ReadFile(n); err != nil {
			tb.Fatal(err)
		}
	}
	if len(out) < 10 {
		tb.Fatalf("%d fixtures", len(out))
	}
	return out
}

func TestFixtures(t *testing.T) {
	for name, b := range fixtures(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			got := ""
			d, err := vex.Read(name, strings.NewReader(string(b)))
			if err != nil {
				got = "error " + err.Error() + "\n"
			} else {
				got = table(d)
			}
			if *update {
				if err := os.WriteFile(name+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const openHead = `{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","timestamp":"2026-01-02T03:04:05Z","statements":[`

func TestOpenVEX(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"instance", `{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"i-0123456789abcdef0"}],"status":"fixed"}`, "fixed |  i-0123456789abcdef0 | CVE-1 |"},
		{"instance_arn", `{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0","subcomponents":[{"@id":"pkg:deb/debian/curl"}]}],"status":"affected"}`, "affected | pkg:deb/debian/curl i-0123456789abcdef0 | CVE-1 |"},
		{"part_of_image", `{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/shop","subcomponents":[{"@id":"pkg:deb/debian/curl"}]}],"status":"not_affected","justification":"component_not_present"}`, "problem CVE-1 in pkg:deb/debian/curl: it is said of a part of pkg:oci/shop only"},
		{"address", `{"vulnerability":{"name":"CVE-1"},"products":["https://example.com/x"],"status":"fixed"}`, "problem CVE-1 in https://example.com/x: the product is neither"},
		{"plain_name", `{"vulnerability":"CVE-1","products":["openssl"],"status":"fixed"}`, "fixed | openssl  | CVE-1 |"},
		{"other_status", `{"vulnerability":"CVE-1","products":["openssl"],"status":"fine"}`, `problem CVE-1: its status "fine"`},
		{"no_product", `{"vulnerability":"CVE-1","products":[],"status":"fixed"}`, "problem CVE-1: it names no product"},
		{"no_vulnerability", `{"products":["a"],"status":"fixed"}`, "problem a statement: it names no vulnerability"},
		{"id_as_address", `{"vulnerability":{"@id":"https://nvd.nist.gov/vuln/detail/CVE-2019-17571"},"products":["a"],"status":"fixed"}`, "fixed | a  | CVE-2019-17571 |"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := vex.Read("x.json", strings.NewReader(openHead+c.text+"]}"))
			if err != nil {
				t.Fatal(err)
			}
			if got := table(d); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, s := range d.Statements {
				if s.Author != "a" || s.Source != "x.json" || s.At != time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) {
					t.Errorf("got %+v", s)
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", vex.ErrUnknown},
		{"other_json", `{"a":1}`, vex.ErrUnknown},
		{"other_xml", "<a/>", vex.ErrUnknown},
		{"text", "hello", vex.ErrUnknown},
		{"cut", openHead + `{"vulnerability":"CVE-1"`, vex.ErrFormat},
		{"no_statements", `{"@context":"https://openvex.dev/ns"}`, vex.ErrFormat},
		{"mistyped", openHead + `{"vulnerability":7}]}`, vex.ErrFormat},
		{"bill_without_vulnerabilities", `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, vex.ErrFormat},
		{"deep", `{"bomFormat":"CycloneDX","components":` + strings.Repeat(`[{"components":`, 40) + "[]" + strings.Repeat("}]", 40) + `}`, vex.ErrFormat},
		{"broken_xml", `<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><vulnerabilities>`, vex.ErrFormat},
		{"many", openHead + strings.Repeat(`{"vulnerability":"C","products":["a"],"status":"fixed"},`, vex.MaxStatements) + `{"vulnerability":"C","products":["a"],"status":"fixed"}]}`, vex.ErrTooLarge},
	} {
		if _, err := vex.Read(c.name, strings.NewReader(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestManyProblems tells a bounded number one by one and counts the others.
func TestManyProblems(t *testing.T) {
	d, err := vex.Read("x", strings.NewReader(openHead+strings.Repeat(`{"status":"fixed"},`, 2999)+`{}]}`))
	if err != nil || len(d.Problems) != 1001 || d.Problems[1000].Reason != "2000 more statements were not heard" {
		t.Errorf("%d problems, %v", len(d.Problems), err)
	}
}

// TestOwnDocument reads what hinomi writes of its findings.
func TestOwnDocument(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	one := func(id string, status finding.Status) finding.Finding {
		return finding.Finding{
			ID: id, Type: finding.PackageVulnerability, Status: status, FirstSeen: at, LastSeen: at, StatusWhy: "because",
			Resource: asset.Ref{Account: "111122223333", Region: "eu-west-1", Kind: asset.KindInstance, ID: "i-0123456789abcdef0"},
			Package: &finding.Package{VulnerabilityID: "CVE-" + id, Advisories: []string{"DSA-1"}, Packages: []finding.VulnerablePackage{
				{Ecosystem: string(inventory.Debian), Name: "curl", Version: "1:7-1", PURL: "pkg:deb/debian/curl@7-1?distro=debian-12&epoch=1"},
			}},
		}
	}
	err := export.CycloneDXFindings(&b, &export.Document{Version: "1", Now: at, Findings: []finding.Finding{one("1", finding.Active), one("2", finding.Closed)}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := vex.Read("own.json", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := []advisory.Statement{
		{Product: "pkg:deb/debian/curl@7-1?distro=debian-12&epoch=1", Asset: "i-0123456789abcdef0", Vulnerability: "CVE-1", Aliases: []string{"DSA-1"}, Status: advisory.UnderInvestigation, Author: "hinomi 1", At: at, Source: "own.json"},
		{Product: "pkg:deb/debian/curl@7-1?distro=debian-12&epoch=1", Asset: "i-0123456789abcdef0", Vulnerability: "CVE-2", Aliases: []string{"DSA-1"}, Status: advisory.FixedStatus, Impact: "because", Author: "hinomi 1", At: at, Source: "own.json"},
	}
	if diff := cmp.Diff(want, d.Statements); diff != "" || len(d.Problems) > 0 {
		t.Error(diff, d.Problems)
	}
}

func FuzzRead(f *testing.F) {
	for _, b := range fixtures(f) {
		if len(b) < 32<<10 {
			f.Add(b)
		}
	}
	f.Add([]byte(openHead + `{"vulnerability":{"name":"CVE-1","aliases":["x"]},"products":[{"@id":"i-0123456789abcdef0","subcomponents":["pkg:npm/a"]}],"status":"not_affected"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := vex.Read("x", strings.NewReader(string(b)))
		if err != nil {
			if !errors.Is(err, vex.ErrFormat) && !errors.Is(err, vex.ErrUnknown) && !errors.Is(err, vex.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		for _, s := range d.Statements {
			if s.Vulnerability == "" || s.Product == "" && s.Asset == "" || s.Status == "" {
				t.Fatalf("statement %+v", s)
			}
		}
	})
}
