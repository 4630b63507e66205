package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// diskOf makes an ext4 disk of some MiB that holds a tree.
func diskOf(t *testing.T, root string, mebibytes int) string {
	t.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatalf("NOT RUN, but HINOMI_TEST_REQUIRE=all: %v", err)
		}
		t.Skipf("SKIPPED, NOTHING TESTED: %v", err)
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	out, err := exec.CommandContext(t.Context(), "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, path, strconv.Itoa(mebibytes)+"M").CombinedOutput()
	if err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	return path
}
