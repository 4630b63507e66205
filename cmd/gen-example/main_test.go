package main

import (
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/cmd/gen-example/subset"
)

const examples = "../../examples"

// missing skips the test, loudly, because of what is missing; where everything
// is required it fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("%s is missing and HINOMI_TEST_REQUIRE=all", what)
	}
	t.Skipf("SKIPPED: %s is missing", what)
}

// sharedData finds the folder of complete data sets.
func sharedData(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if found := filepath.Join(filepath.Dir(dir), "shared", "data"); isDir(found) {
			return found
		}
	}
	missing(t, "the folder shared/data (set HINOMI_SHARED_DATA)")
	return ""
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// tree returns the content of every file below dir, by its relative name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		all[rel] = string(raw)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("read %s: %d files, %v", dir, len(all), err)
	}
	return all
}

// TestOrganisationIsCurrent wants the committed organisation to be the one
// that this program makes.
func TestOrganisationIsCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-organisation", "-out", dir}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, filepath.Join(examples, "organisation")), tree(t, filepath.Join(dir, "organisation"))); diff != "" {
		t.Errorf("run: go run ./cmd/gen-example -organisation -out examples (-committed +made):\n%.2000s", diff)
	}
	want, err := os.ReadFile(filepath.Join(examples, "disks.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "disks.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("disks.json (-committed +made):\n%s", diff)
	}
}

// staged makes the files of the disk that advisories can concern.
func staged(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stage")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, "disk", "tree", "opt"))); err != nil {
		t.Fatal(err)
	}
	if err := hollowFile(ingress(t), filepath.Join(dir, "nginx-ingress-controller")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ingress is the Go program among the fixtures of osv-scalibr.
func ingress(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/osv-scalibr").Output()
	if err != nil || strings.TrimSpace(string(out)) == "" {
		missing(t, "the module github.com/google/osv-scalibr")
	}
	return filepath.Join(strings.TrimSpace(string(out)), "extractor/filesystem/language/golang/gobinary/testdata/nginx-ingress-controller")
}

func TestHollowKeepsBuildInformationOnly(t *testing.T) {
	in := ingress(t)
	out := filepath.Join(t.TempDir(), "hollow")
	if err := run([]string{"-hollow", in, "-out", out}, io.Discard); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if info.GoVersion != "go1.23.4" || len(info.Deps) != 78 {
		t.Errorf("got %s with %d modules, want go1.23.4 with 78", info.GoVersion, len(info.Deps))
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, b := range raw {
		if b != 0 {
			kept++
		}
	}
	if kept == 0 || kept > 16<<10 {
		t.Errorf("%d bytes kept of %d, want at most 16 KiB", kept, len(raw))
	}
	if err := hollowFile("main.go", out); err == nil {
		t.Error("a file that is no program was taken for one")
	}
}

func TestInstalled(t *testing.T) {
	got, err := subset.Installed(staged(t))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, p := range got {
		count[p.Ecosystem]++
	}
	if diff := cmp.Diff(map[string]int{"Go": 79, "PyPI": 17}, count); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if _, err := subset.Installed(t.TempDir()); err == nil {
		t.Error("an empty folder is no error")
	}
}

// TestFeedsAreCurrent wants the committed subset to hold the documents that
// this program takes from the complete feeds.
func TestFeedsAreCurrent(t *testing.T) {
	data := sharedData(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "feeds")
	args := []string{
		"-feeds", filepath.Join(data, "feeds"), "-disk", staged(t), "-packages", filepath.Join(examples, "disk", "packages.tsv"),
		"-reference", filepath.Join(data, "feeds-reference", "alma10.findings.tsv"), "-out", dir,
	}
	if err := run(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	committed, made := tree(t, filepath.Join(examples, "feeds")), tree(t, out)
	for name := range committed {
		switch {
		case strings.HasSuffix(name, ".zip"): // the packing may differ between versions of Go, the documents may not
			if diff := cmp.Diff(documents(t, filepath.Join(examples, "feeds", name)), documents(t, filepath.Join(out, name))); diff != "" {
				t.Errorf("%s (-committed +made):\n%.2000s", name, diff)
			}
		case name != "MANIFEST.json":
			if diff := cmp.Diff(committed[name], made[name]); diff != "" {
				t.Errorf("%s (-committed +made):\n%.2000s", name, diff)
			}
		}
	}
	if len(made) != len(committed) {
		t.Errorf("%d files made, %d committed", len(made), len(committed))
	}
	want, err := os.ReadFile(filepath.Join(examples, "expected-findings.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "expected-findings.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("expected-findings.tsv (-committed +made):\n%.2000s", diff)
	}
}

func documents(t *testing.T, name string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = z.Close() })
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(raw)
	}
	return all
}

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing": {}, "no_out": {"-organisation"}, "no_disk": {"-feeds", "x", "-out", "y"},
		"no_packages": {"-feeds", "x", "-disk", "x", "-out", "y"}, "unknown": {"-x"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(args, io.Discard); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestImageIsCurrent wants make-image.sh to make the committed disk again.
// Its bytes depend on the version of mke2fs, so with another than the one the
// disk was made with, only that it runs is checked.
func TestImageIsCurrent(t *testing.T) {
	for _, tool := range []string{"mke2fs", "debugfs", "e2fsck", "sfdisk", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	ingress(t) // the module is there
	out := filepath.Join(t.TempDir(), "disk.img.gz")
	if msg, err := exec.Command(filepath.Join(examples, "disk", "make-image.sh"), out).CombinedOutput(); err != nil {
		t.Fatalf("make-image.sh: %v\n%s", err, msg)
	}
	version, err := exec.Command("mke2fs", "-V").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(version), "mke2fs 1.47.0 ") {
		t.Skipf("SKIPPED: the disk was made with mke2fs 1.47.0, here is %.20s", version)
	}
	if gunzipped(t, out) != gunzipped(t, filepath.Join(examples, "disk", "shop-web-01.img.gz")) {
		t.Error("run: examples/disk/make-image.sh (the committed disk is another)")
	}
}

// TestPackageDatabaseIsCurrent wants make-rpmdb.sh to make the committed
// database again. rpm writes its own version into each entry, so with another
// than the one it was made with, only that it runs is checked.
func TestPackageDatabaseIsCurrent(t *testing.T) {
	for _, tool := range []string{"rpm", "rpmbuild", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	out := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	if msg, err := exec.Command(filepath.Join(examples, "disk", "make-rpmdb.sh"), out).CombinedOutput(); err != nil {
		t.Fatalf("make-rpmdb.sh: %v\n%s", err, msg)
	}
	version, err := exec.Command("rpm", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(version), "RPM version 4.18.0") {
		t.Skipf("SKIPPED: the database was made with rpm 4.18.0, here is %s", version)
	}
	want, got := entries(t, filepath.Join(examples, "disk/tree/usr/lib/sysimage/rpm/rpmdb.sqlite")), entries(t, out)
	if diff := cmp.Diff(want, got); diff != "" || !strings.Contains(want, "<string>openssl-libs</string>") {
		t.Errorf("run: examples/disk/make-rpmdb.sh (-committed +made):\n%.2000s", diff)
	}
}

// entries returns every entry of a package database with all its tags, as rpm
// prints them.
func entries(t *testing.T, database string) string {
	t.Helper()
	dir := t.TempDir() // rpm writes beside its database
	raw, err := os.ReadFile(database)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rpmdb.sqlite"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("rpm", "--dbpath", dir, "--define", "_db_backend sqlite", "-qa", "--xml").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// gunzipped returns the SHA-256 of what is in the archive.
func gunzipped(t *testing.T, name string) [sha256.Size]byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(raw)
}
