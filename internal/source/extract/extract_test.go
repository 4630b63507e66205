package extract_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// need skips the test loudly if a tool is missing, or fails it where everything is required.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool+" is not installed")
		}
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT RUN, but HINOMI_TEST_REQUIRE=all: %s", why)
	}
	t.Skipf("SKIPPED: %s", why)
}

func run(t testing.TB, fsys fs.FS, opts extract.Options) *inventory.Inventory {
	t.Helper()
	inv, _, err := extract.Extract(t.Context(), fsys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func files(content map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range content {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

const debian12 = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME='Debian GNU/Linux 12'\n"

// short writes packages as the tables want them.
func short(inv *inventory.Inventory) []string {
	var out []string
	for _, p := range inv.Packages {
		out = append(out, fmt.Sprintf("%s %s %s", p.FoundBy, p.Name, p.Version))
	}
	return out
}

func reasons(inv *inventory.Inventory) []string {
	var out []string
	for _, g := range inv.Gaps {
		out = append(out, g.Path+": "+g.Reason)
	}
	return out
}

// wantGap fails unless a gap of path has a reason with each of the words.
func wantGap(t *testing.T, inv *inventory.Inventory, path string, words ...string) {
	t.Helper()
	for _, g := range inv.Gaps {
		if g.Path == path && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(g.Reason, w) }) {
			return
		}
	}
	t.Errorf("got gaps %q, want one of %s that says %q", reasons(inv), path, words)
}

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name, path, text string
		want             inventory.OS
	}{
		{"os_release", "etc/os-release", debian12, inventory.OS{ID: "debian", VersionID: "12", Codename: "bookworm", PrettyName: "Debian GNU/Linux 12"}},
		{
			"usr_lib", "usr/lib/os-release", "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.4\"\nCPE_NAME=\"cpe:/o:redhat:enterprise_linux:9::baseos\"\n",
			inventory.OS{ID: "rhel", IDLike: "fedora", VersionID: "9.4", CPE: "cpe:/o:redhat:enterprise_linux:9::baseos"},
		},
		{"centos6", "etc/redhat-release", "CentOS release 6.10 (Final)\n", inventory.OS{ID: "centos", VersionID: "6.10", PrettyName: "CentOS release 6.10 (Final)"}},
		{
			"amazon1", "etc/system-release", "Amazon Linux AMI release 2018.03\n",
			inventory.OS{ID: "amzn", VersionID: "2018.03", PrettyName: "Amazon Linux AMI release 2018.03"},
		},
		{"debian_version", "etc/debian_version", "7.11\n", inventory.OS{ID: "debian", VersionID: "7.11", PrettyName: "Debian GNU/Linux 7.11"}},
		{"alpine", "etc/alpine-release", "3.2.3\n", inventory.OS{ID: "alpine", VersionID: "3.2.3", PrettyName: "Alpine Linux 3.2.3"}},
		{
			"lsb", "etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\nDISTRIB_CODENAME=precise\nDISTRIB_DESCRIPTION=\"Ubuntu 12.04.5 LTS\"\n",
			inventory.OS{ID: "ubuntu", VersionID: "12.04", Codename: "precise", PrettyName: "Ubuntu 12.04.5 LTS"},
		},
		{"bottlerocket", "etc/os-release", "ID=bottlerocket\nVERSION_ID=1.20.0\nVARIANT_ID=aws-k8s-1.29\n", inventory.OS{ID: "bottlerocket", VersionID: "1.20.0", Build: "aws-k8s-1.29"}},
		{"escapes", "etc/os-release", "ID=x\nPRETTY_NAME=\"a \\\"b\\\" \\$c\"\n", inventory.OS{ID: "x", PrettyName: `a "b" $c`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := run(t, files(map[string]string{c.path: c.text}), extract.Options{})
			if diff := cmp.Diff(c.want, inv.OS); diff != "" {
				t.Error(diff)
			}
			wantGap(t, inv, "/", "no package database", c.want.ID)
		})
	}
	t.Run("unknown_release", func(t *testing.T) {
		inv := run(t, files(map[string]string{"etc/redhat-release": "Something else\n", "etc/os-release": "NAME=x\n"}), extract.Options{})
		wantGap(t, inv, "/etc/redhat-release", "unknown release")
		wantGap(t, inv, "/etc/os-release", "holds no ID")
	})
	t.Run("pro", func(t *testing.T) {
		fsys := files(map[string]string{"etc/os-release": "ID=ubuntu\nVERSION_ID=22.04\n", "var/lib/ubuntu-advantage/status.json": `{"attached": true}`})
		if inv := run(t, fsys, extract.Options{}); !inv.OS.Pro {
			t.Error("got no Ubuntu Pro, want it attached")
		}
		fsys["var/lib/ubuntu-advantage/status.json"].Data = []byte("{")
		wantGap(t, run(t, fsys, extract.Options{}), "/var/lib/ubuntu-advantage/status.json", "Ubuntu Pro")
	})
}

func TestNothingIsAGapOrANote(t *testing.T) {
	t.Run("data_volume", func(t *testing.T) {
		inv := run(t, files(map[string]string{"photos/a.jpg": "x"}), extract.Options{})
		if len(inv.Gaps) != 0 || len(inv.Notes) != 1 {
			t.Errorf("got gaps %q and notes %q, want one note", reasons(inv), inv.Notes)
		}
	})
	t.Run("empty_database", func(t *testing.T) {
		inv := run(t, files(map[string]string{"etc/os-release": debian12, "var/lib/dpkg/status": "\n"}), extract.Options{})
		wantGap(t, inv, "/var/lib/dpkg/status", "yields no package")
	})
	t.Run("no_identity", func(t *testing.T) {
		inv := run(t, files(map[string]string{"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n"}), extract.Options{})
		wantGap(t, inv, "/etc/os-release", "unknown operating system")
	})
	t.Run("no_root", func(t *testing.T) {
		if _, _, err := extract.Extract(t.Context(), os.DirFS(filepath.Join(t.TempDir(), "none")), extract.Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
	})
}

func TestOptions(t *testing.T) {
	fsys := files(map[string]string{
		"etc/os-release": debian12, "opt/a/x.dist-info/METADATA": "Name: x\nVersion: 1\n", "opt/b/y.dist-info/METADATA": "Name: y\nVersion: 2\n",
		"srv/z.dist-info/METADATA": "Name: z\nVersion: 3\n",
	})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := 0
	inv, stats, err := extract.Extract(t.Context(), fsys, extract.Options{
		Method: inventory.Host, Source: "/mnt", Now: func() time.Time { return now }, Exclude: []string{"/opt/a", "/srv/*/METADATA"},
		OnProgress: func(int, string) { seen++ }, RunningKernel: "6.1.0-1-amd64",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"python y 2"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	wantGap(t, inv, "/opt/a", "excluded by /opt/a")
	wantGap(t, inv, "/srv/z.dist-info/METADATA", "excluded by")
	if inv.Method != inventory.Host || inv.Source != "/mnt" || !inv.ReadAt.Equal(now) || inv.Kernel.Release != "6.1.0-1-amd64" || !inv.Kernel.Running {
		t.Errorf("got %+v", inv)
	}
	if int64(seen) != stats.Folders || stats.Files != 3 || stats.Found["python"] != 1 || stats.BytesRead == 0 {
		t.Errorf("got %+v after %d calls", stats, seen)
	}
	if _, _, err := extract.Extract(t.Context(), fsys, extract.Options{Exclude: []string{"["}}); !errors.Is(err, path.ErrBadPattern) {
		t.Errorf("got %v, want path.ErrBadPattern", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if inv, _, err := extract.Extract(ctx, fsys, extract.Options{}); !errors.Is(err, context.Canceled) || inv != nil {
		t.Errorf("got %v, %v, want no inventory and context.Canceled", inv, err)
	}
}

func TestEqualSystemsAreEqual(t *testing.T) {
	fsys := fstest.MapFS{"etc/os-release": {Data: []byte(debian12)}}
	for i := range 200 {
		fsys[fmt.Sprintf("opt/%d/p.dist-info/METADATA", i%37*1000+i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name: p%d\nVersion: %d\n", i%50, i)}
	}
	a, b := run(t, fsys, extract.Options{Workers: 1}), run(t, fsys, extract.Options{Workers: 8})
	if diff := cmp.Diff(a, b); diff != "" || a.Hash() != b.Hash() || len(a.Packages) != 200 {
		t.Errorf("%d packages, %s", len(a.Packages), diff)
	}
}

func TestIDsAreUnique(t *testing.T) {
	ids := extract.IDs()
	slices.Sort(ids)
	if twice := len(ids) - len(slices.Compact(slices.Clone(ids))); twice != 0 {
		t.Errorf("%d IDs are used twice: %q", twice, ids)
	}
	for _, id := range []string{"python", "node", "java-archive", "go-binary", "dpkg", "rpm", "apk", "repository", "kernel"} {
		if !slices.Contains(ids, id) {
			t.Errorf("got IDs without %s: an ID, once released, never changes", id)
		}
	}
}
