package extract_test

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"hinomi/internal/source/extract"
)

// fuzz gives any bytes to the extractor of one path. A panic would be caught and named: here it fails the test.
func fuzz(f *testing.F, path string, also map[string]string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{path: {Data: data, Mode: 0o755}}
		for name, text := range also {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		inv, _, err := extract.Extract(context.Background(), fsys, extract.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range inv.Gaps {
			if strings.Contains(g.Reason, "panicked") {
				t.Fatal(g.Reason)
			}
		}
		for _, p := range inv.Packages {
			if p.Name == "" || p.Version == "" || p.PURL == "" {
				t.Errorf("got %+v", p)
			}
		}
		inv.Hash()
	})
}

func debianToo() map[string]string { return map[string]string{"etc/os-release": debian12} }

func FuzzOSRelease(f *testing.F) {
	fuzz(f, "etc/os-release", nil, debian12, "ID='x'\nID_LIKE=\"a \\\"b\"\n", "ID=bottlerocket\nVARIANT_ID=aws\n")
}

func FuzzRelease(f *testing.F) {
	fuzz(f, "etc/redhat-release", nil, "CentOS release 6.10 (Final)\n", "Red Hat Enterprise Linux Server release 7.9 (Maipo)")
}

func FuzzDpkgStatus(f *testing.F) {
	fuzz(f, "var/lib/dpkg/status", debianToo(), oneDpkg, oneDpkg+"\n"+oneDpkg, "Package: x\nVersion: 1\nStatus: deinstall ok config-files\n")
}

func FuzzDpkgList(f *testing.F) {
	also := debianToo()
	also["var/lib/dpkg/status"] = strings.Replace(oneDpkg, "Version", "Maintainer: <x@debian.org>\nVersion", 1)
	also["opt/x.dist-info/METADATA"] = "Name: x\nVersion: 1\n"
	fuzz(f, "var/lib/dpkg/info/a.list", also, "/.\n/opt\n/opt/x.dist-info/METADATA\n", "/")
}

func FuzzAPK(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "alpine-installed"))
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "lib/apk/db/installed", map[string]string{"etc/os-release": "ID=alpine\nVERSION_ID=3.18\n"}, string(text), "P:a\nV:1\nF:x\nR:y\n")
}

func FuzzPython(f *testing.F) {
	fuzz(f, "opt/x.dist-info/METADATA", nil, "Name: PyYAML\nVersion: 6\n\nbody", "name:x\r\nVERSION: 1")
}

func FuzzNode(f *testing.F) {
	fuzz(f, "opt/node_modules/x/package.json", nil, `{"name":"@a/b","version":"1"}`, `{"name":{},"version":[]}`)
}

func FuzzJava(f *testing.F) {
	inner := archive(f, pom("a.b", "c", "1"), class())
	fuzz(f, "opt/c-1.jar", nil, string(inner), string(archive(f, manifest("Bundle-SymbolicName: a.b"), class(), member{"lib/x.jar", inner, zip.Store}, member{"lib/y.jar", inner, zip.Deflate})))
}

func FuzzManifest(f *testing.F) {
	for _, s := range []string{"Implementation-Version: 1\r\nBundle-SymbolicName: a.b.c;x\r\n y\r\n", "Manifest-Version: 1.0\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		inv := run(t, fstest.MapFS{"opt/c.jar": {Data: archive(t, member{"META-INF/MANIFEST.MF", data, zip.Store}, class())}}, extract.Options{Workers: 1})
		if len(inv.Packages)+len(inv.Gaps) == 0 {
			t.Error("got neither a package nor a gap of an archive with classes")
		}
	})
}

func FuzzProgram(f *testing.F) {
	pad := strings.Repeat("\x00", 70_000)
	fuzz(f, "bin/x", nil, "\x7fELF\x02\x01\x01"+pad, "MZ"+pad, "\xcf\xfa\xed\xfe"+pad, "\xca\xfe\xba\xbe\x00\x00\x00\x02"+pad)
}

func FuzzRepositories(f *testing.F) {
	for _, s := range []string{"[base]\nenabled=0\n", "deb [a=b] http://x/ y z\n", "Types: deb\nURIs: http://x\nSuites: y\nComponents: z\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{}
		for _, name := range []string{"etc/yum.repos.d/a.repo", "etc/dnf/modules.d/a.module", "etc/apt/sources.list", "etc/apt/sources.list.d/a.sources", "etc/apk/repositories"} {
			fsys[name] = &fstest.MapFile{Data: data}
		}
		run(t, fsys, extract.Options{Workers: 1})
	})
}

func FuzzGrubEnvironment(f *testing.F) {
	fuzz(f, "boot/grub2/grubenv", map[string]string{"boot/vmlinuz-6.1.0": ""}, "# GRUB Environment Block\nsaved_entry=x-6.1.0\n")
}
