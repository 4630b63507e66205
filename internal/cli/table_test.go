package cli_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/cli"
)

func TestTable(t *testing.T) {
	header := []string{"ID", "ACCOUNT", "WHAT"}
	rows := [][]string{{"i-0abac7aa80a6a3807", "111122223333", "a security group opens a port to all the world"}, {"日本", "", "x"}, {"short"}}
	for _, tt := range []struct {
		name  string
		width int
		spare []string
		want  []string
	}{
		{"not_a_terminal", 0, []string{"ACCOUNT"}, []string{
			"ID                   ACCOUNT       WHAT",
			strings.Repeat("─", 81),
			"i-0abac7aa80a6a3807  111122223333  a security group opens a port to all the world",
			"日本                               x",
			"short",
		}},
		{"wide_enough", 81, []string{"ACCOUNT"}, []string{
			"ID                   ACCOUNT       WHAT",
			strings.Repeat("─", 81),
			"i-0abac7aa80a6a3807  111122223333  a security group opens a port to all the world",
			"日本                               x",
			"short",
		}},
		{"wraps_the_last", 60, []string{"ACCOUNT"}, []string{
			"ID                   ACCOUNT       WHAT",
			strings.Repeat("─", 60),
			"i-0abac7aa80a6a3807  111122223333  a security group opens a",
			"                                   port to all the world",
			"日本                               x",
			"short",
		}},
		{"leaves_a_column_out", 50, []string{"ACCOUNT"}, []string{
			"ID                   WHAT",
			strings.Repeat("─", 50),
			"i-0abac7aa80a6a3807  a security group opens a port",
			"                     to all the world",
			"日本                 x",
			"short",
			"Too narrow for ACCOUNT: a wider terminal, --output csv or json show all.",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Split(strings.TrimSuffix(cli.Table(header, rows, tt.spare, tt.width), "\n"), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestColourless shows that what is no terminal gets no colours, with NO_COLOR or without.
func TestColourless(t *testing.T) {
	t.Setenv("HINOMI_HOME", t.TempDir())
	for _, args := range [][]string{{"findings"}, {"nosuch"}, {"--help"}, {"version"}} {
		out, errs, _ := run(t, args...)
		if strings.Contains(out+errs, "\x1b") {
			t.Errorf("%v: got %q, want no escape sequence", args, out+errs)
		}
	}
}

func TestPaint(t *testing.T) {
	rows := [][]string{{"HIGH"}, {"other"}}
	if got := cli.Painted(rows, true); !strings.Contains(got, "\x1b[") {
		t.Errorf("colour: got %q, want colours", got)
	}
	if got := cli.Painted(rows, false); strings.Contains(got, "\x1b") {
		t.Errorf("no colour: got %q, want none", got)
	}
	for _, tt := range []struct {
		name, value string
		flag        bool
		want        bool
	}{{"plain", "", false, true}, {"no_color", "1", false, false}, {"flag", "", true, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.value)
			t.Setenv("TERM", "xterm")
			t.Setenv("HINOMI_HOME", t.TempDir())
			if got := cli.Coloured(t, tt.flag); got != tt.want {
				t.Errorf("got colours %t, want %t", got, tt.want)
			}
		})
	}
}
