package asset

import (
	"net/netip"
	"time"
)

// Instance is an EC2 instance (API: Instance).
type Instance struct {
	Meta
	State             string       `json:"state"` // pending, running, shutting-down, terminated, stopping, stopped
	StateReason       string       `json:"stateReason,omitempty"`
	Type              string       `json:"type"`
	Architecture      string       `json:"architecture,omitempty"` // x86_64, arm64, i386, x86_64_mac, arm64_mac
	Platform          string       `json:"platform,omitempty"`     // "windows" or ""
	PlatformDetails   string       `json:"platformDetails,omitempty"`
	ImageID           string       `json:"imageId,omitempty"`
	KeyName           string       `json:"keyName,omitempty"`
	LaunchTime        time.Time    `json:"launchTime,omitzero"`
	Zone              string       `json:"zone,omitempty"`
	Tenancy           string       `json:"tenancy,omitempty"`
	VPCID             string       `json:"vpcId,omitempty"`
	SubnetID          string       `json:"subnetId,omitempty"`
	PrivateIP         netip.Addr   `json:"privateIp,omitzero"`
	PublicIP          netip.Addr   `json:"publicIp,omitzero"`
	PrivateDNS        string       `json:"privateDns,omitempty"`
	PublicDNS         string       `json:"publicDns,omitempty"`
	InstanceProfile   string       `json:"instanceProfile,omitempty"` // ARN; snapshot.ProfileOf finds the asset
	InstanceProfileID string       `json:"instanceProfileId,omitempty"`
	HTTPTokens        string       `json:"httpTokens,omitempty"`   // "required" means IMDSv2 only; "" means not read
	HTTPEndpoint      string       `json:"httpEndpoint,omitempty"` // enabled, disabled
	HTTPHopLimit      int          `json:"httpHopLimit,omitempty"`
	RootDeviceName    string       `json:"rootDeviceName,omitempty"`
	RootDeviceType    string       `json:"rootDeviceType,omitempty"` // ebs, instance-store
	Volumes           []Attachment `json:"volumes,omitempty"`        // EBS block devices in the API's order
	SecurityGroups    []string     `json:"securityGroups,omitempty"`
	NetworkInterfaces []string     `json:"networkInterfaces,omitempty"` // ENI ids
	SourceDestCheck   *bool        `json:"sourceDestCheck,omitempty"`
	Monitoring        string       `json:"monitoring,omitempty"`
	Lifecycle         string       `json:"lifecycle,omitempty"` // "spot", "scheduled", or ""
	Hypervisor        string       `json:"hypervisor,omitempty"`
	EBSOptimized      bool         `json:"ebsOptimized,omitempty"`
}

// Kind returns KindInstance.
func (*Instance) Kind() Kind { return KindInstance }

// Attachment is one EBS volume at one device name.
type Attachment struct {
	Device              string `json:"device"`
	VolumeID            string `json:"volumeId"`
	InstanceID          string `json:"instanceId,omitempty"`
	State               string `json:"state,omitempty"`
	DeleteOnTermination bool   `json:"deleteOnTermination,omitempty"`
}

// Image is an AMI (API: Image).
type Image struct {
	Meta
	ImageName       string        `json:"imageName,omitempty"`
	Description     string        `json:"description,omitempty"`
	OwnerID         string        `json:"ownerId,omitempty"`
	OwnerAlias      string        `json:"ownerAlias,omitempty"`
	State           string        `json:"state,omitempty"`
	Architecture    string        `json:"architecture,omitempty"`
	Platform        string        `json:"platform,omitempty"`
	PlatformDetails string        `json:"platformDetails,omitempty"`
	Public          bool          `json:"public"`
	CreatedAt       time.Time     `json:"createdAt,omitzero"`
	DeprecatedAt    time.Time     `json:"deprecatedAt,omitzero"`
	RootDeviceName  string        `json:"rootDeviceName,omitempty"`
	RootDeviceType  string        `json:"rootDeviceType,omitempty"`
	Devices         []ImageDevice `json:"devices,omitempty"`
	IMDSSupport     string        `json:"imdsSupport,omitempty"`
}

// Kind returns KindImage.
func (*Image) Kind() Kind { return KindImage }

// ImageDevice is one block device of an image.
type ImageDevice struct {
	Device     string `json:"device"`
	SnapshotID string `json:"snapshotId,omitempty"`
	SizeGiB    int    `json:"sizeGiB,omitempty"`
	Encrypted  bool   `json:"encrypted,omitempty"`
}

// Volume is an EBS volume (API: Volume).
type Volume struct {
	Meta
	State       string       `json:"state"`
	Type        string       `json:"type,omitempty"`
	SizeGiB     int          `json:"sizeGiB"`
	Zone        string       `json:"zone,omitempty"`
	SnapshotID  string       `json:"snapshotId,omitempty"` // made from
	Encrypted   bool         `json:"encrypted"`
	KMSKeyID    string       `json:"kmsKeyId,omitempty"` // ARN
	CreatedAt   time.Time    `json:"createdAt,omitzero"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// Kind returns KindVolume.
func (*Volume) Kind() Kind { return KindVolume }

// Snapshot is an EBS snapshot (API: Snapshot).
type Snapshot struct {
	Meta
	State       string    `json:"state"`
	VolumeID    string    `json:"volumeId,omitempty"`
	SizeGiB     int       `json:"sizeGiB"`
	OwnerID     string    `json:"ownerId,omitempty"`
	Description string    `json:"description,omitempty"`
	Encrypted   bool      `json:"encrypted"`
	KMSKeyID    string    `json:"kmsKeyId,omitempty"`
	StartedAt   time.Time `json:"startedAt,omitzero"`
	StorageTier string    `json:"storageTier,omitempty"`
}

// Kind returns KindSnapshot.
func (*Snapshot) Kind() Kind { return KindSnapshot }

// KeyPair is the name and fingerprint of an SSH key pair (API: KeyPairInfo); AWS never returns the key.
type KeyPair struct {
	Meta
	KeyName     string    `json:"keyName"`
	Type        string    `json:"type,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	CreatedAt   time.Time `json:"createdAt,omitzero"`
}

// Kind returns KindKeyPair.
func (*KeyPair) Kind() Kind { return KindKeyPair }

// ManagedInstance is what Systems Manager knows of an instance (SSM API: InstanceInformation).
type ManagedInstance struct {
	Meta
	PingStatus      string    `json:"pingStatus"` // Online, ConnectionLost, Inactive
	LastPing        time.Time `json:"lastPing,omitzero"`
	AgentVersion    string    `json:"agentVersion,omitempty"`
	PlatformType    string    `json:"platformType,omitempty"` // Linux, Windows, MacOS
	PlatformName    string    `json:"platformName,omitempty"`
	PlatformVersion string    `json:"platformVersion,omitempty"`
	ComputerName    string    `json:"computerName,omitempty"`
	IPAddress       string    `json:"ipAddress,omitempty"`
}

// Kind returns KindManagedInstance.
func (*ManagedInstance) Kind() Kind { return KindManagedInstance }
