package collected_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm/collected"
)

func host(packages int) *inventory.Inventory {
	r := rand.New(rand.NewPCG(1, 2))
	inv := &inventory.Inventory{
		OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agent, Covered: []string{"/usr", "/opt"},
		ReadAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Gaps: []inventory.Gap{{Path: "/home", Reason: "not a default path"}},
	}
	for i := range packages {
		inv.Packages = append(inv.Packages, inventory.Package{
			Ecosystem: inventory.Debian, Name: fmt.Sprintf("p%d-%016x%016x", i, r.Uint64(), r.Uint64()), Version: fmt.Sprintf("%d", r.Uint64()), Location: "/var/lib/dpkg/status", FoundBy: "dpkg",
		})
	}
	return inv
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 50, 500, 3000} {
		inv := host(n)
		item, err := collected.Encode(inv, "")
		if err != nil {
			t.Fatal(n, err)
		}
		b, err := json.Marshal(item.Entries)
		if err != nil || len(b) > 200<<10 || item.Object != nil || item.CaptureTime != "2026-03-01T12:00:00Z" {
			t.Errorf("%d packages: %d bytes of entries, object of %d, %q, %v", n, len(b), len(item.Object), item.CaptureTime, err)
		}
		for _, e := range item.Entries {
			for k, v := range e {
				if len(v) > 4096 || len(k) > 64 || len(e) > 50 {
					t.Errorf("entry %s of %d characters", k, len(v))
				}
			}
		}
		slices.Reverse(item.Entries) // Systems Manager promises no order
		got, err := collected.Decode(item.Entries)
		if err != nil {
			t.Fatal(n, err)
		}
		if diff := cmp.Diff(inv, got); diff != "" {
			t.Errorf("%d packages (-want +got):\n%s", n, diff)
		}
		t.Logf("%d packages: %d entries, %d bytes", n, len(item.Entries), len(b))
	}
}

func TestLarge(t *testing.T) {
	inv := host(8000)
	if _, err := collected.Encode(inv, ""); !errors.Is(err, collected.ErrNoBucket) {
		t.Errorf("got %v, want ErrNoBucket", err)
	}
	const id = "i-0123456789abcdef0"
	item, err := collected.Encode(inv, "collected/AROAEXAMPLE:"+id)
	if err != nil || len(item.Entries) != 1 {
		t.Fatal(len(item.Entries), err)
	}
	h, err := collected.ReadHead(item.Entries)
	if err != nil || h.Key != item.Key || !h.Of("collected", id) || h.Of("collected", "i-0123456789abcdef1") || h.Of("other", id) {
		t.Errorf("head %+v, %v", h, err)
	}
	if _, err := collected.Decode(item.Entries); err == nil {
		t.Error("decoded without the object")
	}
	got, err := collected.Unpack(h, item.Object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inv, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, key := range []string{"collected/x:" + id, "collected/x:" + id + "/", "collected/x:" + id + "/a/b", "collected/x:" + id + "/..", "collected//" + id, ""} {
		if (collected.Head{Key: key}).Of("collected", id) {
			t.Errorf("key %q passed", key)
		}
	}
}

func TestDamaged(t *testing.T) {
	for name, harm := range map[string]func(e []map[string]string) []map[string]string{
		"none":       func([]map[string]string) []map[string]string { return nil },
		"no_head":    func(e []map[string]string) []map[string]string { return e[1:] },
		"part_lost":  func(e []map[string]string) []map[string]string { return e[:len(e)-1] },
		"part_twice": func(e []map[string]string) []map[string]string { return append(e, e[1]) },
		"two_heads":  func(e []map[string]string) []map[string]string { return append(e, e[0]) },
		"changed": func(e []map[string]string) []map[string]string {
			e[1]["Data"] = strings.ToLower(e[1]["Data"])
			return e
		},
		"other_form": func(e []map[string]string) []map[string]string { e[0]["Form"] = "2"; return e },
		"huge":       func(e []map[string]string) []map[string]string { e[0]["Size"] = "99999999999"; return e },
		"many":       func(e []map[string]string) []map[string]string { return slices.Repeat(e, 1001) },
	} {
		item, err := collected.Encode(host(300), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := collected.Decode(harm(item.Entries)); !errors.Is(err, collected.ErrDamaged) {
			t.Errorf("%s: got %v, %v, want ErrDamaged", name, got, err)
		}
	}
	for name, inv := range map[string]*inventory.Inventory{
		"no_method": {ReadAt: time.Now(), Covered: []string{"/"}}, "covers_nothing": {ReadAt: time.Now(), Method: inventory.Agent},
	} {
		item, err := collected.Encode(inv, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := collected.Decode(item.Entries); !errors.Is(err, collected.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
	if _, err := collected.Encode(&inventory.Inventory{}, ""); err == nil {
		t.Error("encoded without a time")
	}
}

// FuzzDecode holds that no entries, however they are, do more than an error.
func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 5, 200} {
		item, err := collected.Encode(host(n), "")
		if err != nil {
			f.Fatal(err)
		}
		b, err := json.Marshal(item.Entries)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`[{"Form":"1","SHA256":"` + strings.Repeat("0", 64) + `","Size":"3"},{"Part":"0","Data":"AAAA"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var entries []map[string]string
		if json.Unmarshal(b, &entries) != nil {
			return
		}
		if inv, err := collected.Decode(entries); err == nil && (inv == nil || inv.ReadAt.IsZero() || len(inv.Covered) == 0) {
			t.Errorf("decoded %+v", inv)
		}
	})
}

// TestRefuse carries the limit that a collector ran into, and no inventory that could be taken for an empty host.
func TestRefuse(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	item := collected.Refuse(at, coverage.GapDeepPackages, strings.Repeat("ä", 2000))
	h, err := collected.ReadHead(item.Entries)
	if err != nil || h.Limit != coverage.GapDeepPackages || len(h.Detail) > 1000 || !strings.HasPrefix(h.Detail, "ää") || item.CaptureTime != "2026-03-01T12:00:00Z" {
		t.Errorf("got %+v, %v", h, err)
	}
	if inv, err := collected.Decode(item.Entries); !errors.Is(err, collected.ErrDamaged) {
		t.Errorf("a refusal was read as an inventory: %+v, %v", inv, err)
	}
	for name, e := range map[string][]map[string]string{
		"unknown": {{"Form": "1", "Limit": "x", "Detail": "y"}}, "silent": {{"Form": "1", "Limit": coverage.GapDeepTime}},
		"with_parts": {{"Form": "1", "Limit": coverage.GapDeepTime, "Detail": "y"}, {"Part": "0", "Data": "x"}},
		"long":       {{"Form": "1", "Limit": coverage.GapDeepTime, "Detail": strings.Repeat("x", 1001)}},
	} {
		if h, err := collected.ReadHead(e); !errors.Is(err, collected.ErrDamaged) {
			t.Errorf("%s: got %+v, %v", name, h, err)
		}
	}
}
