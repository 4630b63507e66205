package mount_test

import (
	"testing"
	"testing/fstest"

	"hinomi/internal/source/extract/mount"
)

const table = "1 0 0:0 / / rw - ext4 /dev/vda rw\n2 1 0:7 / /mnt\\040x rw shared:1 - nfs4 server:/x rw\n3 1 0:8 / /run rw - tmpfs tmpfs rw\n4 1 259:1 / /data rw - xfs /dev/vdb rw\nnonsense\n5 1 x:y / /z rw - cifs a b\n"

func TestForeign(t *testing.T) {
	m := mount.Parse(table)
	if _, skip := m.Foreign("/run"); skip {
		t.Error("a table was believed before the root was known")
	}
	m.Root(mount.Identity{}) // device 0:0, as the table says of "/"
	for path, want := range map[string]mount.Point{"/mnt x": {Type: "nfs4"}, "/run": {Type: "tmpfs", Pseudo: true}, "/data": {}, "/": {}, "/z": {}, "/other": {}} {
		got, skip := m.Foreign(path)
		if got != want || skip != (want.Type != "") {
			t.Errorf("%s: got %+v, %v, want %+v", path, got, skip, want)
		}
	}
}

// TestForgedTable: an image may hold any file under /proc.
func TestForgedTable(t *testing.T) {
	if mount.Read(fstest.MapFS{"proc/self/mountinfo": {Data: []byte(table)}}).Live() {
		t.Error("got a mount table out of an image")
	}
	if !mount.Parse(table).Live() || mount.Parse("").Live() {
		t.Error("Live does not say whether there is a table")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(table)
	f.Add(" - ")
	f.Fuzz(func(_ *testing.T, text string) {
		m := mount.Parse(text)
		m.Root(mount.Identity{})
		m.Foreign("/mnt")
		m.Skip(mount.Identity{}, "mnt")
	})
}
