package awstest

import (
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/awstest/model"
)

// snap is a snapshot that was made through this server.
type snap struct {
	id, volume, account, region string
	sizeGiB                     int64
	image                       *image // nil if nothing was ever written to its volume
	shared                      []string
}

// learnSnapshots follows the life of snapshots, so that the EBS direct APIs know them. It returns true if it completed moto's answer.
func (a *AWS) learnSnapshots(c *Call, root *model.Node) bool {
	switch c.Action {
	case "CreateSnapshot":
		a.ebs.add(a, c.Account, c.Region, root)
	case "CreateSnapshots":
		set := root.Child("snapshotSet")
		if set == nil {
			return false
		}
		for _, n := range set.Children {
			a.ebs.add(a, c.Account, c.Region, n)
			if n.Child("state") == nil {
				n.Set("state", "pending") // moto leaves it out; AWS says pending until the copy is done
			}
		}
		return true
	case "CopySnapshot":
		a.ebs.copy(c.Param("SourceSnapshotId"), root.Path("snapshotId"), c.Account, c.Region)
	case "DeleteSnapshot":
		a.ebs.remove(c.Param("SnapshotId"))
	case "ModifySnapshotAttribute":
		a.ebs.share(c)
	}
	return false
}

// AttachImage says what is on a volume, or on a snapshot that exists already: the raw disk image at path, which must not change as long as the
// test runs. Snapshots that are made of the volume from now on show it; those made before show what it held then. A volume without an image
// is one that nothing was ever written to.
func (a *AWS) AttachImage(id, path string) {
	a.t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		a.t.Fatalf("awstest: attach image to %s: %v", id, err)
	}
	img := &image{path: path, size: fi.Size()}
	a.ebs.mu.Lock()
	for _, other := range a.ebs.images { // one file is indexed once
		if other.path == path && other.size == img.size {
			img = other
		}
	}
	a.ebs.images[id] = img
	s := a.ebs.snaps[id]
	if s != nil {
		s.image = img
	}
	a.ebs.mu.Unlock()
	if s == nil && strings.HasPrefix(id, "snap-") {
		a.t.Fatalf("awstest: attach image: there is no snapshot %s here; SeedSnapshot makes one", id)
	}
	if err := img.index(); err != nil { // now, so that no bench measures it
		a.t.Fatalf("awstest: attach image to %s: %v", id, err)
	}
}

// SeedSnapshot makes a volume and a snapshot of it in an account, holding the image at path, and returns the snapshot's ID and the volume's.
func (a *AWS) SeedSnapshot(account, region, path string) (snapshot, volume string) {
	a.t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		a.t.Fatalf("awstest: seed snapshot: %v", err)
	}
	v := a.EC2(account, region, "CreateVolume", url.Values{"AvailabilityZone": {region + "a"}, "Size": {strconv.FormatInt(gib(fi.Size()), 10)}})
	volume = v.Path("volumeId")
	a.AttachImage(volume, path)
	return a.SnapshotVolume(account, region, volume), volume
}

// SnapshotVolume makes a snapshot of a volume and returns its ID.
func (a *AWS) SnapshotVolume(account, region, volume string) string {
	a.t.Helper()
	s := a.EC2(account, region, "CreateSnapshot", url.Values{"VolumeId": {volume}})
	a.ebs.add(a, account, region, s)
	return s.Path("snapshotId")
}

// Snapshots returns the IDs of all snapshots that were made through this server and not deleted, sorted.
func (a *AWS) Snapshots() []string {
	a.ebs.mu.Lock()
	defer a.ebs.mu.Unlock()
	ids := make([]string, 0, len(a.ebs.snaps))
	for id := range a.ebs.snaps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// gib is how many GiB hold size bytes, at least one.
func gib(size int64) int64 { return max(1, (size+1<<30-1)>>30) }

// add takes up a snapshot from the element that describes it.
func (b *blockStore) add(a *AWS, account, region string, n *model.Node) {
	s := &snap{id: n.Path("snapshotId"), volume: n.Path("volumeId"), account: account, region: region}
	size, err := strconv.ParseInt(n.Path("volumeSize"), 10, 64)
	if err != nil {
		a.errorf("size of snapshot %s: %v", s.id, err)
	}
	b.mu.Lock()
	s.sizeGiB, s.image = size, b.images[s.volume]
	b.snaps[s.id] = s
	b.mu.Unlock()
	if s.image != nil && gib(s.image.size) > size {
		a.errorf("the image of volume %s has %d GiB, the volume only %d", s.volume, gib(s.image.size), size)
	}
}

func (b *blockStore) copy(from, to, account, region string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if src := b.snaps[from]; src != nil {
		cp := *src
		cp.id, cp.account, cp.region, cp.shared = to, account, region, nil
		b.snaps[to] = &cp
	}
}

func (b *blockStore) remove(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.snaps, id)
}

// share follows ModifySnapshotAttribute, in both of its forms.
func (b *blockStore) share(c *Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.snaps[c.Param("SnapshotId")]
	if s == nil {
		return
	}
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
	s.shared = slices.DeleteFunc(append(s.shared, add...), func(u string) bool { return slices.Contains(remove, u) })
}
