package extract_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSnaps(t *testing.T) {
	fsys := files(map[string]string{"var/lib/snapd/state.json": fixture(t, "bundle/state.json"), "snap/core/17210/meta/snap.yaml": fixture(t, "bundle/core.snap.yaml")})
	inv := run(t, fsys, extract.Options{})
	want := []string{"snap amazon-ssm-agent revision 7993", "snap canonical-livepatch revision 282", "snap core 16-2.61.4-20240607"}
	if diff := cmp.Diff(want, short(inv)); diff != "" || len(inv.Gaps) != 0 {
		t.Errorf("gaps %q %s", reasons(inv), diff)
	}
	p := inv.Packages[2]
	if p.PURL != "pkg:snap/core@16-2.61.4-20240607?revision=17210" || p.Location != "/var/lib/snapd/snaps/core_17210.snap" || p.Repository != "latest/stable" || p.Arch != "amd64" || p.Ecosystem != inventory.Snap {
		t.Errorf("got %+v", p)
	}
	if !strings.Contains(strings.Join(inv.Notes, "\n"), "Livepatch") {
		t.Errorf("got notes %q", inv.Notes)
	}
	for text, gap := range map[string]string{"{": "state of snapd", `{"data":{"snaps":{"../x":{"active":true,"current":"1"}}}}`: "without a name"} {
		inv := run(t, files(map[string]string{"var/lib/snapd/state.json": text}), extract.Options{})
		if len(inv.Gaps) != 1 || !strings.Contains(inv.Gaps[0].Reason, gap) || len(inv.Packages) != 0 {
			t.Errorf("%s: got %q and gaps %q", text, short(inv), reasons(inv))
		}
	}
}

func TestFlatpaks(t *testing.T) {
	root := t.TempDir()
	app := "var/lib/flatpak/app/org.gimp.GIMP/x86_64/stable/"
	write(t, root, app+"abc/metadata", "[Application]\nname=org.gimp.GIMP\nruntime=org.gnome.Platform/x86_64/46\n")
	write(t, root, app+"abc/files/share/app-info/xmls/org.gimp.GIMP.xml.gz", gzipped(t, fixture(t, "bundle/gimp.appdata.xml")))
	write(t, root, app+"old/metadata", "[Application]\nname=org.gimp.GIMP\n")
	link(t, root, app+"active", "abc")
	link(t, root, "var/lib/flatpak/app/org.gimp.GIMP/current", "x86_64/stable")
	write(t, root, "var/lib/flatpak/runtime/org.freedesktop.Platform/x86_64/23.08/d/metadata", "[Runtime]\nname=org.freedesktop.Platform\n")
	link(t, root, "var/lib/flatpak/runtime/org.freedesktop.Platform/x86_64/23.08/active", "d")
	write(t, root, "var/lib/flatpak/app/broken/x86_64/stable/e/files/x", "")
	link(t, root, "var/lib/flatpak/app/broken/x86_64/stable/active", "e")
	inv := run(t, os.DirFS(root), extract.Options{})
	if diff := cmp.Diff([]string{"flatpak org.freedesktop.Platform 23.08", "flatpak org.gimp.GIMP 2.10.38"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	if p := inv.Packages[1]; p.PURL != "pkg:flatpak/org.gimp.GIMP@2.10.38?arch=x86_64&branch=stable" || p.Location != "/"+app+"abc/metadata" {
		t.Errorf("got %+v", p)
	}
	if wantGap(t, inv, "/var/lib/flatpak/app/broken/x86_64/stable/e/metadata", "unknown"); len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
}

func TestHomebrew(t *testing.T) {
	receipt := fixture(t, "bundle/rclone.receipt.json")
	inv := run(t, files(map[string]string{
		"home/linuxbrew/.linuxbrew/Cellar/rclone/1.67.0_1/INSTALL_RECEIPT.json": receipt,
		"opt/homebrew/Cellar/broken/1/INSTALL_RECEIPT.json":                     "{",
		"opt/homebrew/Caskroom/x/INSTALL_RECEIPT.json":                          receipt,
	}), extract.Options{})
	want := []inventory.Package{{
		Ecosystem: inventory.Homebrew, Name: "rclone", Version: "1.67.0_1", SourceVersion: "1.67.0", Arch: "x86_64", Repository: "homebrew/core", FoundBy: "homebrew",
		Location: "/home/linuxbrew/.linuxbrew/Cellar/rclone/1.67.0_1/INSTALL_RECEIPT.json", PURL: "pkg:brew/rclone@1.67.0_1",
	}}
	if diff := cmp.Diff(want, inv.Packages); diff != "" {
		t.Error(diff)
	}
	wantGap(t, inv, "/opt/homebrew/Cellar/broken/1/INSTALL_RECEIPT.json", "receipt")
}

func FuzzSnapState(f *testing.F) {
	fuzz(f, "var/lib/snapd/state.json", map[string]string{"snap/core/17210/meta/snap.yaml": "version: 1\n"}, fixture(f, "bundle/state.json"))
}

func FuzzSnapYAML(f *testing.F) {
	fuzz(f, "snap/core/17210/meta/snap.yaml", map[string]string{"var/lib/snapd/state.json": fixture(f, "bundle/state.json")}, fixture(f, "bundle/core.snap.yaml"))
}

func FuzzAppStream(f *testing.F) {
	f.Add([]byte(fixture(f, "bundle/gimp.appdata.xml")))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := "var/lib/flatpak/app/a/x/b/active/"
		inv := run(t, files(map[string]string{dir + "metadata": "name=a\n", dir + "files/share/app-info/xmls/a.xml.gz": gzipped(t, string(data))}), extract.Options{Workers: 1})
		if len(inv.Packages) != 1 || inv.Packages[0].Version == "" {
			t.Errorf("got %+v", inv.Packages)
		}
	})
}

func FuzzHomebrew(f *testing.F) {
	fuzz(f, "opt/Cellar/a/1/INSTALL_RECEIPT.json", nil, fixture(f, "bundle/rclone.receipt.json"))
}
