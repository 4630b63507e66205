package target_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/inventory"
)

// TestVolumesOutsideTheTree: a data volume that fstab does not place is read by itself; one that cannot be read is a gap that lies where its
// findings lay, or everywhere if nobody knows where; an EFI system partition is neither.
func TestVolumesOutsideTheTree(t *testing.T) {
	imageNeeds(t, "sfdisk", "dd", "mke2fs")
	root, data := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(root, "etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
	write(root, "etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	write(root, "etc/fstab", "UUID=11111111-2222-3333-4444-555555555555 /srv ext4 defaults 0 2\n")
	write(root, "var/lib/dpkg/status", "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b7\nArchitecture: amd64\n\n")
	write(data, "app/node_modules/left-pad/package.json", `{"name":"left-pad","version":"1.3.0"}`)
	const mib = 1 << 20
	parts := []struct {
		typ  string
		fill func(path string)
	}{
		{"L", func(p string) { imageRun(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, p) }},
		{"L", func(p string) { imageRun(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", data, p) }},
		{"U", func(p string) { // the beginning of a FAT file system (FAT specification 1.03, "Boot Sector and BPB"), as far as it is recognised
			head := make([]byte, 512)
			copy(head, "\xeb\x3c\x90MSDOS5.0")
			copy(head[11:], []byte{0, 2, 1, 1, 0, 2, 0, 2, 0, 8, 0xf8, 8, 0})
			copy(head[54:], "FAT16   ")
			head[510], head[511] = 0x55, 0xaa
			if err := os.WriteFile(p, append(head, make([]byte, 16*mib-512)...), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	}
	disk := filepath.Join(t.TempDir(), "disk.img")
	imageSized(t, disk, (2+16*int64(len(parts)))*mib)
	table := "label: gpt\nunit: sectors\n"
	for i, p := range parts {
		table += fmt.Sprintf("start=%d, size=%d, type=%s\n", (1+16*i)*mib/512, 16*mib/512, p.typ)
	}
	cmd := exec.CommandContext(t.Context(), "sfdisk", "-q", disk)
	cmd.Stdin = strings.NewReader(table)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	for i, p := range parts {
		part := filepath.Join(t.TempDir(), "part")
		imageSized(t, part, 16*mib)
		p.fill(part)
		imageRun(t, "dd", "if="+part, "of="+disk, "bs=1M", fmt.Sprintf("seek=%d", 1+16*i), "conv=notrunc", "status=none")
	}
	inv := readImage(t, disk)
	i := slices.IndexFunc(inv.Packages, func(p inventory.Package) bool { return p.Name == "left-pad" })
	if i < 0 || !strings.HasPrefix(inv.Packages[i].Location, "/volume 1/app/node_modules/left-pad") {
		t.Errorf("the data volume was not read: packages %+v", inv.Packages)
	}
	var gaps []string
	for _, g := range inv.Gaps {
		gaps = append(gaps, g.Path)
	}
	if !slices.Equal(gaps, []string{"/srv"}) {
		t.Errorf("got gaps %+v, want one at /srv, whose volume is missing", inv.Gaps)
	}
}
