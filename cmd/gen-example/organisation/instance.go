package organisation

import (
	"fmt"
	"strings"
)

// machine is one instance, or a fleet of equal ones spread over subnets.
type machine struct {
	name    string // one instance's name; a fleet's without the number
	count   int    // 0: one instance, no number
	kind    string // InstanceType
	image   image
	subnets []*subnet
	groups  []string
	team    string
	env     string
	role    string // instance profile; empty: none
	keyName string
	state   string // empty: running
	imdsv1  bool   // HttpTokens optional
	public  string // "": none; "auto": an address of AWS's pool; "eip": an Elastic IP
	ipv6    bool
	data    int    // GiB of a second volume
	plain   bool   // volumes not encrypted
	scaling bool   // made by an Auto Scaling group
	days    int    // launched so many days ago
	ssm     string // PlatformName in Systems Manager; empty: not managed
	version string // PlatformVersion there
	second  bool   // has a second interface in the same subnet
}

// launch makes the instances of m and returns their ids.
func (r *region) launch(m machine) []string {
	n := max(1, m.count)
	ids := make([]string, 0, n)
	for i := range n {
		one := m
		if m.count > 0 {
			one.name = fmt.Sprintf("%s-%02d", m.name, i+1)
		}
		ids = append(ids, r.launchOne(one, m.subnets[i%len(m.subnets)], m.name))
	}
	return ids
}

func (r *region) launchOne(m machine, s *subnet, fleet string) string {
	if m.state == "" {
		m.state = "running"
	}
	id := r.id("i", m.name)
	pairs := []string{"Team", m.team, "Env", m.env}
	if m.scaling {
		pairs = append(pairs, "aws:autoscaling:groupName", fleet)
	}
	o := r.instanceObject(m, s, id)
	o["Tags"] = tags(m.name, pairs...)
	if m.state != "terminated" {
		r.attachAll(m, s, id, o)
	}
	if m.ssm != "" && m.state == "running" {
		r.managed(m, id, o["PrivateIpAddress"].(string))
	}
	reservation := object{"Groups": []object{}, "Instances": []object{o}, "OwnerId": r.account, "ReservationId": r.id("r", m.name)}
	if m.scaling {
		reservation["RequesterId"] = "940372691376"
	}
	r.add("Reservations", reservation)
	return id
}

var stateCodes = map[string]int{"running": 16, "stopped": 80, "terminated": 48}

// instanceObject is the instance without its network and volumes.
func (r *region) instanceObject(m machine, s *subnet, id string) object {
	tokens, hops := "required", 2
	if m.imdsv1 {
		tokens, hops = "optional", 1
	}
	o := object{
		"AmiLaunchIndex": 0, "ImageId": r.imageID(m.image), "InstanceId": id, "InstanceType": m.kind, "LaunchTime": daysAgo(m.days, m.name),
		"Monitoring":     object{"State": map[bool]string{true: "enabled", false: "disabled"}[m.env == "production"]},
		"Placement":      object{"AvailabilityZone": s.zone, "AvailabilityZoneId": r.zoneID(s.zone), "GroupName": "", "Tenancy": "default"},
		"PrivateDnsName": "", "ProductCodes": []object{}, "PublicDnsName": "", "State": object{"Code": stateCodes[m.state], "Name": m.state},
		"StateTransitionReason": "", "Architecture": m.image.arch, "BlockDeviceMappings": []object{}, "ClientToken": hexOf(32, "token", id), "EbsOptimized": nitro(m.kind),
		"EnaSupport": nitro(m.kind), "Hypervisor": "xen", "NetworkInterfaces": []object{}, "RootDeviceName": m.image.device, "RootDeviceType": "ebs", "SecurityGroups": []object{},
		"VirtualizationType": "hvm", "CpuOptions": cpus(m), "CapacityReservationSpecification": object{"CapacityReservationPreference": "open"},
		"HibernationOptions": object{"Configured": false}, "EnclaveOptions": object{"Enabled": false}, "BootMode": "uefi-preferred",
		"MetadataOptions": object{
			"State": "applied", "HttpTokens": tokens, "HttpPutResponseHopLimit": hops, "HttpEndpoint": "enabled", "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled",
		},
		"PlatformDetails": m.image.details, "UsageOperation": usageOperation(m.image), "UsageOperationUpdateTime": daysAgo(m.days, m.name),
		"MaintenanceOptions": object{"AutoRecovery": "default", "RebootMigration": "default"}, "CurrentInstanceBootMode": bootMode(m.kind),
		"NetworkPerformanceOptions": object{"BandwidthWeighting": "default"}, "Operator": object{"Managed": false},
	}
	if m.image.platform != "" {
		o["Platform"] = m.image.platform
	}
	if m.keyName != "" {
		o["KeyName"] = m.keyName
	}
	if m.role != "" {
		o["IamInstanceProfile"] = object{"Arn": profileARN(r.account, m.role), "Id": profileID(r.account, m.role)}
		r.roles = append(r.roles, m.role)
	}
	if m.state != "running" {
		o["StateTransitionReason"] = "User initiated (" + strings.NewReplacer("T", " ", "+00:00", " GMT").Replace(daysAgo(max(1, m.days/3), id)) + ")"
		o["StateReason"] = object{"Code": "Client.UserInitiatedShutdown", "Message": "Client.UserInitiatedShutdown: User initiated shutdown"}
	}
	return o
}

// nitro reports whether the type is of a generation that the Nitro system runs.
func nitro(kind string) bool {
	return !strings.HasPrefix(kind, "m1.") && !strings.HasPrefix(kind, "t1.") && !strings.HasPrefix(kind, "t2.")
}

func bootMode(kind string) string {
	if nitro(kind) {
		return "uefi"
	}
	return "legacy-bios"
}

// cpus are the cores of the types used here (EC2 instance types, "CPU cores").
func cpus(m machine) object {
	cores := map[string]int{"c6g.large": 2, "r6i.xlarge": 2, "m6i.xlarge": 2, "m5.xlarge": 2, "c7i.xlarge": 2, "g4dn.xlarge": 2}
	threads := 2
	if m.image.arch == "arm64" || !nitro(m.kind) {
		threads = 1
	}
	return object{"CoreCount": max(1, cores[m.kind]), "ThreadsPerCore": threads}
}

// attachAll gives the instance its interfaces and volumes.
func (r *region) attachAll(m machine, s *subnet, id string, o object) {
	primary := r.instanceInterface(m, s, id, 0)
	ip := primary["PrivateIpAddress"].(string)
	inside := []object{insideInstance(primary)}
	if m.second {
		inside = append(inside, insideInstance(r.instanceInterface(m, s, id, 1)))
	}
	o["NetworkInterfaces"], o["SecurityGroups"] = inside, primary["Groups"]
	o["PrivateIpAddress"], o["PrivateDnsName"] = ip, s.privateDNS(ip)
	o["SubnetId"], o["VpcId"], o["SourceDestCheck"] = s.subnetID, s.vpcID, true
	o["PrivateDnsNameOptions"] = object{"HostnameType": "ip-name", "EnableResourceNameDnsARecord": false, "EnableResourceNameDnsAAAARecord": false}
	if a, ok := primary["Association"].(object); ok {
		o["PublicIpAddress"], o["PublicDnsName"] = a["PublicIp"], a["PublicDnsName"]
	}
	if list := primary["Ipv6Addresses"].([]object); len(list) > 0 {
		o["Ipv6Address"] = list[0]["Ipv6Address"]
	}
	kind := "gp3"
	if !nitro(m.kind) {
		kind = "gp2"
	}
	devices := []object{r.volume(volumeSpec{
		key: m.name + " root", name: m.name + "-root", zone: s.zone, device: m.image.device, instance: id, gib: m.image.gib, kind: kind, encrypted: !m.plain,
		snapshot: r.id("snap", "of "+m.image.key), days: m.days,
	})}
	if m.data > 0 {
		devices = append(devices, r.volume(volumeSpec{
			key: m.name + " data", name: m.name + "-data", zone: s.zone, device: "/dev/sdf", instance: id, gib: m.data, kind: "io2", encrypted: !m.plain, days: m.days,
		}))
	}
	o["BlockDeviceMappings"] = devices
}

// instanceInterface makes the interface of that device index.
func (r *region) instanceInterface(m machine, s *subnet, id string, index int) object {
	key := fmt.Sprintf("%s eth%d", m.name, index)
	ip := s.next()
	eni := s.networkInterface(key, ip, m.groups)
	eni["Attachment"] = object{
		"AttachTime": daysAgo(m.days, m.name), "AttachmentId": s.id("eni-attach", key), "DeleteOnTermination": true, "DeviceIndex": index, "NetworkCardIndex": 0,
		"InstanceId": id, "InstanceOwnerId": r.account, "Status": "attached",
	}
	if m.ipv6 {
		eni["Ipv6Addresses"] = []object{{"Ipv6Address": fmt.Sprintf("%s%x", s.prefix6, s.used[s.subnetID]+9), "IsPrimaryIpv6": false}}
	}
	if index == 0 && m.public == "eip" {
		s.elasticIP(m.name, eni, ip)["InstanceId"] = id
	}
	if index == 0 && m.public == "auto" && m.state == "running" { // a stopped instance loses it
		setAssociation(eni, association(r, s.public(), "amazon"))
	}
	r.add("NetworkInterfaces", eni)
	return eni
}

// insideInstance is the interface in the form DescribeInstances gives it.
func insideInstance(eni object) object {
	o := object{}
	for _, key := range []string{
		"Description", "Groups", "Ipv6Addresses", "MacAddress", "NetworkInterfaceId", "OwnerId", "PrivateDnsName", "PrivateIpAddress",
		"SourceDestCheck", "Status", "SubnetId", "VpcId", "InterfaceType", "Operator",
	} {
		o[key] = eni[key]
	}
	attachment := object{}
	for key, v := range eni["Attachment"].(object) {
		if key != "InstanceId" && key != "InstanceOwnerId" {
			attachment[key] = v
		}
	}
	o["Attachment"] = attachment
	addresses := []object{}
	for _, a := range eni["PrivateIpAddresses"].([]object) {
		addresses = append(addresses, plainAssociation(a))
	}
	o["PrivateIpAddresses"] = addresses
	if _, ok := eni["Association"]; ok {
		o["Association"] = plainAssociation(eni)["Association"]
	}
	return o
}

// plainAssociation copies o with an association that lacks the allocation,
// which DescribeInstances does not give.
func plainAssociation(o object) object {
	c := object{}
	for k, v := range o {
		c[k] = v
	}
	if a, ok := o["Association"].(object); ok {
		c["Association"] = object{"IpOwnerId": a["IpOwnerId"], "PublicDnsName": a["PublicDnsName"], "PublicIp": a["PublicIp"]}
	}
	return c
}

// managed lists the instance in Systems Manager.
func (r *region) managed(m machine, id, ip string) {
	platform := "Linux"
	if m.image.platform == "windows" {
		platform = "Windows"
	}
	r.add("SsmInstanceInformation", object{
		"InstanceId": id, "PingStatus": "Online", "LastPingDateTime": daysAgo(0, id), "AgentVersion": "3.3.3050.0", "IsLatestVersion": true, "PlatformType": platform,
		"PlatformName": m.ssm, "PlatformVersion": m.version, "ResourceType": "EC2Instance", "IPAddress": ip,
		"ComputerName": r.privateDNS(ip), "AssociationStatus": "Success", "LastAssociationExecutionDate": daysAgo(1, id), "LastSuccessfulAssociationExecutionDate": daysAgo(1, id),
		"AssociationOverview": object{"DetailedStatus": "Success", "InstanceAssociationStatusAggregatedCount": object{"Success": 2}}, "SourceId": id, "SourceType": "AWS::EC2::Instance",
	})
}

// keyPair lists a key pair; only its name and fingerprint are known to AWS's answer.
func (r *region) keyPair(name string) string {
	h := digest("fingerprint", r.account, r.name, name)
	parts := make([]string, 20)
	for i := range parts {
		parts[i] = fmt.Sprintf("%02x", h[i])
	}
	r.add("KeyPairs", object{
		"KeyPairId": r.id("key", name), "KeyType": "rsa", "Tags": []object{}, "CreateTime": daysAgo(600, name)[:19] + ".000Z", "KeyName": name, "KeyFingerprint": strings.Join(parts, ":"),
	})
	return name
}
