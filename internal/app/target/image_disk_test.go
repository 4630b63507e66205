package target_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// imageMissing skips a test, loudly, or fails it where everything is required.
func imageMissing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT RUN, but HINOMI_TEST_REQUIRE=all: %s", why)
	}
	t.Skipf("SKIPPED, NOTHING TESTED: %s", why)
}

func imageNeeds(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			imageMissing(t, tool+" is not installed")
		}
	}
}

// imageNeedsMount wants this kernel to mount file systems of a kind from image files.
func imageNeedsMount(t *testing.T, kind string) {
	t.Helper()
	imageNeeds(t, "mount", "umount", "cp")
	if os.Geteuid() != 0 {
		imageMissing(t, "not root, so no loop mount")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		imageMissing(t, "no loop devices: "+err.Error())
	}
	_ = exec.Command("modprobe", kind).Run() // whether it helped is read next
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(known), "\t"+kind+"\n") {
		imageMissing(t, fmt.Sprintf("this kernel has no %s (%v)", kind, err))
	}
}

// imageRun runs a program and returns its standard output.
func imageRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func imageSized(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

// imageStart is where the partition of an imageDisk begins, in bytes.
const imageStart = 1 << 20

// imageDisk is a raw disk image with a GPT of one partition.
type imageDisk struct {
	path, kind string // kind: ext4 or xfs
	size       int64  // bytes of the partition
}

// newImageDisk makes a disk. The file system is made by its own tool, with further arguments.
func newImageDisk(t *testing.T, kind string, mebibytes int64, mkfs ...string) imageDisk {
	t.Helper()
	imageNeeds(t, "sfdisk", "dd")
	dir := t.TempDir()
	d := imageDisk{filepath.Join(dir, kind+".img"), kind, mebibytes << 20}
	part := filepath.Join(dir, "partition")
	imageSized(t, part, d.size)
	switch kind {
	case "ext4":
		imageNeeds(t, "mke2fs")
		// Nothing may be left to a thread of the kernel that writes while a live disk is copied.
		args := append([]string{"-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, mkfs...)
		imageRun(t, "mke2fs", append(args, part)...)
	case "xfs":
		imageNeeds(t, "mkfs.xfs")
		imageRun(t, "mkfs.xfs", append(append([]string{"-q"}, mkfs...), part)...)
	default:
		t.Fatalf("no way to make %s", kind)
	}
	imageSized(t, d.path, d.size+2*imageStart)
	table := exec.CommandContext(t.Context(), "sfdisk", "-q", d.path)
	table.Stdin = strings.NewReader(fmt.Sprintf("label: gpt\nunit: sectors\nstart=%d, size=%d\n", imageStart/512, d.size/512))
	if out, err := table.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	imageRun(t, "dd", "if="+part, "of="+d.path, "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none")
	if err := os.Remove(part); err != nil {
		t.Fatal(err)
	}
	return d
}

// mounted mounts the partition by the kernel, calls use with the folder, and unmounts it whatever happened.
func (d imageDisk) mounted(t *testing.T, options string, use func(dir string)) {
	t.Helper()
	imageNeedsMount(t, d.kind)
	dir := t.TempDir()
	options = strings.TrimSuffix(fmt.Sprintf("loop,offset=%d,sizelimit=%d,%s", imageStart, d.size, options), ",")
	imageRun(t, "mount", "-t", d.kind, "-o", options, d.path, dir)
	defer func() {
		// The test's context may have ended already; the mount must not outlive it.
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v\n%s", dir, err, out)
			_ = exec.Command("umount", "-l", dir).Run() // said above
		}
	}()
	use(dir)
}

// filled puts a tree into the file system through the kernel.
func (d imageDisk) filled(t *testing.T, root string) imageDisk {
	t.Helper()
	d.mounted(t, "noatime", func(dir string) { imageRun(t, "cp", "-a", root+"/.", dir) })
	return d
}

// copied is what a snapshot of the disk is: the bytes as they are on it at this moment.
func (d imageDisk) copied(t *testing.T) imageDisk {
	t.Helper()
	c := d
	c.path = filepath.Join(t.TempDir(), "snapshot.img")
	imageRun(t, "cp", "--sparse=always", d.path, c.path)
	return c
}

// imageDebian is a real minimal Debian 12, made by debootstrap and kept between runs beside the roots of other packages' tests.
func imageDebian(t *testing.T) string {
	t.Helper()
	imageNeeds(t, "dpkg-query")
	if os.Geteuid() != 0 {
		imageMissing(t, "only root can make such a root, and read all of it")
	}
	cache := os.Getenv("HINOMI_TEST_CACHE")
	if cache == "" {
		cache = filepath.Join(os.TempDir(), "hinomi-test-cache")
	}
	root := filepath.Join(cache, "extract-debian12")
	if _, err := os.Stat(filepath.Join(root, ".complete")); err == nil {
		return root
	}
	imageNeeds(t, "debootstrap")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := os.MkdirTemp(cache, "app-debian12-*") //nolint:usetesting // beside the place that it is renamed to
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made, 0o755); err != nil {
		t.Fatal(err)
	}
	// On any fault below, and where another test was first.
	t.Cleanup(func() {
		if err := os.RemoveAll(made); err != nil {
			t.Error(err)
		}
	})
	imageRun(t, "debootstrap", "--variant=minbase", "--include=python3-yaml", "bookworm", made, imageMirror(t))
	if err := os.WriteFile(filepath.Join(made, ".complete"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// Another package's test may be making the same: who comes second keeps its own for this run.
	if err := os.Rename(made, root); err != nil {
		t.Logf("the made root is not kept: %v", err)
		return made
	}
	return root
}

// imageMirror is the Debian mirror that this machine installs from.
func imageMirror(t *testing.T) string {
	t.Helper()
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*") // the pattern is sound
	for _, name := range append(lists, "/etc/apt/sources.list") {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // there need not be one
		}
		for _, word := range strings.Fields(string(text)) {
			if strings.HasPrefix(word, "http") && strings.HasSuffix(strings.TrimSuffix(word, "/"), "/debian") {
				return word
			}
		}
	}
	imageMissing(t, "no Debian mirror is configured")
	return ""
}
