package extract_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGems(t *testing.T) {
	inv := run(t, files(map[string]string{
		"var/lib/gems/3.1.0/specifications/rss-0.2.9.gemspec":               fixture(t, "language/gem/rss-0.2.9.gemspec"),
		"usr/lib/ruby/gems/3.1.0/specifications/default/yaml-0.2.1.gemspec": fixture(t, "language/gem/yaml-0.2.1.gemspec"),
		"opt/specifications/plain.gemspec":                                  "Gem::Specification.new do |s|\n  s.name = %q<plain>\n  s.version = Gem::Version.new(\"1.2\")\nend\n",
		"opt/specifications/inline.gemspec":                                 fixture(t, "language/gem/version_inline.gemspec"),
		"opt/gems/yaml-0.2.1/yaml.gemspec":                                  fixture(t, "language/gem/yaml-0.2.1.gemspec"),
	}), extract.Options{})
	if diff := cmp.Diff([]string{"gem plain 1.2", "gem rss 0.2.9", "gem yaml 0.2.1"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	if p := inv.Packages[1]; p.PURL != "pkg:gem/rss@0.2.9" || p.Ecosystem != inventory.RubyGems || p.Location != "/var/lib/gems/3.1.0/specifications/rss-0.2.9.gemspec" {
		t.Errorf("got %+v", p)
	}
	if wantGap(t, inv, "/opt/specifications/inline.gemspec", "without a name or a version"); len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
}

func TestConda(t *testing.T) {
	inv := run(t, files(map[string]string{
		"opt/conda/conda-meta/jupyterlab-3.1.12-py39hf3db000.json": fixture(t, "language/conda/valid"),
		"opt/conda/conda-meta/history":                             "==>",
		"opt/conda/conda-meta/noname.json":                         fixture(t, "language/conda/noname"),
		"opt/conda/pkgs/x/info/index.json":                         fixture(t, "language/conda/valid"),
	}), extract.Options{})
	want := []inventory.Package{{
		Ecosystem: inventory.Conda, Name: "jupyterlab", Version: "3.1.12", Arch: "linux-64", Repository: "main", FoundBy: "conda",
		Location: "/opt/conda/conda-meta/jupyterlab-3.1.12-py39hf3db000.json", PURL: "pkg:conda/jupyterlab@3.1.12?build=py39hf3db000&channel=main&subdir=linux-64",
	}}
	if diff := cmp.Diff(want, inv.Packages); diff != "" {
		t.Error(diff)
	}
	wantGap(t, inv, "/opt/conda/conda-meta/noname.json", "without a name")
}

func TestComposerInstalled(t *testing.T) {
	inv := run(t, files(map[string]string{
		"srv/a/vendor/composer/installed.json": fixture(t, "language/composer/v2.json"),
		"srv/b/vendor/composer/installed.json": `[{"name":"twig/twig","version":"v1.0.0"},{"name":""}]`,
		"srv/c/vendor/composer/installed.json": `{`,
		"srv/d/installed.json":                 `[{"name":"twig/twig","version":"v1.0.0"}]`,
	}), extract.Options{})
	if diff := cmp.Diff([]string{"composer monolog/monolog 2.8.0", "composer phpunit/phpunit 9.5.0", "composer twig/twig 1.0.0"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	if inv.Packages[0].Dev || !inv.Packages[1].Dev || inv.Packages[2].PURL != "pkg:composer/twig/twig@1.0.0" {
		t.Errorf("got %+v", inv.Packages)
	}
	wantGap(t, inv, "/srv/a/vendor/composer/installed.json", "acme/theme")
	wantGap(t, inv, "/srv/b/vendor/composer/installed.json", "without a name")
	wantGap(t, inv, "/srv/c/vendor/composer/installed.json", "installed.json")
}

func TestDotnet(t *testing.T) {
	framework := fixture(t, "language/dotnet/framework.deps.json")
	inv := run(t, files(map[string]string{
		"srv/app/TestLibrary.deps.json": fixture(t, "language/dotnet/valid"),
		"srv/self/self.deps.json":       `{"runtimeTarget":{"name":"x"},"libraries":{"runtimepack.Microsoft.NETCore.App.Runtime.linux-arm64/6.0.9":{"type":"runtimepack"}}}`,
		"usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json":       framework,
		"usr/share/dotnet/shared/Microsoft.AspNetCore.App/8.0.2/Microsoft.AspNetCore.App.deps.json": `{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0/linux-x64"},"libraries":{}}`,
		"srv/wordpress/editor.deps.json": fixture(t, "language/dotnet/editor.deps.json"),
		"srv/broken/x.deps.json":         "{}",
	}), extract.Options{})
	want := []string{
		"dotnet AWSSDK.Core 3.7.10.6", "dotnet Microsoft.AspNetCore.App.Runtime.linux-x64 8.0.2", "dotnet Microsoft.Extensions.DependencyInjection 6.0.0",
		"dotnet Microsoft.NETCore.App.Runtime.linux-arm64 6.0.9", "dotnet Microsoft.NETCore.App.Runtime.linux-x64 8.0.1",
	}
	if diff := cmp.Diff(want, short(inv)); diff != "" {
		t.Error(diff)
	}
	if wantGap(t, inv, "/srv/broken/x.deps.json", "no list of libraries"); len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
}

// TestRustBinary reads two programs that cargo-auditable has built; the crates are those that osv-scalibr's own test names, but for the programs
// themselves, which no registry knows.
func TestRustBinary(t *testing.T) {
	program := unzipped(t, "rust/uses_serde_json.gz")
	inv := run(t, fstest.MapFS{
		"usr/bin/uses":    {Data: program, Mode: 0o755},
		"usr/bin/no_deps": {Data: unzipped(t, "rust/no_deps.gz"), Mode: 0o755},
		"usr/bin/text":    {Data: program, Mode: 0o644},
	}, extract.Options{})
	want := []string{
		"itoa 1.0.14", "memchr 2.7.4", "proc-macro2 1.0.92", "quote 1.0.38", "ryu 1.0.18", "serde 1.0.217", "serde_derive 1.0.217",
		"serde_json 1.0.135", "syn 2.0.95", "unicode-ident 1.0.14",
	}
	var got []string
	for _, p := range inv.Packages {
		build := ""
		if p.Dev {
			build = " build"
		}
		if got = append(got, p.Name+" "+p.Version+build); p.FoundBy != "rust-binary" || p.Ecosystem != inventory.Cargo || p.Location != "/usr/bin/uses" || !strings.HasPrefix(p.PURL, "pkg:cargo/") {
			t.Errorf("got %+v", p)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(inv.Gaps) != 0 {
		t.Errorf("gaps %q %s", reasons(inv), diff)
	}
	// The list damaged is a gap with its reason, never no crates.
	parsed, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(program)
	copy(broken[parsed.Section(".dep-v0").Offset+20:], make([]byte, 30))
	inv = run(t, fstest.MapFS{"usr/bin/uses": {Data: broken, Mode: 0o755}}, extract.Options{})
	wantGap(t, inv, "/usr/bin/uses", "the list of crates")
	if len(inv.Packages) != 0 {
		t.Errorf("got %q", short(inv))
	}
}

func FuzzGemspec(f *testing.F) {
	fuzz(f, "opt/specifications/a.gemspec", nil, fixture(f, "language/gem/rss-0.2.9.gemspec"), "# stub: a\n s.name = 'b'\ns.version = \"1-x\"")
}

func FuzzConda(f *testing.F) {
	fuzz(f, "opt/conda-meta/a.json", nil, fixture(f, "language/conda/valid"), `{"name":"a","version":"1","channel":"/"}`)
}

func FuzzComposerInstalled(f *testing.F) {
	fuzz(f, "vendor/composer/installed.json", nil, fixture(f, "language/composer/v2.json"), `[{"name":"a/b","version":"v1"}]`)
}

func FuzzDotnet(f *testing.F) {
	fuzz(f, "shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json", nil, fixture(f, "language/dotnet/framework.deps.json"), fixture(f, "language/dotnet/valid"))
}
