package mapping

import (
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/asset"
)

func putReservation(r *Region, v *ec2types.Reservation) {
	for i := range v.Instances {
		putInstance(r, &v.Instances[i])
	}
}

func putInstance(r *Region, v *ec2types.Instance) {
	o := r.of(asset.KindInstance, v.InstanceId)
	i := &asset.Instance{
		Meta:            r.meta(asset.KindInstance, v.InstanceId, r.ec2ARN("instance", "", v.InstanceId), r.tags(v.Tags)),
		Type:            r.intern(string(v.InstanceType)),
		Architecture:    r.intern(string(v.Architecture)),
		Platform:        r.intern(string(v.Platform)),
		PlatformDetails: r.text(v.PlatformDetails),
		ImageID:         r.text(v.ImageId),
		KeyName:         r.text(v.KeyName),
		LaunchTime:      deref(v.LaunchTime),
		VPCID:           r.text(v.VpcId),
		SubnetID:        r.text(v.SubnetId),
		PrivateIP:       o.addr("PrivateIpAddress", v.PrivateIpAddress),
		PublicIP:        o.addr("PublicIpAddress", v.PublicIpAddress),
		PrivateDNS:      deref(v.PrivateDnsName),
		PublicDNS:       deref(v.PublicDnsName),
		RootDeviceName:  r.text(v.RootDeviceName),
		RootDeviceType:  r.intern(string(v.RootDeviceType)),
		SecurityGroups:  groupIDs(r, v.SecurityGroups),
		SourceDestCheck: v.SourceDestCheck,
		Lifecycle:       r.intern(string(v.InstanceLifecycle)),
		Hypervisor:      r.intern(string(v.Hypervisor)),
		EBSOptimized:    deref(v.EbsOptimized),
	}
	if v.State != nil {
		i.State = r.intern(string(v.State.Name))
	}
	if i.State == "" {
		o.fault("the instance has no state")
	}
	if v.StateReason != nil {
		i.StateReason = r.text(v.StateReason.Message)
	}
	if v.Placement != nil {
		i.Zone, i.Tenancy = r.text(v.Placement.AvailabilityZone), r.intern(string(v.Placement.Tenancy))
	}
	if v.IamInstanceProfile != nil {
		i.InstanceProfile, i.InstanceProfileID = r.text(v.IamInstanceProfile.Arn), r.text(v.IamInstanceProfile.Id)
	}
	if m := v.MetadataOptions; m != nil {
		i.HTTPTokens, i.HTTPEndpoint, i.HTTPHopLimit = r.intern(string(m.HttpTokens)), r.intern(string(m.HttpEndpoint)), number(m.HttpPutResponseHopLimit)
	}
	if v.Monitoring != nil {
		i.Monitoring = r.intern(string(v.Monitoring.State))
	}
	for _, d := range v.BlockDeviceMappings {
		if d.Ebs == nil {
			continue
		}
		i.Volumes = append(i.Volumes, asset.Attachment{
			Device: r.text(d.DeviceName), VolumeID: deref(d.Ebs.VolumeId), InstanceID: i.ID,
			State: r.intern(string(d.Ebs.Status)), DeleteOnTermination: deref(d.Ebs.DeleteOnTermination),
		})
	}
	for _, n := range v.NetworkInterfaces {
		i.NetworkInterfaces = append(i.NetworkInterfaces, deref(n.NetworkInterfaceId))
	}
	r.add(i)
}

func putImage(r *Region, v *ec2types.Image) {
	o := r.of(asset.KindImage, v.ImageId)
	i := &asset.Image{
		Meta:            r.meta(asset.KindImage, v.ImageId, r.ec2ARN("image", "", v.ImageId), r.tags(v.Tags)),
		ImageName:       deref(v.Name),
		Description:     deref(v.Description),
		OwnerID:         r.text(v.OwnerId),
		OwnerAlias:      r.text(v.ImageOwnerAlias),
		State:           r.intern(string(v.State)),
		Architecture:    r.intern(string(v.Architecture)),
		Platform:        r.intern(string(v.Platform)),
		PlatformDetails: r.text(v.PlatformDetails),
		Public:          deref(v.Public),
		CreatedAt:       o.when("CreationDate", v.CreationDate),
		DeprecatedAt:    o.when("DeprecationTime", v.DeprecationTime),
		RootDeviceName:  r.text(v.RootDeviceName),
		RootDeviceType:  r.intern(string(v.RootDeviceType)),
		IMDSSupport:     r.intern(string(v.ImdsSupport)),
	}
	for _, d := range v.BlockDeviceMappings {
		dev := asset.ImageDevice{Device: r.text(d.DeviceName)}
		if d.Ebs != nil {
			dev.SnapshotID, dev.SizeGiB, dev.Encrypted = deref(d.Ebs.SnapshotId), number(d.Ebs.VolumeSize), deref(d.Ebs.Encrypted)
		}
		i.Devices = append(i.Devices, dev)
	}
	r.add(i)
}

func putVolume(r *Region, v *ec2types.Volume) {
	vol := &asset.Volume{
		Meta:       r.meta(asset.KindVolume, v.VolumeId, r.ec2ARN("volume", "", v.VolumeId), r.tags(v.Tags)),
		State:      r.intern(string(v.State)),
		Type:       r.intern(string(v.VolumeType)),
		SizeGiB:    number(v.Size),
		Zone:       r.text(v.AvailabilityZone),
		SnapshotID: r.text(v.SnapshotId),
		Encrypted:  deref(v.Encrypted),
		KMSKeyID:   r.text(v.KmsKeyId),
		CreatedAt:  deref(v.CreateTime),
	}
	for _, a := range v.Attachments {
		vol.Attachments = append(vol.Attachments, asset.Attachment{
			Device: r.text(a.Device), VolumeID: vol.ID, InstanceID: deref(a.InstanceId),
			State: r.intern(string(a.State)), DeleteOnTermination: deref(a.DeleteOnTermination),
		})
	}
	r.add(vol)
}

func putSnapshot(r *Region, v *ec2types.Snapshot) {
	r.add(&asset.Snapshot{
		Meta:        r.meta(asset.KindSnapshot, v.SnapshotId, r.ec2ARN("snapshot", "", v.SnapshotId), r.tags(v.Tags)),
		State:       r.intern(string(v.State)),
		VolumeID:    r.text(v.VolumeId),
		SizeGiB:     number(v.VolumeSize),
		OwnerID:     r.text(v.OwnerId),
		Description: deref(v.Description),
		Encrypted:   deref(v.Encrypted),
		KMSKeyID:    r.text(v.KmsKeyId),
		StartedAt:   deref(v.StartTime),
		StorageTier: r.intern(string(v.StorageTier)),
	})
}

func putKeyPair(r *Region, v *ec2types.KeyPairInfo) {
	id := v.KeyPairId
	if id == nil {
		id = v.KeyName // CLI versions before 2019 print no id
	}
	r.add(&asset.KeyPair{
		Meta:        r.meta(asset.KindKeyPair, id, r.ec2ARN("key-pair", "", v.KeyName), r.tags(v.Tags)),
		KeyName:     r.text(v.KeyName),
		Type:        r.intern(string(v.KeyType)),
		Fingerprint: deref(v.KeyFingerprint),
		CreatedAt:   deref(v.CreateTime),
	})
}

func putManagedInstance(r *Region, v *ssmInstance) {
	o := r.of(asset.KindManagedInstance, v.InstanceId)
	m := &asset.ManagedInstance{
		Meta:            r.meta(asset.KindManagedInstance, v.InstanceId, "", nil),
		PingStatus:      r.intern(string(v.PingStatus)),
		LastPing:        deref(v.LastPingDateTime),
		AgentVersion:    r.text(v.AgentVersion),
		PlatformType:    r.intern(string(v.PlatformType)),
		PlatformName:    r.text(v.PlatformName),
		PlatformVersion: r.text(v.PlatformVersion),
		ComputerName:    deref(v.ComputerName),
		IPAddress:       deref(v.IPAddress),
	}
	if m.PingStatus == "" {
		o.fault("the managed instance has no ping status")
	}
	r.add(m)
}
