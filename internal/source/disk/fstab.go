package disk

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxFstab bounds the fstab that is read, in bytes.
const maxFstab = 1 << 20

// fstabLine is one line of fstab(5).
type fstabLine struct {
	spec, target, kind string
	options            []string
	from               string // the mount unit, "" for etc/fstab
}

// parseFstab reads the lines that name something to be mounted in the tree.
func parseFstab(text string) []fstabLine {
	var lines []fstabLine
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		l := fstabLine{spec: unescape(fields[0]), target: path.Clean(unescape(fields[1])), kind: fields[2]}
		if len(fields) > 3 {
			l.options = strings.Split(fields[3], ",")
		}
		if !strings.HasPrefix(l.target, "/") {
			continue // swap, "none"
		}
		lines = append(lines, l)
	}
	return lines
}

// deepLast sorts lines so that what lies deeper is mounted later, whatever their order.
func deepLast(lines []fstabLine) []fstabLine {
	slices.SortStableFunc(lines, func(a, b fstabLine) int {
		return strings.Count(strings.TrimSuffix(a.target, "/"), "/") - strings.Count(strings.TrimSuffix(b.target, "/"), "/")
	})
	return lines
}

// origin says where the line stands.
func (l fstabLine) origin() string {
	if l.from != "" {
		return l.from
	}
	return "fstab"
}

// unescape turns the octal escapes of fstab(5), such as \040, into bytes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// has says whether the options hold name.
func (l fstabLine) has(name string) bool { return slices.Contains(l.options, name) }

// pseudo are the kinds that keep nothing on a disk.
var pseudo = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
	"fusectl", "hugetlbfs", "mqueue", "proc", "pstore", "ramfs", "securityfs", "swap", "sysfs", "tmpfs", "tracefs",
}

// remote are the kinds whose files lie on other machines.
var remote = []string{"9p", "afs", "ceph", "cifs", "efs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "virtiofs"}

// match finds the volume that the first field of a line names.
func match(disks []*Disk, spec string) (*Volume, error) {
	if v := matchName(disks, strings.TrimPrefix(spec, "/dev/")); v != nil {
		return v, nil
	}
	key, value, ok := strings.Cut(spec, "=")
	value = strings.Trim(value, `"`)
	if !ok {
		if rest, found := strings.CutPrefix(spec, "/dev/disk/by-"); found {
			key, value, ok = strings.Cut(rest, "/")
			value = unescapeUdev(value)
		}
	}
	if ok {
		by, known := specKeys[strings.ToUpper(key)]
		if !known {
			return nil, fmt.Errorf("%q names no volume that can be found: %w", spec, ErrUnsupported)
		}
		return unique(disks, spec, func(v *Volume) bool { return value != "" && strings.EqualFold(by(v), value) })
	}
	if !strings.HasPrefix(spec, "/dev/") {
		return nil, fmt.Errorf("%q is not a device: %w", spec, ErrUnsupported)
	}
	return matchDevice(disks, spec)
}

// specKeys are the tags of fstab(5) and the folders of /dev/disk.
var specKeys = map[string]func(*Volume) string{
	"UUID":     func(v *Volume) string { return v.UUID },
	"LABEL":    func(v *Volume) string { return v.Label },
	"PARTUUID": func(v *Volume) string { return v.PartUUID },
	"PARTLABEL": func(v *Volume) string {
		if v.PartUUID == "" {
			return "" // a name of another kind
		}
		return v.Name
	},
}

// unescapeUdev turns the \x20 of udev's links into bytes.
func unescapeUdev(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if i+3 < len(s) && s[i] == '\\' && s[i+1] == 'x' {
			if n, _ := fmt.Sscanf(s[i+2:i+4], "%02x", &c); n == 1 {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unique finds the one volume that fits.
func unique(disks []*Disk, spec string, fits func(*Volume) bool) (*Volume, error) {
	var found *Volume
	for _, d := range disks {
		for _, v := range d.Volumes {
			switch {
			case !fits(v):
			case found != nil:
				return nil, fmt.Errorf("%q names several volumes: %w", spec, ErrUnsupported)
			default:
				found = v
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%q is on none of the disks: %w", spec, fs.ErrNotExist)
	}
	return found, nil
}

// matchDevice finds a volume by a name such as /dev/xvda1 or /dev/nvme0n1p1.
// What EC2 calls /dev/sda1 or /dev/xvda is one disk under different drivers, so
// letters are compared; the order of NVMe disks is not that of the attachments,
// so such a name is only believed if there is one disk.
func matchDevice(disks []*Disk, spec string) (*Volume, error) {
	if strings.HasPrefix(spec, "/dev/mapper/") {
		return nil, fmt.Errorf("%q is on none of the disks: %w", spec, fs.ErrNotExist)
	}
	letter, number, ok := splitDevice(spec)
	if !ok {
		return nil, fmt.Errorf("%q names no partition of a disk: %w", spec, ErrUnsupported)
	}
	var candidates []*Disk
	for _, d := range disks {
		have, part, ok := splitDevice(d.Name)
		if ok && have != "" && letter != "" && have == letter && (part == 0 || part == 1) {
			candidates = append(candidates, d)
		}
	}
	if len(candidates) == 0 && len(disks) == 1 {
		candidates = disks
	}
	if len(candidates) != 1 {
		return nil, fmt.Errorf("%q cannot be told from the other disks: %w", spec, ErrUnsupported)
	}
	return unique(candidates, spec, func(v *Volume) bool { return v.Number == number })
}

// splitDevice takes the letter of the disk ("" for NVMe) and the number of the
// partition (0 for the whole disk) out of a device name.
func splitDevice(name string) (letter string, number int, ok bool) {
	name, ok = strings.CutPrefix(name, "/dev/")
	if !ok {
		return "", 0, false
	}
	if rest, nvme := strings.CutPrefix(name, "nvme"); nvme {
		if _, part, cut := strings.Cut(rest, "p"); cut {
			_, err := fmt.Sscanf(part, "%d", &number)
			return "", number, err == nil
		}
		return "", 0, true
	}
	for _, prefix := range []string{"xvd", "sd", "vd", "hd"} {
		rest, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		letter = strings.TrimRight(rest, "0123456789")
		if letter == "" {
			return "", 0, false
		}
		if part := rest[len(letter):]; part != "" {
			_, err := fmt.Sscanf(part, "%d", &number)
			return letter, number, err == nil
		}
		return letter, 0, true
	}
	return "", 0, false
}

// matchName finds what is no partition of a disk: a logical volume, an array,
// or a partition of an array. The kernel numbers arrays as it likes, so that
// any number is believed if there is one array.
func matchName(disks []*Disk, name string) *Volume {
	var only *Disk
	arrays := 0
	for _, d := range disks {
		if len(d.names) > 0 {
			only = d
			arrays++
		}
		for _, v := range d.Volumes {
			if slices.Contains(v.names, name) {
				return v
			}
		}
	}
	for _, d := range disks {
		for _, array := range d.names {
			if v := d.numbered(name, array); v != nil {
				return v
			}
		}
	}
	if rest, ok := strings.CutPrefix(name, "md"); ok && arrays == 1 {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		return only.numbered(name, "md"+digits)
	}
	return nil
}

// numbered returns the volume of an array that a name means: md0 and md0p1,
// md/data and md/data1, by-id/md-uuid-…-part1.
func (d *Disk) numbered(name, array string) *Volume {
	rest, ok := strings.CutPrefix(name, array)
	if !ok {
		return nil
	}
	number := 0
	if rest != "" {
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "-part"), "p")
		var err error
		if number, err = strconv.Atoi(rest); err != nil || number < 1 {
			return nil
		}
	}
	for _, v := range d.Volumes {
		if v.Number == number {
			return v
		}
	}
	return nil
}
