package awstest

import (
	"net/url"
	"os"
	"strconv"
	"strings"

	"hinomi/internal/awstest/blocks"
	"hinomi/internal/awstest/model"
)

// learnSnapshots follows the life of snapshots, so that the EBS direct APIs know them. It returns true if it completed moto's answer.
func (a *AWS) learnSnapshots(c *Call, root *model.Node) bool {
	switch c.Action {
	case "CreateSnapshot":
		a.addSnapshot(c.Account, c.Region, root)
	case "CreateSnapshots":
		set := root.Child("snapshotSet")
		if set == nil {
			return false
		}
		for _, n := range set.Children {
			a.addSnapshot(c.Account, c.Region, n)
			if n.Child("state") == nil {
				n.Set("state", "pending") // moto leaves it out; AWS says pending until the copy is done
			}
		}
		return true
	case "CopySnapshot":
		a.ebs.Copy(c.Param("SourceSnapshotId"), root.Path("snapshotId"), c.Account, c.Region)
	case "DeleteSnapshot":
		a.ebs.Remove(c.Param("SnapshotId"))
	case "ModifySnapshotAttribute":
		a.shareSnapshot(c)
	}
	return false
}

// AttachImage says what is on a volume, or on a snapshot that exists already: the raw disk image at path, which must not change as long as the
// test runs. Snapshots that are made of the volume from now on show it; those made before show what it held then. A volume without an image
// is one that nothing was ever written to.
func (a *AWS) AttachImage(id, path string) {
	a.t.Helper()
	if _, ok := a.ebs.Find(id); !ok && strings.HasPrefix(id, "snap-") {
		a.t.Fatalf("awstest: attach image: there is no snapshot %s here; SeedSnapshot makes one", id)
	}
	if err := a.ebs.Attach(id, path); err != nil {
		a.t.Fatalf("awstest: %v", err)
	}
}

// SeedSnapshot makes a volume and a snapshot of it in an account, holding the image at path, and returns the snapshot's ID and the volume's.
func (a *AWS) SeedSnapshot(account, region, path string) (snapshot, volume string) {
	a.t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		a.t.Fatalf("awstest: seed snapshot: %v", err)
	}
	v := a.EC2(account, region, "CreateVolume", url.Values{"AvailabilityZone": {region + "a"}, "Size": {strconv.FormatInt(blocks.GiB(fi.Size()), 10)}})
	volume = v.Path("volumeId")
	a.AttachImage(volume, path)
	return a.SnapshotVolume(account, region, volume), volume
}

// SnapshotVolume makes a snapshot of a volume and returns its ID.
func (a *AWS) SnapshotVolume(account, region, volume string) string {
	a.t.Helper()
	s := a.EC2(account, region, "CreateSnapshot", url.Values{"VolumeId": {volume}})
	a.addSnapshot(account, region, s)
	return s.Path("snapshotId")
}

// Snapshots returns the IDs of all snapshots that were made through this server and not deleted, sorted.
func (a *AWS) Snapshots() []string {
	return a.ebs.IDs()
}

// BlockStats counts what the EBS direct APIs gave out.
type BlockStats = blocks.Stats

// BlockStats returns what was given out since New or the last ResetBlocks.
func (a *AWS) BlockStats() BlockStats { return a.ebs.Stats() }

// ResetBlocks begins the counts anew.
func (a *AWS) ResetBlocks() { a.ebs.Reset() }

// DenyKey makes the KMS key of a volume or a snapshot refuse: reading its blocks is AccessDeniedException with the reason DEPENDENCY_ACCESS_DENIED. An
// empty key ARN takes it back.
func (a *AWS) DenyKey(id, keyARN string) { a.ebs.Deny(id, keyARN) }

// CorruptBlock makes the next reads of a snapshot's block come out with one bit changed, under the checksum of the right data.
func (a *AWS) CorruptBlock(snapshot string, index int64, reads int) {
	a.ebs.Corrupt(snapshot, index, reads)
}

// addSnapshot takes up a snapshot from the element that describes it.
func (a *AWS) addSnapshot(account, region string, n *model.Node) {
	size, err := strconv.ParseInt(n.Path("volumeSize"), 10, 64)
	if err != nil {
		a.errorf("size of snapshot %s: %v", n.Path("snapshotId"), err)
	}
	s := blocks.Snapshot{ID: n.Path("snapshotId"), Volume: n.Path("volumeId"), Account: account, Region: region, SizeGiB: size}
	if err := a.ebs.Add(s); err != nil {
		a.errorf("%v", err)
	}
}

// shareSnapshot follows ModifySnapshotAttribute, in both of its forms.
func (a *AWS) shareSnapshot(c *Call) {
	add, remove := c.List("UserId"), []string(nil)
	if c.Param("OperationType") == "remove" {
		add, remove = nil, add
	}
	for k, v := range c.Params {
		switch {
		case strings.HasPrefix(k, "CreateVolumePermission.Add.") && strings.HasSuffix(k, ".UserId"):
			add = append(add, v...)
		case strings.HasPrefix(k, "CreateVolumePermission.Remove.") && strings.HasSuffix(k, ".UserId"):
			remove = append(remove, v...)
		}
	}
	a.ebs.Share(c.Param("SnapshotId"), add, remove)
}
