package disk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"hinomi/internal/source/disk/partition"
)

// noAuto is the flag of a GPT partition that is not mounted by itself
// (Discoverable Partitions Specification, "Partition Flags").
const noAuto = 1 << 63

// typeVar is the type GUID of /var, which is mounted only on the machine whose
// ID its own GUID is made of.
const typeVar = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"

// discoverable lists the type GUIDs of the Discoverable Partitions
// Specification and the places where systemd-gpt-auto-generator(8) mounts them.
var discoverable = map[string]string{
	"933ac7e1-2eb4-4f13-b844-0e14e2aef915": "home",
	"3b8f8425-20e0-4f3b-907f-1a25a76f98e8": "srv",
	typeVar:                                "var",
	"7ec6f557-3bc5-4aca-b293-16ef5df639d1": "var/tmp",
	"bc13c2ff-59e6-4262-a352-b275fd6f7172": "boot",
	"8484680c-9521-48c6-9c11-b0720656f69e": "usr", // x86-64
	"b0e01050-ee5f-4390-949a-9101b17104e9": "usr", // arm64
}

// mountDiscovered mounts the partitions of the root's own disk by their types,
// as systemd does where nothing else is said of a place and it is empty.
func (r *Root) mountDiscovered(said map[string]bool) {
	i := slices.IndexFunc(r.Disks, func(d *Disk) bool { return slices.Contains(d.Volumes, r.Volume) })
	if i < 0 || r.Disks[i].Scheme != partition.GPT {
		return
	}
	for _, place := range []string{"usr", "home", "srv", "var", "var/tmp", "boot"} { // what lies deeper comes later
		if said["/"+place] {
			continue
		}
		for _, v := range r.Disks[i].Volumes {
			if discoverable[v.TypeID] != place || v.FS == nil || v == r.Volume || v.attributes&noAuto != 0 || r.mounted(v) {
				continue
			}
			if v.TypeID == typeVar && v.PartUUID != machineGUID(readText(r, "etc/machine-id"), typeVar) {
				continue
			}
			where, err := r.folder(place)
			if err != nil {
				break
			}
			if entries, err := r.ReadDir(where); err != nil || len(entries) > 0 {
				break
			}
			r.join(join{where, v.FS, ".", v}, "")
			break
		}
	}
}

// mounted says whether a volume has a place.
func (r *Root) mounted(v *Volume) bool {
	return slices.ContainsFunc(r.Mounts, func(m MountPoint) bool { return m.Volume == v })
}

// machineGUID makes a GUID of a machine's ID and an application's, as
// sd_id128_get_machine_app_specific(3): the first half of HMAC-SHA256, marked
// as a UUID of version 4. "" if the machine has no ID.
func machineGUID(machine, application string) string {
	key, err := hex.DecodeString(strings.TrimSpace(machine))
	if err != nil || len(key) != 16 {
		return ""
	}
	id, err := hex.DecodeString(strings.ReplaceAll(application, "-", ""))
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(id)
	sum := mac.Sum(nil)[:16]
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return hyphened(sum)
}
