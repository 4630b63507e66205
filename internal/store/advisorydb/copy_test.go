package advisorydb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hinomi/internal/store/advisorydb"
)

// TestCopy copies whole databases only: from a damaged, cut or foreign file, one that is refused, or with an ended context, nothing comes, and
// what was there stays.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "to.db")
	build(t, from, 50, advisorydb.Options{})
	whole, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if meta, err := advisorydb.Copy(t.Context(), from, to, day(), nil); err != nil || meta.Documents != 50 || open(t, to).Meta().Documents != 50 {
		t.Fatalf("got %+v, %v", meta, err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	refusal := errors.New("no")
	ended, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct {
		data   []byte
		ctx    context.Context //nolint:containedctx // of one case
		accept func(advisorydb.Meta) error
		want   error
	}{
		"flipped": {flipped, t.Context(), nil, advisorydb.ErrCorrupt},
		"cut":     {whole[:len(whole)-1], t.Context(), nil, advisorydb.ErrCorrupt},
		"head":    {whole[:100], t.Context(), nil, advisorydb.ErrFormat},
		"foreign": {[]byte("SQLite format 3\x00"), t.Context(), nil, advisorydb.ErrFormat},
		"empty":   {nil, t.Context(), nil, advisorydb.ErrFormat},
		"refused": {whole, t.Context(), func(advisorydb.Meta) error { return refusal }, refusal},
		"ended":   {whole, ended, nil, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.db")
			if err := os.WriteFile(bad, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := advisorydb.Copy(tt.ctx, bad, to, day(), tt.accept); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if n := open(t, to).Meta().Documents; n != 50 {
				t.Errorf("got %d documents in what was there", n)
			}
			if l, _ := filepath.Glob(filepath.Join(dir, ".adv*")); len(l) != 0 {
				t.Errorf("left behind: %q", l)
			}
		})
	}
	if _, err := advisorydb.Copy(t.Context(), filepath.Join(dir, "none"), to, day(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := advisorydb.Copy(t.Context(), dir, to, day(), nil); !errors.Is(err, advisorydb.ErrFormat) {
		t.Errorf("a folder: got %v", err)
	}
}
