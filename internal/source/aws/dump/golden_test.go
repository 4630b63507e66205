package dump_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
)

var update = flag.Bool("update", false, "write the golden files")

// world is a snapshot as a file shows it.
type world struct {
	Reads  []snapshot.Read
	Gaps   []snapshot.Gap
	Assets map[asset.Kind][]asset.Asset
}

func TestGolden(t *testing.T) {
	res, err := dump.Read(t.Context(), "testdata/batfish", dump.Options{Account: "554773406868", TakenAt: when, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	w := world{Reads: res.Snapshot.Reads(), Gaps: res.Snapshot.Gaps(), Assets: map[asset.Kind][]asset.Asset{}}
	for _, k := range res.Snapshot.Kinds() {
		for a := range res.Snapshot.Assets(k) {
			w.Assets[k] = append(w.Assets[k], a)
		}
	}
	got, err := json.MarshalIndent(w, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/batfish.golden.json"
	if *update {
		if err := os.WriteFile(name, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got)+"\n", "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, word := range []string{"pre_shared_key", "SharedKey", "secret"} {
		if strings.Contains(strings.ToLower(string(got)), strings.ToLower(word)) {
			t.Errorf("the assets hold %q", word)
		}
	}
}
