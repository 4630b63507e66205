package lockfile_test

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
)

// TestHostile gives each format what was made to hurt: it must end as an error or as entries, with little memory.
func TestHostile(t *testing.T) {
	laughs := "a: &a [x, x]\nb: &b [*a, *a]\npackages:\n  x: *b\n"
	for _, c := range []struct {
		name, id, text string
		want           error // nil: none
	}{
		{"deep_json", "npm-lock", strings.Repeat(`{"dependencies":`, 1<<20), lockfile.ErrFormat},
		{"deep_dependencies", "npm-lock", `{"dependencies":` + strings.Repeat(`{"a":{"version":"1.0.0","dependencies":`, 4000) + `{}` + strings.Repeat("}}", 4000) + `}`, nil},
		{"deep_lists", "bun-lock", `{"lockfileVersion":1,"packages":{"a":` + strings.Repeat("[", 1<<20), lockfile.ErrFormat},
		{"many_entries", "npm-lock", `{"packages":{` + strings.Repeat(`"node_modules/a":{"version":"1.0.0"},`, 300_000) + `"":{}}}`, lockfile.ErrTooLarge},
		{"two_values", "pipfile-lock", `{"default":{}} {}`, lockfile.ErrFormat},
		{"no_object", "composer-lock", `[1]`, lockfile.ErrFormat},
		{"comment_without_end", "bun-lock", `{"lockfileVersion":1, /* `, lockfile.ErrFormat},
		{"aliases", "pnpm-lock", "lockfileVersion: 9\n" + laughs, lockfile.ErrFormat},
		{"aliases_of_pub", "pubspec-lock", laughs, lockfile.ErrFormat},
		{"deep_mapping", "pubspec-lock", "packages:\n" + deep(2000), lockfile.ErrFormat},
		{"deep_array", "uv-lock", "x = " + strings.Repeat("[", 1<<20), lockfile.ErrFormat},
		{"deep_array_that_ends", "uv-lock", "x = " + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "\n[[package]]\nname = \"a\"\nversion = \"1\"\n", nil},
		{"string_without_end", "poetry-lock", "x = \"\"\"\n" + strings.Repeat("y\n", 1000), lockfile.ErrFormat},
		{"inline_packages", "pylock", "packages = [\n  { name = \"a\", version = \"1\" },\n]\n", lockfile.ErrFormat},
		{"many", "gradle-lock", strings.Repeat("a:b:1=c\n", 300_000), lockfile.ErrTooLarge},
		{"long_module", "go-mod", "module m\n" + strings.Repeat("// x\n", 1<<20), lockfile.ErrTooLarge},
		{"long", "requirements", strings.Repeat("#", lockfile.MaxBytes+1), lockfile.ErrTooLarge},
		{"deep_xml", "nuget-config", "<packages>" + strings.Repeat("<a>", 1<<20), nil},
		{"entities", "nuget-config", `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><packages><package id="&b;" version="1"/></packages>`, lockfile.ErrFormat},
		{"other_root", "nuget-config", "<project/>", lockfile.ErrFormat},
		{"merge", "gemfile-lock", "GEM\n  specs:\n<<<<<<< HEAD\n    a (1)\n", lockfile.ErrFormat},
		{"other_text", "mix-lock", "hello", lockfile.ErrFormat},
		{"version_9", "swift-resolved", `{"version":9,"pins":[]}`, lockfile.ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l lines
			err := format(t, c.id).Read([]byte(c.text), &l)
			if c.want == nil && (err != nil || len(l.list) == 0 && c.name != "deep_xml") || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %d entries, %v, want %v", len(l.list), err, c.want)
			}
		})
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		b.WriteString(strings.Repeat(" ", i) + "k:\n")
	}
	return b.String()
}

func TestForms(t *testing.T) {
	for _, c := range []struct{ name, id, text, want string }{
		{"long_key", "pnpm-lock", "lockfileVersion: '6.0'\npackages:\n  ? /a@1.0.0(b@2)\n  : resolution: {integrity: x}\n    dev: true\n", "npm a 1.0.0 (development) pkg:npm/a@1.0.0"},
		{"byte_order_mark", "pipfile-lock", "\xef\xbb\xbf{\"default\":{\"A_b\":{\"version\":\"==1.0\"}}}", "PyPI a-b 1.0 pkg:pypi/a-b@1.0"},
		{"patched", "yarn-lock", "\"a@patch:a@npm%3A1.0.0#x\":\n  version: 1.0.0\n  resolution: \"a@patch:a@npm%3A1.0.0#x::hash=1\"\n", "npm a 1.0.0 pkg:npm/a@1.0.0"},
		{"multi_line_string", "poetry-lock", "[[package]]\nname = \"a\"\ndescription = \"\"\"\n[[package]]\nname = \"b\"\n\"\"\"\nversion = \"1\"\n", "PyPI a 1 pkg:pypi/a@1"},
		{"git_address", "swift-resolved", `{"version":1,"object":{"pins":[{"package":"N","repositoryURL":"git@github.com:a/n.git","state":{"version":"1.2.3"}}]}}`, "SwiftURL github.com/a/n 1.2.3 pkg:swift/github.com/a/n@1.2.3"},
		{"branch", "composer-lock", `{"packages":[{"name":"a/b","version":"dev-main"}]}`, "unversioned a/b: from the branch dev-main"},
		{"std", "go-mod", "module std\n\ngo 1.26\n\nrequire golang.org/x/crypto v0.1.0\n", ""},
		{"crlf", "gemfile-lock", "GEM\r\n  specs:\r\n    nokogiri (1.13.3-x86_64-linux)\r\n", "RubyGems nokogiri 1.13.3 pkg:gem/nokogiri@1.13.3"},
		{"comments", "bun-lock", "{ // x\n \"lockfileVersion\": 1, \"packages\": { \"a\": [\"a@1.0.0, //\\\" ]\"], /* , */ }, }", "npm a 1.0.0, //\" ] pkg:npm/a@1.0.0%2C%20%2F%2F%22%20%5D"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(read(format(t, c.id), []byte(c.text)).list, "\n"); got != c.want && c.name != "comments" || c.name == "comments" && !strings.Contains(got, `//" ]`) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"package-lock.json": "npm-lock", "requirements.txt": "requirements", "requirements-dev.txt": "requirements", "notes.txt": "", "Cargo.lock": "cargo-lock",
		"cargo.lock": "", "packages.config": "nuget-config", ".txt": "",
	} {
		got := ""
		for _, f := range lockfile.Formats() {
			if f.Is(name) {
				got += f.ID
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestMemory reads a long file that is all entries: what is held beside its bytes stays small, however many they are.
func TestMemory(t *testing.T) {
	const size = 8 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	for id, text := range map[string]string{
		"npm-lock":      `{"packages":{` + strings.Repeat(`"node_modules/":{},`, size/19) + `"":{}}}`,
		"composer-lock": `{"packages":[` + strings.Repeat(`{},`, size/3) + `{}]}`,
		"nuget-lock":    `{"dependencies":{"a":{` + strings.Repeat(`"":{},`, size/6) + `"":{}}}}`,
	} {
		b := []byte(text)
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		grown := int64(0)
		sink := &counter{at: func() {
			runtime.ReadMemStats(&now)
			grown = max(grown, int64(now.HeapAlloc)-int64(before.HeapAlloc))
		}}
		_ = format(t, id).Read(b, sink) // that there are too many entries is another test's matter
		if grown > 16<<20 || sink.n == 0 {
			t.Errorf("%s: %d MiB more for a file of %d MiB, seen %d times", id, grown>>20, len(b)>>20, sink.n)
		}
	}
}

// counter looks at the memory once in a while.
type counter struct {
	n  int
	at func()
}

func (c *counter) Add(inventory.Package) { c.look() }

func (c *counter) Unversioned(string, string) { c.look() }

func (c *counter) Gap(string, string) { c.look() }

func (c *counter) look() {
	if c.n++; c.n%10_000 == 0 {
		c.at()
	}
}

// FuzzFormats gives any bytes to each format: it ends, and each package has a name, a version and a package URL.
func FuzzFormats(f *testing.F) {
	formats := lockfile.Formats()
	for i, format := range formats {
		for _, name := range fixtures(f, format.ID) {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 8<<10 {
				f.Add(uint8(i), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		for _, p := range read(formats[int(i)%len(formats)], b).packages {
			if p.Name == "" || p.Version == "" || p.PURL == "" {
				t.Errorf("got %+v", p)
			}
		}
	})
}
