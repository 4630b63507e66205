package storetest

import (
	"fmt"
	"net/netip"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// World describes a generated world.
type World struct {
	Accounts, Regions, Instances int       // instances of each region, with one network interface each
	At                           time.Time // when everything was read
	Fail                         string    // a region that could not be read, in every account
}

// RegionName returns the name of the nth region of a generated world.
func RegionName(n int) string { return fmt.Sprintf("xx-made-%d", n+1) }

// AccountName returns the number of the nth account of a generated world.
func AccountName(n int) string { return fmt.Sprintf("%012d", 111111111111*(n+1)) }

// Builder returns the world's builder with all its assets, so that a test can change the world before it is built.
func (w World) Builder() *snapshot.Builder {
	b := snapshot.NewBuilder()
	for a := range w.Accounts {
		for r := range w.Regions {
			account, region := AccountName(a), RegionName(r)
			if region == w.Fail {
				b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: account, Region: region}, Reason: snapshot.Throttled, Detail: "made to fail", At: w.At})
				continue
			}
			for i := range w.Instances {
				in, eni := Instance(account, region, i)
				b.Add(in, eni)
			}
			b.MarkRead(account, region, asset.KindInstance, w.At, w.Instances)
			b.MarkRead(account, region, asset.KindNetworkInterface, w.At, w.Instances)
		}
	}
	return b
}

// Snapshot returns the world.
func (w World) Snapshot() *snapshot.Snapshot { return w.Builder().Build(w.At) }

// Instance returns the nth instance of a region and its network interface.
func Instance(account, region string, n int) (*asset.Instance, *asset.NetworkInterface) {
	place := account[:3] + fmt.Sprintf("%03d", len(region)) + region[len(region)-1:]
	id, eni := fmt.Sprintf("i-%s%05x", place, n), fmt.Sprintf("eni-%s%05x", place, n)
	ip := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) // #nosec G115 -- the low bytes are wanted
	check := true
	in := &asset.Instance{
		Meta:  asset.Meta{Account: account, Region: region, ID: id, Tags: map[string]string{"Name": fmt.Sprintf("web-%d", n), "env": "prod"}},
		State: "running", Type: "m5.large", Architecture: "x86_64", ImageID: "ami-0123456789abcdef0", Zone: region + "a", VPCID: "vpc-1", SubnetID: "subnet-1",
		PrivateIP: ip, HTTPTokens: "required", RootDeviceName: "/dev/xvda", RootDeviceType: "ebs", SourceDestCheck: &check,
		Volumes:        []asset.Attachment{{Device: "/dev/xvda", VolumeID: "vol-" + id[2:], State: "attached", DeleteOnTermination: true}},
		SecurityGroups: []string{"sg-1", "sg-2"}, NetworkInterfaces: []string{eni}, LaunchTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	return in, &asset.NetworkInterface{
		Meta: asset.Meta{Account: account, Region: region, ID: eni}, Type: "interface", Status: "in-use", VPCID: "vpc-1", SubnetID: "subnet-1",
		SecurityGroups: []string{"sg-1", "sg-2"}, Addresses: []asset.PrivateIP{{Private: ip, Primary: true}}, InstanceID: id, AttachmentStatus: "attached",
	}
}
