package subset_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/cmd/gen-example/subset"
)

func TestListed(t *testing.T) {
	const good = "# a comment\nbash\t5.2.26-6.el10\tx86_64\tbash-5.2.26-6.el10.src.rpm\nvim-minimal\t2:9.1.083-9.el10\tx86_64\tvim-9.1.083-9.el10.src.rpm\n"
	tests := map[string]struct {
		text string
		want []subset.Package
	}{
		"two":            {good, []subset.Package{{Ecosystem: "AlmaLinux:10", Name: "bash", Version: "5.2.26-6.el10"}, {Ecosystem: "AlmaLinux:10", Name: "vim-minimal", Version: "2:9.1.083-9.el10"}}},
		"empty":          {"# nothing\n", nil},
		"short line":     {"bash\t5.2.26-6.el10\tx86_64\n", nil},
		"empty column":   {"bash\t\tx86_64\tbash-5.2.26-6.el10.src.rpm\n", nil},
		"twice":          {good + good, nil},
		"no source":      {"bash\t5.2.26-6.el10\tx86_64\tbash\n", nil},
		"trailing blank": {good + "\n", nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "packages.tsv")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := subset.Listed(file)
			if (err != nil) != (c.want == nil) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := subset.Listed(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a list that is not there was read")
	}
}
