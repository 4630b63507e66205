package sbom_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
)

// documents are small inventories of every kind, in the form that its publisher documents.
func documents() map[string]string {
	return map[string]string{
		"bom.cdx.json": `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"metadata":{"component":{"type":"operating-system","name":"almalinux","version":"9.4"}},
"components":[{"type":"library","name":"openssl-libs","version":"3.0.7-1.el9","purl":"pkg:rpm/almalinux/openssl-libs@3.0.7-1.el9?arch=x86_64&epoch=1&upstream=openssl-3.0.7-1.el9.src.rpm&distro=almalinux-9.4",
"components":[{"type":"library","name":"nested","version":"1.0.0","purl":"pkg:npm/%40scope/nested@1.0.0"}]},{"type":"library","name":"mystery","version":"1"},{"type":"file","name":"/etc/passwd"},
{"type":"library","name":"x","version":"1","purl":"pkg:generic/x@1"},{"type":"library","name":"bash","version":"5.1","purl":"pkg:deb/debian/bash@5.1?distro=debian-12"}]}`,
		"doc.spdx.json": `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-root"],"packages":[{"SPDXID":"SPDXRef-root","name":"app"},
{"SPDXID":"SPDXRef-1","name":"log4j-core","versionInfo":"2.14.1","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}]},
{"SPDXID":"SPDXRef-2","name":"nothing","versionInfo":"1"}]}`,
		"doc.spdx3.json": `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"SpdxDocument","name":"d"},{"type":"software_Package","name":"requests","software_packageVersion":"2.0","software_packageUrl":"pkg:pypi/requests@2.0"},
{"type":"software_Package","name":"left","software_packageVersion":"1"}]}`,
		"x.osv-scanner.json": `{"results":[{"source":{"path":"rpmdb","type":"os"},"packages":[{"package":{"name":"curl","version":"7.81.0-1ubuntu1.1","ecosystem":"Ubuntu:22.04:LTS"}},
{"package":{"name":"lodash","version":"4.17.0","ecosystem":"npm"}},{"package":{"name":"bash","version":"5","ecosystem":"Debian:12"}},{"package":{"name":"c","commit":"abc"}}]}]}`,
		"package-lock.json": `{"name":"app","lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},"node_modules/lodash":{"version":"4.17.20"},"node_modules/a/node_modules/@s/b":{"version":"1.0.0","dev":true},
"node_modules/alias":{"name":"real","version":"2.0.0"},"node_modules/ws":{"resolved":"packages/ws","link":true},"packages/ws":{"version":"0.0.1"}}}`,
		"v1/package-lock.json": `{"name":"app","lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.20","dependencies":{"deep":{"version":"1.2.3","dev":true}}},"al":{"version":"npm:other@3.0.0"},"git":{"version":"git+https://example.com/x.git#1"}}}`,
		"go.mod":               "module example.com/m\n\ngo 1.22.0\n\ntoolchain go1.22.5\n\nrequire (\n\tgolang.org/x/text v0.3.0\n\tgolang.org/x/net v0.1.0 // indirect\n\texample.com/local v1.0.0\n)\n\nreplace golang.org/x/net => golang.org/x/net v0.2.0\n\nreplace example.com/local => ../local\n",
		"Cargo.lock":           "version = 3\n\n[[package]]\nname = \"ammonia\"\nversion = \"4.1.2\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n[[package]]\nname = \"mine\"\nversion = \"0.1.0\"\n",
		"bun.lock":             `{"lockfileVersion": 1, "packages": {"a": ["a@1.0.0", "", {}, "sha512-x"],}}`,
		"app-mix.lock":         `%{"bunt": {:hex, :bunt, "1.0.0", "x", [:mix], [], "hexpm", "y"},}`,
		"gradle.lockfile":      "# comment\ncom.google.guava:guava:32.0.0-android=compileClasspath\nbroken\nempty=annotationProcessor\n",
		"requirements.txt":     "# comment\nDjango==4.1 ; python_version > \"3\"\nrequests[socks]==2.0.0 \\\n    --hash=sha256:abc\nflask>=1.0\n-r other.txt\n--index-url https://example.com\nnumpy == 1.0 # why\n",
		"purls.txt":            "pkg:golang/golang.org/x/text@v0.3.0\npkg:npm/lodash@4.17.20\nnot a purl\n",
		"status":               "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4+deb12u5\n\nPackage: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl (3.0.11-1~deb12u2)\nVersion: 3.0.11-1~deb12u2+b1\nDescription: text\n Package: not-a-field\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n",
		"doc.spdx": "SPDXVersion: SPDX-2.3\nDocumentComment: <text>several\nlines</text>\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-root\n\nPackageName: app\nSPDXID: SPDXRef-root\n\n# a comment\nPackageName: flask\nSPDXID: SPDXRef-1\n" +
			"PackageComment: <text>line\nPackageName: not a field</text>\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/flask@2.0\n\nFileName: ./x\nSPDXID: SPDXRef-2\nnonsense\n\nPackageName: lost\nPackageVersion: 3\n",
		"distros.purls": "pkg:deb/debian/libssl3@3.0.11?distro=bookworm&upstream=openssl\npkg:deb/ubuntu/curl@7?distro=jammy\npkg:rpm/x@1\npkg:cargo/a@1\n",
		"dnf.txt":       "gpg-pubkey-3abb34f8-5ffd890e\n1:bash-5.2-1.el9.x86_64\nglibc-2.34-100.el9.x86_64_v2\nnonsense\nkernel-core-0:5.14.0-427.el9.aarch64\n2:vim-2:9-1.el9.noarch\nodd-1.0-1\n",
		"kali":          "Package: base-files\nVersion: 1:2024.1.0\nStatus: install ok installed\n\nPackage: half\nVersion: 1\nStatus: install ok half-installed\nbroken line\n",
		"rpm-qa.txt":    "almalinux-release-9.4-1.el9.x86_64\nopenssl-libs-1:3.0.7-1.el9.x86_64\nbash-0:5.1.8-9.el9.x86_64\ngpg-pubkey-3abb34f8-5ffd890e.(none)\n",
	}
}

type want struct {
	os   string
	pkgs []string // ecosystem name version [source sourceVersion]
	gaps []string // paths
}

func wants() map[string]want {
	return map[string]want{
		"bom.cdx.json":         {"almalinux 9.4", []string{"AlmaLinux openssl-libs 1:3.0.7-1.el9 openssl 3.0.7-1.el9", "npm @scope/nested 1.0.0"}, []string{"mystery 1", "pkg:deb/debian/bash@5.1?distro=debian-12", "pkg:generic/x@1"}},
		"doc.spdx.json":        {" ", []string{"Maven org.apache.logging.log4j:log4j-core 2.14.1"}, []string{"nothing 1"}},
		"doc.spdx3.json":       {" ", []string{"PyPI requests 2.0"}, []string{"left 1"}},
		"x.osv-scanner.json":   {"ubuntu 22.04", []string{"Ubuntu curl 7.81.0-1ubuntu1.1 curl", "npm lodash 4.17.0"}, []string{"bash", "cabc"}},
		"package-lock.json":    {" ", []string{"npm @s/b 1.0.0", "npm lodash 4.17.20", "npm real 2.0.0"}, nil},
		"v1/package-lock.json": {" ", []string{"npm deep 1.2.3", "npm lodash 4.17.20", "npm other 3.0.0"}, []string{"git"}},
		"go.mod":               {" ", []string{"Go golang.org/x/net v0.2.0", "Go golang.org/x/text v0.3.0", "Go stdlib 1.22.5"}, []string{"example.com/local"}},
		"Cargo.lock":           {" ", []string{"crates.io ammonia 4.1.2"}, nil},
		"bun.lock":             {" ", []string{"npm a 1.0.0"}, nil},
		"app-mix.lock":         {" ", []string{"Hex bunt 1.0.0"}, nil},
		"gradle.lockfile":      {" ", []string{"Maven com.google.guava:guava 32.0.0-android"}, []string{"broken"}},
		"requirements.txt":     {" ", []string{"PyPI django 4.1", "PyPI numpy 1.0", "PyPI requests 2.0.0"}, []string{"-r other.txt", "flask>=1.0"}},
		"purls.txt":            {" ", []string{"Go golang.org/x/text v0.3.0", "npm lodash 4.17.20"}, []string{"not a purl"}},
		"status":               {"debian 12", []string{"Debian base-files 12.4+deb12u5 base-files", "Debian gone 1 gone", "Debian libssl3 3.0.11-1~deb12u2+b1 openssl 3.0.11-1~deb12u2"}, nil},
		"doc.spdx":             {" ", []string{"PyPI flask 2.0"}, []string{"lost 3", "nonsense"}},
		"distros.purls":        {"debian 12", []string{"Debian libssl3 3.0.11 openssl", "crates.io a 1"}, []string{"pkg:deb/ubuntu/curl@7?distro=jammy", "pkg:rpm/x@1"}},
		"dnf.txt":              {" ", []string{"rpm bash 1:5.2-1.el9", "rpm glibc 2.34-100.el9", "rpm kernel-core 5.14.0-427.el9", "rpm odd 1.0-1"}, []string{"2:vim-2:9-1.el9.noarch", "epoch", "nonsense"}},
		"kali":                 {" ", []string{"Debian base-files 1:2024.1.0 base-files", "Debian half 1 half"}, []string{"broken line"}},
		"rpm-qa.txt":           {"almalinux 9.4", []string{"AlmaLinux almalinux-release 9.4-1.el9", "AlmaLinux bash 5.1.8-9.el9", "AlmaLinux openssl-libs 1:3.0.7-1.el9"}, []string{"epoch"}},
	}
}

func TestRead(t *testing.T) {
	for name, text := range documents() {
		t.Run(name, func(t *testing.T) {
			inv, err := sbom.Read(name, strings.NewReader(text), inventory.OS{})
			if err != nil {
				t.Fatal(err)
			}
			got := want{os: inv.OS.ID + " " + inv.OS.VersionID}
			for _, p := range inv.Packages {
				got.pkgs = append(got.pkgs, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", p.Ecosystem, p.Name, p.Version, p.SourceName, p.SourceVersion)))
			}
			for _, g := range inv.Gaps {
				if g.Reason == "" || g.FoundBy == "" {
					t.Errorf("gap %+v", g)
				}
				got.gaps = append(got.gaps, g.Path)
			}
			slices.Sort(got.gaps)
			if diff := cmp.Diff(wants()[name], got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
			if inv.Method != inventory.SBOM || inv.Source != name {
				t.Errorf("method %q, source %q", inv.Method, inv.Source)
			}
		})
	}
}

func TestCycloneDXVersions(t *testing.T) {
	for _, v := range []string{"1.4", "1.5", "1.6", "1.7"} {
		text := strings.Replace(documents()["bom.cdx.json"], `"1.5"`, `"`+v+`"`, 1)
		inv, err := sbom.Read("x.json", strings.NewReader(text), inventory.OS{})
		if err != nil || len(inv.Packages) != 2 {
			t.Errorf("%s: %v", v, err)
		}
	}
}

// TestGivenSystem judges a list by the system that the caller names, where the list itself says nothing.
func TestGivenSystem(t *testing.T) {
	inv, err := sbom.Read("status", strings.NewReader("Package: curl\nVersion: 7.81.0-1\nStatus: install ok installed\n"), inventory.OS{ID: "ubuntu", VersionID: "22.04"})
	if err != nil || inv.OS.ID != "ubuntu" || inv.Packages[0].Ecosystem != inventory.Ubuntu {
		t.Errorf("got %+v, %v", inv, err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"x.json", "{}", sbom.ErrUnknown},
		{"x.json", `{"bomFormat":"CycloneDX","components":[{"type":7}]}`, sbom.ErrFormat},
		{"x.json", `{"bomFormat":"Other"}`, sbom.ErrFormat},
		{"x.json", `{"spdxVersion":"SPDX-9"}`, sbom.ErrUnknown},
		{"x.json", `{"spdxVersion":1}`, sbom.ErrFormat},
		{"x.json", `{"bomFormat":"CycloneDX","specVersion":"2.0","components":[]}`, sbom.ErrFormat},
		{"deep.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":` + strings.Repeat(`[{"components":`, 40) + "[]" + strings.Repeat("}]", 40) + "}", sbom.ErrFormat},
		{"many.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}` + strings.Repeat(",{}", sbom.MaxPackages) + "]}", sbom.ErrTooLarge},
		{"cut.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","purl":"pkg:npm/a@1"}`, sbom.ErrFormat},
		{"x.xml", `<bom xmlns="http://cyclonedx.org/schema/bom/9.9"></bom>`, sbom.ErrFormat},
		{"x.xml", `<a xmlns:b="http://cyclonedx.org/schema/bom/1.6"></a>`, sbom.ErrFormat},
		{"cut.xml", `<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components><component type="library"><name>a</name>`, sbom.ErrFormat},
		{"deep.xml", `<bom xmlns="http://cyclonedx.org/schema/bom/1.6">` + strings.Repeat("<components><component>", 1000), sbom.ErrFormat},
		{"x.spdx", "SPDXVersion: SPDX-9\n", sbom.ErrUnknown},
		{"x.spdx", "SPDXVersion: SPDX-2.3\nDocumentComment: <text>for ever\n", sbom.ErrFormat},
		{"x.jsonld", `{"@context":"https://schema.org","@graph":[]}`, sbom.ErrUnknown},
		{"x.osv-scanner.json", `{}`, sbom.ErrFormat},
		{"go.mod", "module m\n" + strings.Repeat("// x\n", 1<<20), sbom.ErrTooLarge},
		{"Cargo.lock", "[[package", sbom.ErrFormat},
		{"go.mod", "module (", sbom.ErrFormat},
		{"package-lock.json", `{"lockfileVersion":"x"}`, sbom.ErrFormat},
		{"image.bin", "\x7fELF", sbom.ErrUnknown},
		{"empty", "", sbom.ErrUnknown},
	} {
		_, err := sbom.Read(c.name, strings.NewReader(c.text), inventory.OS{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s %.60q: got %v, want %v", c.name, c.text, err, c.want)
		}
	}
}

// TestParseDistro reads systems as people write them.
func TestParseDistro(t *testing.T) {
	for _, c := range []struct{ text, id, release string }{
		{"debian:12", "debian", "12"},
		{"debian:bookworm", "debian", "12"},
		{"rockylinux:9", "rocky", "9"},
		{"amazonlinux:2023", "amzn", "2023"},
		{"ubuntu:22.04", "ubuntu", "22.04"},
		{"Rocky:9.4", "rocky", "9.4"},
		{"sles:15.6", "sles", "15.6"},
		{"alpine:3.19", "alpine", "3.19"},
		{"wolfi", "wolfi", ""},
		{"opensuse-tumbleweed", "opensuse-tumbleweed", ""},
		{"debian", "", ""},
		{"debian:", "", ""},
		{"debian:sid", "", ""},
		{"plan9:4", "", ""},
		{"", "", ""},
	} {
		os, err := sbom.ParseDistro(c.text)
		if os.ID != c.id || os.VersionID != c.release || (err == nil) != (c.id != "") {
			t.Errorf("%q: got %+v, %v", c.text, os, err)
		}
	}
	if os, err := sbom.ParseDistro("ubuntu-pro:22.04"); err != nil || !os.Pro || os.ID != "ubuntu" {
		t.Errorf("got %+v, %v", os, err)
	}
}

// TestManyGaps tells a bounded number of entries one by one and counts the others.
func TestManyGaps(t *testing.T) {
	inv, err := sbom.Read("x.purls", strings.NewReader(strings.Repeat("pkg:generic/x@1\n", 50_000)), inventory.OS{})
	if err != nil {
		t.Fatal(err)
	}
	last := slices.IndexFunc(inv.Gaps, func(g inventory.Gap) bool { return g.Reason == "30000 more entries could not be placed" })
	if len(inv.Gaps) != 20_001 || last < 0 {
		t.Errorf("%d gaps, the count at %d", len(inv.Gaps), last)
	}
}

// TestRealStatus reads the whole package database of a Debian 12 and counts its stanzas.
func TestRealStatus(t *testing.T) {
	p := filepath.Join(sharedData(t), "feeds-reference", "debian12-dpkg-status.txt")
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := sbom.Read(filepath.Base(p), strings.NewReader(string(b)), inventory.OS{})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Count("\n"+string(b), "\nPackage: ")
	if len(inv.Packages) != want || inv.OS.ID != "debian" || inv.OS.VersionID != "12" || len(inv.Gaps) != 0 {
		t.Errorf("got %d packages of %+v, want %d; gaps %+v", len(inv.Packages), inv.OS, want, inv.Gaps)
	}
}

func sharedData(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		d := filepath.Join(filepath.Dir(dir), "shared", "data")
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		tb.Fatal("no folder shared/data beside the repository: set HINOMI_SHARED_DATA")
	}
	tb.Skip("SKIPPED: no folder shared/data beside the repository; set HINOMI_SHARED_DATA")
	return ""
}

func FuzzRead(f *testing.F) {
	for name, text := range documents() {
		f.Add(name, []byte(text))
	}
	for _, name := range fixtures(f) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 16<<10 {
			f.Add(filepath.Base(name), b)
		}
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		inv, err := sbom.Read(name, strings.NewReader(string(b)), inventory.OS{})
		if err != nil {
			if !errors.Is(err, sbom.ErrFormat) && !errors.Is(err, sbom.ErrUnknown) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range inv.Packages {
			if p.Name == "" || p.Version == "" || p.Ecosystem == "" {
				t.Fatalf("package %+v", p)
			}
		}
	})
}
