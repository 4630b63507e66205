package organisation

import (
	"fmt"
	"strings"
)

// vpc is one VPC under construction.
type vpc struct {
	*region
	name, vpcID, cidr, cidr6 string
	acl                      object // the default network ACL
	main                     object // the main route table
	subnets                  map[string]*subnet
}

type subnet struct {
	*vpc
	subnetID, zone, prefix, prefix6 string // prefix: the first three numbers of the /24
}

// newVPC makes a VPC with what AWS makes along with it: the main route table,
// the default network ACL and the default security group. cidr6 may be empty.
func newVPC(r *region, name, cidr, cidr6 string) *vpc {
	v := &vpc{region: r, name: name, vpcID: r.id("vpc", name), cidr: cidr, cidr6: cidr6, subnets: map[string]*subnet{}}
	o := object{
		"CidrBlock": cidr, "DhcpOptionsId": r.id("dopt", "default"), "State": "available", "VpcId": v.vpcID, "OwnerId": r.account,
		"InstanceTenancy": "default", "IsDefault": false, "Tags": tags(name),
		"CidrBlockAssociationSet": []object{{
			"AssociationId": r.id("vpc-cidr-assoc", name), "CidrBlock": cidr, "CidrBlockState": object{"State": "associated"},
		}},
		"BlockPublicAccessStates": object{"InternetGatewayBlockMode": "off"},
	}
	if cidr6 != "" {
		o["Ipv6CidrBlockAssociationSet"] = []object{{
			"AssociationId": r.id("vpc-cidr-assoc", name+" 6"), "Ipv6CidrBlock": cidr6, "Ipv6CidrBlockState": object{"State": "associated"},
			"NetworkBorderGroup": r.name, "Ipv6Pool": "Amazon", "Ipv6AddressAttribute": "public", "IpSource": "amazon",
		}}
	}
	r.add("Vpcs", o)
	v.main = v.table(name+"-main", true)
	v.acl = v.networkACL("", []object{allowAll(100, false), allowAll(100, true)})
	v.group("default", "default VPC security group", []object{permission("-1", 0, 0, fromGroup(v.groupID("default")))}, nil)
	return v
}

// addSubnet makes a /24 subnet. public sets the assignment of public addresses
// at launch; a subnet without a table follows the main one.
func (v *vpc) addSubnet(name, prefix, zoneLetter string, public bool) *subnet {
	s := &subnet{vpc: v, subnetID: v.id("subnet", name), zone: v.region.name + zoneLetter, prefix: prefix}
	o := object{
		"AvailabilityZone": s.zone, "AvailabilityZoneId": v.zoneID(s.zone), "CidrBlock": prefix + ".0/24", "DefaultForAz": false,
		"MapPublicIpOnLaunch": public, "MapCustomerOwnedIpOnLaunch": false, "State": "available", "SubnetId": s.subnetID, "VpcId": v.vpcID,
		"OwnerId": v.account, "AssignIpv6AddressOnCreation": false, "Ipv6CidrBlockAssociationSet": []object{}, "Tags": tags(name),
		"SubnetArn": v.arn("ec2", "subnet/"+s.subnetID), "EnableDns64": false, "Ipv6Native": false,
		"PrivateDnsNameOptionsOnLaunch": object{"HostnameType": "ip-name", "EnableResourceNameDnsARecord": false, "EnableResourceNameDnsAAAARecord": false},
		"BlockPublicAccessStates":       object{"InternetGatewayBlockMode": "off"},
	}
	if v.cidr6 != "" {
		third := prefix[strings.LastIndex(prefix, ".")+1:]
		s.prefix6 = fmt.Sprintf("%s%02s::", strings.TrimSuffix(v.cidr6, "00::/56"), third)
		o["Ipv6CidrBlockAssociationSet"] = []object{{
			"AssociationId": v.id("subnet-cidr-assoc", name), "Ipv6CidrBlock": s.prefix6 + "/64", "Ipv6CidrBlockState": object{"State": "associated"},
			"Ipv6AddressAttribute": "public", "IpSource": "amazon",
		}}
	}
	v.add("Subnets", o)
	v.subnets[name] = s
	v.associateACL(v.acl, s)
	return s
}

// next hands out the next private address of the subnet; AWS keeps the first four.
func (s *subnet) next() string {
	s.used[s.subnetID]++
	return fmt.Sprintf("%s.%d", s.prefix, s.used[s.subnetID]+9)
}

// table makes a route table with the local routes.
func (v *vpc) table(name string, isMain bool, subnets ...*subnet) object {
	tableID := v.id("rtb", name)
	assoc := []object{}
	if isMain {
		assoc = append(assoc, object{
			"Main": true, "RouteTableAssociationId": v.id("rtbassoc", name), "RouteTableId": tableID, "AssociationState": object{"State": "associated"},
		})
	}
	for _, s := range subnets {
		assoc = append(assoc, object{
			"Main": false, "RouteTableAssociationId": v.id("rtbassoc", name+s.subnetID), "RouteTableId": tableID, "SubnetId": s.subnetID,
			"AssociationState": object{"State": "associated"},
		})
	}
	local := []object{{"DestinationCidrBlock": v.cidr, "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}}
	if v.cidr6 != "" {
		local = append(local, object{"DestinationIpv6CidrBlock": v.cidr6, "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"})
	}
	t := object{
		"Associations": assoc, "PropagatingVgws": []object{}, "RouteTableId": tableID, "Routes": local,
		"Tags": tags(name), "VpcId": v.vpcID, "OwnerId": v.account,
	}
	v.add("RouteTables", t)
	return t
}

// route adds a route; field is the member that names the target.
func route(table object, destination, field, target string) {
	o := object{field: target, "Origin": "CreateRoute", "State": "active"}
	switch {
	case strings.HasPrefix(destination, "pl-"):
		o["DestinationPrefixListId"] = destination
	case strings.Contains(destination, ":"):
		o["DestinationIpv6CidrBlock"] = destination
	default:
		o["DestinationCidrBlock"] = destination
	}
	table["Routes"] = append(table["Routes"].([]object), o)
}

// networkACL makes a network ACL; with no name it is the default one. The last
// entry of each direction is AWS's own, which denies everything.
func (v *vpc) networkACL(name string, entries []object) object {
	for _, egress := range []bool{false, true} {
		last := allowAll(32767, egress)
		last["RuleAction"] = "deny"
		entries = append(entries, last)
		if v.cidr6 != "" {
			entries = append(entries, object{"Egress": egress, "Ipv6CidrBlock": "::/0", "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32768})
			if name == "" {
				entries = append(entries, object{"Egress": egress, "Ipv6CidrBlock": "::/0", "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 101})
			}
		}
	}
	o := object{
		"Associations": []object{}, "Entries": entries, "IsDefault": name == "", "NetworkAclId": v.id("acl", v.name+name),
		"Tags": []object{}, "VpcId": v.vpcID, "OwnerId": v.account,
	}
	if name != "" {
		o["Tags"] = tags(name)
	}
	v.add("NetworkAcls", o)
	return o
}

func (v *vpc) associateACL(acl object, s *subnet) {
	for _, other := range v.lists["NetworkAcls"] { // a subnet has one network ACL
		kept := []object{}
		for _, a := range other["Associations"].([]object) {
			if a["SubnetId"] != s.subnetID {
				kept = append(kept, a)
			}
		}
		other["Associations"] = kept
	}
	acl["Associations"] = append(acl["Associations"].([]object), object{
		"NetworkAclAssociationId": v.id("aclassoc", s.subnetID), "NetworkAclId": acl["NetworkAclId"], "SubnetId": s.subnetID,
	})
}

func allowAll(number int, egress bool) object {
	return object{"CidrBlock": "0.0.0.0/0", "Egress": egress, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": number}
}

// tcpEntry is an entry of a network ACL for TCP (protocol 6).
func tcpEntry(number int, egress bool, action, cidr string, from, to int) object {
	return object{
		"CidrBlock": cidr, "Egress": egress, "PortRange": object{"From": from, "To": to}, "Protocol": "6", "RuleAction": action, "RuleNumber": number,
	}
}

func (v *vpc) internetGateway() string {
	igw := v.id("igw", v.name)
	v.add("InternetGateways", object{
		"Attachments": []object{{"State": "available", "VpcId": v.vpcID}}, "InternetGatewayId": igw, "OwnerId": v.account, "Tags": tags(v.name + "-igw"),
	})
	return igw
}

// natGateway makes a public NAT gateway with its interface and Elastic IP.
func (s *subnet) natGateway(name string) string {
	nat := s.id("nat", name)
	eni, ip := s.serviceInterface(interfaceSpec{
		key: name, description: "Interface for NAT Gateway " + nat, kind: "nat_gateway", requester: s.account, owner: "amazon-aws", sourceDestCheck: false,
	})
	eip := s.elasticIP(name, eni, ip)
	s.add("NatGateways", object{
		"CreateTime": daysAgo(410, name), "ConnectivityType": "public", "NatGatewayId": nat, "State": "available", "SubnetId": s.subnetID, "VpcId": s.vpcID, "Tags": tags(name),
		"NatGatewayAddresses": []object{{
			"AllocationId": eip["AllocationId"], "AssociationId": eip["AssociationId"], "NetworkInterfaceId": eni["NetworkInterfaceId"],
			"PrivateIp": ip, "PublicIp": eip["PublicIp"], "IsPrimary": true, "Status": "succeeded",
		}},
	})
	return nat
}

// flowLog makes a flow log of the VPC into CloudWatch Logs.
func (v *vpc) flowLog() {
	v.add("FlowLogs", object{
		"CreationTime": daysAgo(400, v.name), "DeliverLogsPermissionArn": "arn:aws:iam::" + v.account + ":role/vpc-flow-logs", "DeliverLogsStatus": "SUCCESS",
		"FlowLogId": v.id("fl", v.name), "FlowLogStatus": "ACTIVE", "LogGroupName": "/vpc/" + v.name, "ResourceId": v.vpcID, "TrafficType": "ALL",
		"LogDestinationType": "cloud-watch-logs", "LogDestination": v.arn("logs", "log-group:/vpc/"+v.name), "MaxAggregationInterval": 60, "Tags": tags(v.name + "-flow"),
		"LogFormat": "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}",
	})
}
