package extract

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// identity is a folder's place in the world: loops, bind mounts and mount points show by it.
type identity struct{ dev, ino uint64 }

// pseudo lists file systems that hold no files of a disk (Linux, Documentation/filesystems): they are named in the notes.
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

// mounts knows what is mounted on a live host. On an image it knows nothing and every folder is walked.
type mounts struct {
	kinds  map[uint64]string // device → file system type
	points map[string]uint64 // mount point → device
	home   uint64            // device of the root
}

// mount is a mount point that is not entered.
type mount struct{ kind string }

// readMounts reads proc_pid_mountinfo(5) through the file system itself: an image has an empty /proc, a live host has its own.
func readMounts(h *Host) *mounts {
	m := &mounts{kinds: map[uint64]string{}, points: map[string]uint64{}}
	// The size of a file in /proc is 0, so it is not read by Bytes.
	f, err := h.fsys.Open("proc/self/mountinfo")
	if err != nil {
		return m
	}
	defer f.Close() //nolint:errcheck // only read
	buf := make([]byte, 4<<20)
	n := 0
	for n < len(buf) {
		k, err := f.Read(buf[n:])
		if n += k; err != nil || k == 0 {
			break
		}
	}
	for line := range strings.Lines(string(buf[:n])) {
		m.add(line)
	}
	return m
}

// add takes one line: "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue".
func (m *mounts) add(line string) {
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

func (m *mounts) live() bool { return len(m.kinds) > 0 }

func (m *mounts) root(id identity) { m.home = id.dev }

// foreign says, by its path alone, whether a folder is a mount point that is left out. The mount table is the reader's own:
// it is believed only if its root is the root that is walked.
func (m *mounts) foreign(path string) (mount, bool) {
	dev, ok := m.points[path]
	if !ok || path == "/" || m.points["/"] != m.home {
		return mount{}, false
	}
	return m.skip(identity{dev: dev}, strings.TrimPrefix(path, "/"))
}

// skip says whether a folder on another device than the root's is left out.
func (m *mounts) skip(id identity, dir string) (mount, bool) {
	if id.dev == m.home {
		return mount{}, false
	}
	kind, known := m.kinds[id.dev]
	if !known { // a subvolume, or no mount table: only what is surely not a disk is left out
		kind = map[string]string{"proc": "proc", "sys": "sysfs", "dev": "devtmpfs"}[dir]
		return mount{kind}, kind != ""
	}
	for _, l := range local() {
		if kind == l {
			return mount{}, false
		}
	}
	return mount{kind}, true
}

// record names a mount that was left out: a pseudo file system in the notes, any other as a gap.
func (m mount) record(r *run, dir string) {
	for _, p := range pseudo() {
		if m.kind == p {
			r.note(fmt.Sprintf("%s: not entered, %s holds no files of a disk", dir, m.kind))
			return
		}
	}
	r.gap(dir, "", fmt.Sprintf("not entered: a mount of type %s, which is no disk of this host", m.kind))
}

// identify tells a folder's identity where the file system is the kernel's. Readers of images guard against loops themselves.
func identify(info fs.FileInfo) (identity, bool) { return kernelIdentity(info.Sys()) }
