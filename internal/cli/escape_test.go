package cli_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"hinomi/internal/cli"
)

// run calls the command line as main does and returns what it wrote and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// hostile are names that somebody in a scanned account may choose, and how a terminal gets to see them.
var hostile = []struct{ name, value, shown string }{
	{"escape_sequence", "\x1b[2J\x1b]0;owned\x07web", `\x1b[2J\x1b]0;owned\x07web`},
	{"c1_control", "web\u009b31m", `web\x9b31m`},
	{"carriage_return", "web\rroot", `web\x0droot`},
	{"line_feed", "web\nHIGH", `web\x0aHIGH`},
	{"bidi_override", "web\u202egnp.exe", `web\u202egnp.exe`},
	{"bidi_isolate", "\u2066web\u2069", `\u2066web\u2069`},
	{"zero_width", "we\u200bb", `we\u200bb`},
	{"tag_character", "web\U000e0041", `web\U000e0041`},
	{"line_separator", "web\u2028HIGH", `web\u2028HIGH`},
	{"invalid_utf8", "web\xff", `web\xff`},
	{"formula", `=HYPERLINK("http://example.org","x")`, `=HYPERLINK("http://example.org","x")`},
	{"formula_after_spaces", "  +1+1", "  +1+1"},
	{"formula_full_width", "＝1+1", "＝1+1"},
	{"html", "<script>alert(1)</script>&amp;", "<script>alert(1)</script>&amp;"},
	{"plain", "shop-web-01 ünï 日本", "shop-web-01 ünï 日本"},
	{"negative_number", "-12.5", "-12.5"},
}

func TestPrintable(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			if got := cli.Printable(tt.value); got != tt.shown {
				t.Errorf("got %q, want %q", got, tt.shown)
			}
		})
	}
}

func TestCSVCell(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "  =1": "'  =1",
		"＝1": "'＝1", "＠x": "'＠x", "-12.5": "-12.5", "-1.2.3": "'-1.2.3", "-": "'-", "": "", "web": "web", "a=b": "a=b", "2026-01-01": "2026-01-01",
	} {
		if got := cli.CSVCell(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestHostileTag takes hostile Name tags through the whole program: import, store, list in every form.
func TestHostileTag(t *testing.T) {
	t.Setenv("HINOMI_HOME", filepath.Join(t.TempDir(), "home"))
	for _, tt := range hostile {
		if !utf8.ValidString(tt.value) {
			continue // JSON, the only way in, cannot carry it
		}
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HINOMI_HOME", home)
			dir := filepath.Join(t.TempDir(), "eu-west-1")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			doc, err := json.Marshal(map[string]any{"Reservations": []any{map[string]any{"OwnerId": "111122223333", "Instances": []any{map[string]any{
				"InstanceId": "i-0aaaaaaaaaaaaaaa1", "InstanceType": "t3.medium", "State": map[string]any{"Code": 16, "Name": "running"},
				"Tags": []any{map[string]any{"Key": "Name", "Value": tt.value}},
			}}}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "Reservations.json"), doc, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, errs, code := run(t, "import", filepath.Dir(dir), "--account", "111122223333"); code != 3 {
				t.Fatalf("import: got exit code %d, want 3: %s", code, errs)
			}
			table, _, _ := run(t, "asset", "list")
			if !strings.Contains(table, strings.TrimSpace(tt.shown)) || strings.ContainsAny(table, "\x1b\x07\r\u202e\u2066\u200b\u2028") {
				t.Errorf("table: got %q, want %q in it", table, tt.shown)
			}
			if lines := strings.Count(table, "\n"); lines != 3 {
				t.Errorf("table: got %d lines, want 3", lines)
			}
			text, _, _ := run(t, "asset", "list", "--output", "csv")
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || len(rows) != 2 {
				t.Fatalf("csv: got %d rows (%v), want 2", len(rows), err)
			}
			if got, want := rows[1][1], cli.CSVCell(tt.shown); got != want {
				t.Errorf("csv: got %q, want %q", got, want)
			}
			data, _, _ := run(t, "asset", "list", "--output", "json")
			var list []struct {
				Asset struct {
					Tags map[string]string `json:"tags"`
				} `json:"asset"`
			}
			if err := json.Unmarshal([]byte(data), &list); err != nil || strings.ContainsRune(data, 0x1b) {
				t.Fatalf("json: got %q (%v), want a document without control characters", data, err)
			}
			if len(list) != 1 || list[0].Asset.Tags["Name"] != tt.value {
				t.Errorf("json: got %s, want the name as it is: %q", data, tt.value)
			}
		})
	}
}

func FuzzCSVCell(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := cli.CSVCell(cli.Printable(s))
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " ")); strings.ContainsRune("=+@", first) {
			t.Errorf("%q: got cell %q, which a spreadsheet takes as a formula", s, cell)
		}
	})
}
