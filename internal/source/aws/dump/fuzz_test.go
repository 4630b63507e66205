package dump_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"hinomi/internal/asset"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/source/aws/mapping"
)

// FuzzRead hands arbitrary bytes to every part: nothing may panic, and what is broken must not count as read.
func FuzzRead(f *testing.F) {
	seeds := map[string]bool{}
	add := func(part string, b []byte) {
		if len(b) < 20000 {
			f.Add(part, b)
			seeds[part] = true
		}
	}
	_ = fs.WalkDir(os.DirFS("testdata"), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".json" {
			b, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				f.Fatal(err)
			}
			add(filepath.Base(name[:len(name)-len(".json")]), b)
		}
		return nil
	})
	b, err := os.ReadFile("../mapping/testdata/InstanceProfiles.json")
	if err != nil {
		f.Fatal(err)
	}
	add("InstanceProfiles", b)
	if len(seeds) < 5 {
		f.Fatalf("got %d kinds of seeds", len(seeds))
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		part := mapping.PartNamed(name)
		if part == nil {
			part = mapping.Parts()[int(uint(len(name)))%len(mapping.Parts())]
		}
		fsys := fstest.MapFS{"eu-west-1/" + part.Name + ".json": &fstest.MapFile{Data: b, ModTime: when}}
		opts := dump.Options{Account: "123456789012"}
		res, err := dump.ReadFS(t.Context(), fsys, opts)
		if err != nil {
			t.Fatal(err)
		}
		opts.Strict = true
		region := "eu-west-1"
		if part.Global {
			region = asset.Global
		}
		if _, err := dump.ReadFS(t.Context(), fsys, opts); err != nil && part.Detail == "" && res.Snapshot.WasRead("123456789012", region, part.Kind) {
			t.Errorf("broken (%v) but read", err)
		}
	})
}
