package organisation

import "fmt"

// image is a machine image that instances are started from.
type image struct {
	key, name, description, owner, alias string
	arch, device, platform, details      string
	imdsv2                               bool
	gib                                  int
}

// The machine images of the example, by operating system. Their names and
// owners have the form the publishers use; the ids are made up.
var (
	amazonLinux = image{
		key: "al2023", name: "al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64", description: "Amazon Linux 2023 AMI 2023.9.20251117.1 x86_64 HVM kernel-6.1",
		owner: "137112412989", alias: "amazon", arch: "x86_64", device: "/dev/xvda", details: "Linux/UNIX", imdsv2: true, gib: 8,
	}
	amazonLinuxArm = image{
		key: "al2023-arm64", name: "al2023-ami-2023.9.20251117.1-kernel-6.1-arm64", description: "Amazon Linux 2023 AMI 2023.9.20251117.1 arm64 HVM kernel-6.1",
		owner: "137112412989", alias: "amazon", arch: "arm64", device: "/dev/xvda", details: "Linux/UNIX", imdsv2: true, gib: 8,
	}
	almaLinux = image{
		key: "alma9", name: "AlmaLinux OS 9.6.20250522 x86_64", description: "AlmaLinux OS 9.6.20250522 x86_64", owner: "764336703387",
		arch: "x86_64", device: "/dev/sda1", details: "Linux/UNIX", gib: 10,
	}
	almaLinux10 = image{
		key: "alma10", name: "AlmaLinux OS 10.0.20250528 x86_64", description: "AlmaLinux OS 10.0.20250528 x86_64", owner: "764336703387",
		arch: "x86_64", device: "/dev/sda1", details: "Linux/UNIX", gib: 10,
	}
	ubuntu = image{
		key: "jammy", name: "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20251015", description: "Canonical, Ubuntu, 22.04 LTS, amd64 jammy image build on 2025-10-15",
		owner: "099720109477", arch: "x86_64", device: "/dev/sda1", details: "Linux/UNIX", gib: 8,
	}
	debian = image{
		key: "bookworm", name: "debian-12-amd64-20251112-2294", description: "Debian 12 (20251112-2294)", owner: "136693071363",
		arch: "x86_64", device: "/dev/xvda", details: "Linux/UNIX", gib: 8,
	}
	windows = image{
		key: "windows2022", name: "Windows_Server-2022-Japanese-Full-Base-2025.11.12", description: "Microsoft Windows Server 2022 Full Locale Japanese AMI provided by Amazon",
		owner: "801119661308", alias: "amazon", arch: "x86_64", device: "/dev/sda1", platform: "windows", details: "Windows", gib: 30,
	}
)

// imageID returns the image's id in the region and lists the image on first use.
func (r *region) imageID(i image) string {
	id := r.id("ami", i.key)
	if _, listed := r.images[i.key]; listed {
		return id
	}
	r.images[i.key] = i
	o := object{
		"Architecture": i.arch, "CreationDate": daysAgo(380, i.key)[:19] + ".000Z", "ImageId": id, "ImageLocation": i.owner + "/" + i.name, "ImageType": "machine",
		"Public": true, "OwnerId": i.owner, "PlatformDetails": i.details, "UsageOperation": usageOperation(i), "State": "available",
		"Description": i.description, "EnaSupport": true, "Hypervisor": "xen", "Name": i.name, "RootDeviceName": i.device, "RootDeviceType": "ebs",
		"SriovNetSupport": "simple", "VirtualizationType": "hvm", "BootMode": "uefi-preferred", "DeprecationTime": daysAgo(-350, i.key)[:19] + ".000Z",
		"DeregistrationProtection": "disabled", "Tags": []object{},
		"BlockDeviceMappings": []object{{"DeviceName": i.device, "Ebs": object{
			"DeleteOnTermination": true, "SnapshotId": r.id("snap", "of "+i.key), "VolumeSize": i.gib, "VolumeType": "gp3", "Encrypted": false, "Iops": 3000, "Throughput": 125,
		}}},
	}
	if i.imdsv2 {
		o["ImdsSupport"] = "v2.0"
	}
	if i.alias != "" {
		o["ImageOwnerAlias"] = i.alias
	}
	if i.platform != "" {
		o["Platform"] = i.platform
	}
	r.add("Images", o)
	return id
}

// ownImage lists an image of the account itself, made of one of its snapshots.
func (r *region) ownImage(name, snapshotID string, from image) {
	r.add("Images", object{
		"Architecture": from.arch, "CreationDate": daysAgo(60, name)[:19] + ".000Z", "ImageId": r.id("ami", name), "ImageLocation": r.account + "/" + name, "ImageType": "machine",
		"Public": false, "OwnerId": r.account, "PlatformDetails": from.details, "UsageOperation": usageOperation(from), "State": "available",
		"Description": "golden image of " + name, "EnaSupport": true, "Hypervisor": "xen", "Name": name, "RootDeviceName": from.device, "RootDeviceType": "ebs",
		"SriovNetSupport": "simple", "VirtualizationType": "hvm", "BootMode": "uefi-preferred", "DeregistrationProtection": "disabled",
		"SourceImageId": r.imageID(from), "SourceImageRegion": r.name, "Tags": tags(name, "Team", "platform"),
		"BlockDeviceMappings": []object{{"DeviceName": from.device, "Ebs": object{
			"DeleteOnTermination": true, "SnapshotId": snapshotID, "VolumeSize": from.gib, "VolumeType": "gp3", "Encrypted": true, "Iops": 3000, "Throughput": 125,
		}}},
	})
}

// usageOperation is the billing code of the image (EC2 User Guide, "AMI billing information").
func usageOperation(i image) string {
	if i.platform == "windows" {
		return "RunInstances:0002"
	}
	return "RunInstances"
}

// volumeSpec is one EBS volume.
type volumeSpec struct {
	key, name, zone string
	device          string // empty: attached to nothing
	instance        string
	gib             int
	kind            string // VolumeType
	encrypted       bool
	snapshot        string
	days            int
}

// volume makes a volume and returns its mapping in the instance.
func (r *region) volume(s volumeSpec) object {
	id := r.id("vol", s.key)
	o := object{
		"AvailabilityZone": s.zone, "AvailabilityZoneId": r.zoneID(s.zone), "Attachments": []object{}, "CreateTime": daysAgo(s.days, s.key), "Encrypted": s.encrypted, "Size": s.gib, "SnapshotId": s.snapshot,
		"State": "available", "VolumeId": id, "VolumeType": s.kind, "MultiAttachEnabled": false, "Tags": tags(s.name), "Operator": object{"Managed": false},
	}
	if s.kind != "standard" {
		o["Iops"] = map[string]int{"gp2": max(100, 3*s.gib), "gp3": 3000, "io2": 12000}[s.kind]
	}
	if s.kind == "gp3" {
		o["Throughput"] = 125
	}
	if s.encrypted {
		o["KmsKeyId"] = r.kmsKey()
	}
	r.add("Volumes", o)
	if s.device == "" {
		return nil
	}
	o["State"] = "in-use"
	attached := daysAgo(s.days, s.key)
	o["Attachments"] = []object{{
		"AttachTime": attached, "Device": s.device, "InstanceId": s.instance, "State": "attached", "VolumeId": id, "DeleteOnTermination": true,
	}}
	return object{"DeviceName": s.device, "Ebs": object{"AttachTime": attached, "DeleteOnTermination": true, "Status": "attached", "VolumeId": id}}
}

func (r *region) kmsKey() string {
	h := hexOf(32, "key", r.account, r.name)
	return r.arn("kms", fmt.Sprintf("key/%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:]))
}

// snapshot lists a snapshot of the account and returns its id.
func (r *region) snapshot(name, volumeID string, gib, days int, encrypted bool) string {
	id := r.id("snap", name)
	o := object{
		"Description": name, "Encrypted": encrypted, "OwnerId": r.account, "Progress": "100%", "SnapshotId": id, "StartTime": daysAgo(days, name), "State": "completed",
		"VolumeId": volumeID, "VolumeSize": gib, "StorageTier": "standard", "Tags": tags(name), "TransferType": "standard", "FullSnapshotSizeInBytes": gib << 28,
		"CompletionTime": daysAgo(days-1, name),
	}
	if encrypted {
		o["KmsKeyId"] = r.kmsKey()
	}
	r.add("Snapshots", o)
	return id
}
