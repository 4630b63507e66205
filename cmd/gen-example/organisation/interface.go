package organisation

import "fmt"

// interfaceSpec says what an interface that a service owns looks like.
type interfaceSpec struct {
	key, description string
	kind             string // InterfaceType
	requester        string // RequesterId
	owner            string // InstanceOwnerId of the attachment
	groups           []string
	sourceDestCheck  bool
	amazonPublic     bool // has a public address of the service's own
}

// serviceInterface makes an interface of a gateway, endpoint or load balancer
// and returns it with its private address.
func (s *subnet) serviceInterface(spec interfaceSpec) (object, string) {
	ip := s.next()
	o := s.networkInterface(spec.key, ip, spec.groups)
	o["Description"], o["InterfaceType"] = spec.description, spec.kind
	o["RequesterId"], o["RequesterManaged"] = spec.requester, true
	o["SourceDestCheck"] = spec.sourceDestCheck
	o["Operator"] = object{"Managed": true, "Principal": spec.owner}
	o["Attachment"] = object{
		"AttachmentId": s.id("ela-attach", spec.key), "DeleteOnTermination": false, "DeviceIndex": 1, "InstanceOwnerId": spec.owner, "Status": "attached",
	}
	if spec.amazonPublic {
		setAssociation(o, association(s.region, s.public(), spec.owner))
	}
	s.add("NetworkInterfaces", o)
	return o, ip
}

// networkInterface is an interface as DescribeNetworkInterfaces answers it.
func (s *subnet) networkInterface(key, ip string, groups []string) object {
	m := hexOf(10, "mac", s.account, s.region.name, key)
	list := []object{}
	for _, g := range groups {
		list = append(list, object{"GroupName": g, "GroupId": s.groupID(g)})
	}
	return object{
		"AvailabilityZone": s.zone, "AvailabilityZoneId": s.zoneID(s.zone), "Description": "", "Groups": list, "InterfaceType": "interface", "Ipv6Addresses": []object{},
		"MacAddress":         fmt.Sprintf("06:%s:%s:%s:%s:%s", m[:2], m[2:4], m[4:6], m[6:8], m[8:]),
		"NetworkInterfaceId": s.id("eni", key), "OwnerId": s.account, "PrivateDnsName": s.privateDNS(ip), "PrivateIpAddress": ip,
		"PrivateIpAddresses": []object{{"Primary": true, "PrivateDnsName": s.privateDNS(ip), "PrivateIpAddress": ip}},
		"RequesterManaged":   false, "SourceDestCheck": true, "Status": "in-use", "SubnetId": s.subnetID, "TagSet": []object{}, "VpcId": s.vpcID,
		"Operator": object{"Managed": false},
	}
}

func association(r *region, ip, owner string) object {
	return object{"IpOwnerId": owner, "PublicDnsName": r.publicDNS(ip), "PublicIp": ip}
}

// setAssociation gives the interface's primary address a public one.
func setAssociation(eni, assoc object) {
	eni["Association"] = assoc
	eni["PrivateIpAddresses"].([]object)[0]["Association"] = assoc
}

// elasticIP allocates an Elastic IP for an interface's primary address.
func (s *subnet) elasticIP(name string, eni object, private string) object {
	o := s.unusedElasticIP(name)
	o["AssociationId"] = s.id("eipassoc", name)
	o["NetworkInterfaceId"], o["NetworkInterfaceOwnerId"], o["PrivateIpAddress"] = eni["NetworkInterfaceId"], s.account, private
	ip := o["PublicIp"].(string)
	assoc := association(s.region, ip, s.account)
	assoc["AllocationId"], assoc["AssociationId"] = o["AllocationId"], o["AssociationId"]
	setAssociation(eni, assoc)
	return o
}

// unusedElasticIP allocates an Elastic IP that belongs to nothing.
func (r *region) unusedElasticIP(name string) object {
	o := object{
		"PublicIp": r.public(), "AllocationId": r.id("eipalloc", name), "Domain": "vpc", "PublicIpv4Pool": "amazon", "NetworkBorderGroup": r.name, "Tags": tags(name),
	}
	r.add("Addresses", o)
	return o
}
