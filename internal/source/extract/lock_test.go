package extract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/extract"
)

const npmLock = `{"lockfileVersion":3,"packages":{"":{"name":"app"},"node_modules/lodash":{"version":"4.17.20"},"node_modules/x":{"version":"1.0.0","resolved":"git+ssh://git@host/x.git#1"},"node_modules/y":{"version":"1.0.0","resolved":"file:../y"}}}`

func TestLockFiles(t *testing.T) {
	fsys := files(map[string]string{
		"srv/app/package-lock.json":                      npmLock,
		"srv/app/node_modules/dep/package-lock.json":     npmLock,
		"usr/lib/python3/site-packages/p/poetry.lock":    "[[package]]\nname = \"no\"\nversion = \"1\"\n",
		"var/lib/gems/3.1.0/gems/rails-7.0/Gemfile.lock": "GEM\n  specs:\n    no (1)\n",
		"root/go/pkg/mod/example.com/m@v1.0.0/go.mod":    "module example.com/m\n\nrequire example.com/no v1.0.0\n",
		"opt/gems/Gemfile.lock":                          "GEM\n  specs:\n    rack (2.2.3)\n",
		"opt/r/requirements-dev.txt":                     "flask\nDjango==4.1\n",
		"opt/r/notes.txt":                                "Django==4.1\n",
		"opt/bad/Cargo.lock":                             "hello",
	})
	inv := run(t, fsys, extract.Options{})
	want := []string{"requirements django 4.1", "gemfile-lock rack 2.2.3", "npm-lock lodash 4.17.20"}
	if diff := cmp.Diff(want, short(inv)); diff != "" {
		t.Error(diff)
	}
	if p := inv.Packages[2]; p.Location != "/srv/app/package-lock.json" || p.PURL != "pkg:npm/lodash@4.17.20" {
		t.Errorf("got %+v", p)
	}
	wantGap(t, inv, "/srv/app/package-lock.json", "1 packages were taken from repositories", `["x"]`)
	if wantGap(t, inv, "/opt/bad/Cargo.lock", "malformed"); len(inv.Gaps) != 2 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	notes := strings.Join(inv.Notes, "\n")
	for _, w := range []string{`/srv/app/package-lock.json: 1 entries have no version of a registry: ["y"]`, `/opt/r/requirements-dev.txt: 1 entries`} {
		if !strings.Contains(notes, w) {
			t.Errorf("got notes %q, want %q", notes, w)
		}
	}
	inv = run(t, fsys, extract.Options{SkipLockFiles: true})
	if len(inv.Packages) != 0 || len(inv.Gaps) != 4 {
		t.Errorf("got %q and gaps %q, want a gap for each of 4 lock files", short(inv), reasons(inv))
	}
	wantGap(t, inv, "/srv/app/package-lock.json", "lock files are not read")
}
