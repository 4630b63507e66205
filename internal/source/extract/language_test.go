package extract_test

import (
	"archive/zip"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

func TestPython(t *testing.T) {
	egg := archive(t, member{"EGG-INFO/PKG-INFO", []byte("Metadata-Version: 1.0\nName: zipped\nVersion: 0.1\n"), zip.Deflate})
	fsys := files(map[string]string{
		"usr/lib/python3/site-packages/PyYAML-6.0.dist-info/METADATA":    "Metadata-Version: 2.1\r\nName: PyYAML\r\nVersion: 6.0\r\n\r\nName: other\n",
		"usr/lib/python3/site-packages/zope.interface.egg-info/PKG-INFO": "Name: zope.interface\nSummary: x\n Version: 9\nVersion: 5.5\n",
		"usr/lib/python3/site-packages/single_file-1.egg-info":           "Name: single_file\nVersion: 1\n",
		"usr/lib/python3/site-packages/old.egg/EGG-INFO/PKG-INFO":        "Name: old\nVersion: 2\n",
		"usr/lib/python3/site-packages/none.dist-info/METADATA":          "Summary: x\n",
		"usr/lib/python3/site-packages/zipped.egg":                       string(egg),
		"usr/lib/python3/site-packages/broken.egg":                       "x",
		"src/project/PKG-INFO":                                           "Name: not-installed\nVersion: 1\n",
	})
	inv := run(t, fsys, extract.Options{})
	want := []string{"python old 2", "python pyyaml 6.0", "python single-file 1", "python zipped 0.1", "python zope-interface 5.5"}
	if diff := cmp.Diff(want, short(inv)); diff != "" {
		t.Error(diff)
	}
	if p := inv.Packages[1]; p.PURL != "pkg:pypi/pyyaml@6.0" || p.Location != "/usr/lib/python3/site-packages/PyYAML-6.0.dist-info/METADATA" || p.Ecosystem != inventory.PyPI {
		t.Errorf("got %+v", p)
	}
	wantGap(t, inv, "/usr/lib/python3/site-packages/none.dist-info/METADATA", "without a name")
	wantGap(t, inv, "/usr/lib/python3/site-packages/broken.egg", "not a whole zip archive")
}

func TestNode(t *testing.T) {
	inv := run(t, files(map[string]string{
		"app/package.json":                                          `{"name": "app", "version": "1.0.0"}`,
		"app/node_modules/lodash/package.json":                      "\xef\xbb\xbf" + `{"name": "lodash", "version": "v4.17.20", "main": ["x"]}`,
		"app/node_modules/lodash/fp/package.json":                   `{"name": "fp", "version": "1.0.0"}`,
		"app/node_modules/@babel/core/package.json":                 `{"name": "@babel/core", "version": "7.0.0"}`,
		"app/node_modules/@babel/core/node_modules/ms/package.json": `{"name": "ms", "version": "2.1.0"}`,
		"app/node_modules/workspace/package.json":                   `{"name": "workspace", "private": true}`,
		"app/node_modules/odd/package.json":                         `{"name": {"x": 1}, "version": 5}`,
		"app/node_modules/broken/package.json":                      `{"name": "broken", `,
		"usr/share/nodejs/semver/package.json":                      `{"name": "semver", "version": "7.3.5"}`,
	}), extract.Options{})
	want := []string{"node @babel/core 7.0.0", "node lodash 4.17.20", "node ms 2.1.0", "node semver 7.3.5"}
	if diff := cmp.Diff(want, short(inv)); diff != "" {
		t.Error(diff)
	}
	if p := inv.Packages[0]; p.PURL != "pkg:npm/%40babel/core@7.0.0" || p.Ecosystem != inventory.NPM {
		t.Errorf("got %+v", p)
	}
	if wantGap(t, inv, "/app/node_modules/broken/package.json", "package.json"); len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
}

// TestGoBinary reads a real program, built from testdata/program.
func TestGoBinary(t *testing.T) {
	need(t, "go")
	self := filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", self, "./testdata/program").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	want := []string{"stdlib " + release}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		want = append(want, m.Path+" "+m.Version)
	}
	fsys := fstest.MapFS{
		"usr/bin/tool":      {Data: data, Mode: 0o755},
		"usr/bin/data":      {Data: data, Mode: 0o644},
		"usr/bin/cut":       {Data: data[:len(data)/3], Mode: 0o755},
		"usr/bin/script":    {Data: []byte("#!/bin/sh\n" + strings.Repeat("#", 100_000)), Mode: 0o755},
		"usr/bin/upx":       {Data: append(append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 200)...), append([]byte("UPX!"), make([]byte, 100_000)...)...), Mode: 0o755},
		"usr/bin/odd":       {Data: append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 100_000)...), Mode: 0o755},
		"usr/bin/small":     {Data: []byte("\x7fELF"), Mode: 0o755},
		"usr/share/doc.txt": {Data: data, Mode: 0o755},
	}
	inv := run(t, fsys, extract.Options{})
	var got []string
	for _, p := range inv.Packages {
		if p.Location == "/usr/bin/tool" {
			got = append(got, p.Name+" "+p.Version)
		} else {
			t.Errorf("got %+v", p)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 2 {
		t.Error(diff)
	}
	wantGap(t, inv, "/usr/bin/cut", "cut short")
	wantGap(t, inv, "/usr/bin/upx", "UPX")
	if len(inv.Gaps) != 2 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	i := slices.IndexFunc(inv.Packages, func(p inventory.Package) bool { return p.Name == "github.com/google/go-cmp" })
	if i < 0 || !strings.HasPrefix(inv.Packages[i].PURL, "pkg:golang/github.com/google/go-cmp@v") || inv.Packages[i].Ecosystem != inventory.Go {
		t.Errorf("got %q", short(inv))
	}
}

// TestAlpine holds a real database against a parse that shares nothing with the extractor.
func TestAlpine(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "alpine-installed"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, record := range strings.Split(string(text), "\n\n") {
		field := func(letter string) string {
			_, after, _ := strings.Cut("\n"+record, "\n"+letter+":")
			value, _, _ := strings.Cut(after, "\n")
			return value
		}
		if field("P") != "" {
			want = append(want, strings.Join([]string{field("P"), field("V"), field("A"), field("o")}, "|"))
		}
	}
	for _, place := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		fsys := fstest.MapFS{"etc/os-release": {Data: []byte("ID=alpine\nVERSION_ID=3.18.0\n")}, place: {Data: text}, "etc/apk/repositories": {Data: []byte("https://u:p@mirror/alpine/v3.18/main\n")}}
		inv := run(t, fsys, extract.Options{})
		var got []string
		for _, p := range inv.Packages {
			got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.SourceName}, "|"))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 15 || len(inv.Gaps) != 0 {
			t.Errorf("%d packages, gaps %q: %s", len(want), reasons(inv), diff)
		}
		if p := inv.Packages[0]; p.PURL != "pkg:apk/alpine/alpine-baselayout@3.4.3-r1?arch=x86_64&distro=alpine-3.18.0" || p.Ecosystem != inventory.Alpine {
			t.Errorf("got %+v", p)
		}
		if inv.OS.Arch != "x86_64" || len(inv.Repos) != 1 || inv.Repos[0].ID != "https://mirror/alpine/v3.18/main" {
			t.Errorf("got %+v, %+v", inv.OS, inv.Repos)
		}
	}
	t.Run("damage", func(t *testing.T) {
		fsys := files(map[string]string{"etc/os-release": "ID=alpine\nVERSION_ID=3.18\n", "lib/apk/db/installed": "P:x\n\nP:a\nV:1\n?\n\nP:b\nV:" + strings.Repeat("1", 70_000) + "\n"})
		inv := run(t, fsys, extract.Options{})
		if diff := cmp.Diff([]string{"apk a 1"}, short(inv)); diff != "" {
			t.Error(diff)
		}
		wantGap(t, inv, "/lib/apk/db/installed", "without a name or a version", "x")
		wantGap(t, inv, "/lib/apk/db/installed", "no field")
		wantGap(t, inv, "/lib/apk/db/installed", "longer than")
	})
	t.Run("owned", func(t *testing.T) {
		fsys := files(map[string]string{
			"etc/os-release": "ID=alpine\nVERSION_ID=3.18\n", "lib/apk/db/installed": "P:py3-x\nV:1\nF:usr\nF:usr/lib/x.dist-info\nR:METADATA\n",
			"usr/lib/x.dist-info/METADATA": "Name: x\nVersion: 1\n", "usr/lib/y.dist-info/METADATA": "Name: y\nVersion: 1\n",
		})
		inv := run(t, fsys, extract.Options{Owned: true})
		if inv.Packages[1].OwnedBy != "py3-x" || inv.Packages[2].OwnedBy != "" {
			t.Errorf("got %+v", inv.Packages)
		}
	})
}
