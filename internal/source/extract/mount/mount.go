// Package mount tells which folders of a live host are not its own disk: pseudo file systems, network mounts, automounters.
package mount

import (
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Identity is a folder's place in the world: loops, bind mounts and mount points show by it.
type Identity struct{ dev, ino uint64 }

// pseudo lists file systems that hold no files of a disk (Linux, Documentation/filesystems).
func pseudo() []string {
	return []string{
		"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs",
		"mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs",
	}
}

// local lists file systems of disks that belong to the host: they are walked.
func local() []string {
	return []string{"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs", "ntfs3", "reiserfs", "vfat", "xfs", "zfs"}
}

// Table knows what is mounted on a live host. On an image it knows nothing and every folder is walked.
type Table struct {
	kinds  map[uint64]string // device → file system type
	points map[string]uint64 // mount point → device
	home   uint64            // device of the root
	rooted bool              // home is known
}

// Point is a mount point that is not entered.
type Point struct {
	Type   string // of the file system
	Pseudo bool   // it holds no files of a disk, so that nothing is missed
}

// Read reads the mount table of a live host through its own /proc. It is believed only where /proc is a folder of another device than the root's:
// what lies in an image under that name was put there by its owner. The size of a file in /proc is 0, so it is read to its end.
func Read(root fs.FS) *Table {
	none := Parse("")
	base, err := fs.Stat(root, ".")
	if err != nil {
		return none
	}
	proc, err := fs.Lstat(root, "proc")
	if err != nil || !proc.IsDir() {
		return none
	}
	a, known := Identify(base)
	b, procKnown := Identify(proc)
	if !known || !procKnown || a.dev == b.dev {
		return none
	}
	f, err := root.Open("proc/self/mountinfo")
	if err != nil {
		return none
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, maxTable))
	if err != nil {
		return none
	}
	return Parse(string(text))
}

// maxTable bounds the table, in bytes: a host of many containers has some thousand lines.
const maxTable = 16 << 20

// Parse reads a table as proc_pid_mountinfo(5) describes it. Lines that it cannot read are left out.
func Parse(text string) *Table {
	m := &Table{kinds: map[uint64]string{}, points: map[string]uint64{}}
	for line := range strings.Lines(text) {
		m.add(line)
	}
	return m
}

// add takes one line: "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue".
func (m *Table) add(line string) {
	left, right, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(left), strings.Fields(right)
	if !ok || len(fields) < 5 || len(kind) < 1 {
		return
	}
	major, minor, _ := strings.Cut(fields[2], ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	if err1 == nil && err2 == nil {
		m.kinds[device(a, b)] = kind[0]
		m.points[strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])] = device(a, b)
	}
}

// device packs major and minor as stat(2) of Linux does (glibc gnu_dev_makedev).
func device(major, minor uint64) uint64 {
	return major&0xfff<<8 | major&^0xfff<<32 | minor&0xff | minor&^0xff<<12
}

// Live says whether there is a mount table: whether the host runs.
func (m *Table) Live() bool { return len(m.kinds) > 0 }

// Root says where the root lies.
func (m *Table) Root(id Identity) { m.home, m.rooted = id.dev, true }

// Foreign says, by its path alone, whether a folder is a mount point that is left out. The mount table is the reader's own:
// it is believed only if its root is the root that is walked.
func (m *Table) Foreign(path string) (Point, bool) {
	dev, ok := m.points[path]
	if !ok || path == "/" || !m.rooted || m.points["/"] != m.home {
		return Point{}, false
	}
	return m.Skip(Identity{dev: dev}, strings.TrimPrefix(path, "/"))
}

// Skip says whether a folder on another device than the root's is left out.
func (m *Table) Skip(id Identity, dir string) (Point, bool) {
	if id.dev == m.home {
		return Point{}, false
	}
	kind, known := m.kinds[id.dev]
	if !known { // a subvolume, or no mount table: only what is surely not a disk is left out
		kind = map[string]string{"proc": "proc", "sys": "sysfs", "dev": "devtmpfs"}[dir]
		return point(kind), kind != ""
	}
	if slices.Contains(local(), kind) {
		return Point{}, false
	}
	return point(kind), true
}

func point(kind string) Point { return Point{Type: kind, Pseudo: slices.Contains(pseudo(), kind)} }

// Identify tells a folder's identity where the file system is the kernel's. Readers of images guard against loops themselves.
func Identify(info fs.FileInfo) (Identity, bool) { return kernelIdentity(info.Sys()) }
