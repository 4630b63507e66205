package organisation

// groupID is the id of the VPC's security group of that name, made or not.
func (v *vpc) groupID(name string) string { return v.id("sg", v.name+" "+name) }

// group makes a security group. With no out, everything may go out, as AWS
// makes it.
func (v *vpc) group(name, description string, in, out []object) string {
	if out == nil {
		open := permission("-1", 0, 0, fromCIDR("0.0.0.0/0", ""))
		if v.cidr6 != "" {
			open["Ipv6Ranges"] = []object{{"CidrIpv6": "::/0"}}
		}
		out = []object{open}
	}
	in = merged(in)
	for _, p := range in {
		for _, pair := range p["UserIdGroupPairs"].([]object) {
			if pair["UserId"] == "" {
				pair["UserId"] = v.account
			}
		}
	}
	groupID := v.groupID(name)
	o := object{
		"GroupId": groupID, "GroupName": name, "Description": description, "IpPermissions": in, "IpPermissionsEgress": out, "OwnerId": v.account,
		"VpcId": v.vpcID, "SecurityGroupArn": v.arn("ec2", "security-group/"+groupID), "Tags": []object{},
	}
	if name != "default" {
		o["Tags"] = tags(name)
	}
	v.add("SecurityGroups", o)
	return groupID
}

// merged joins permissions of the same protocol and ports into one, as AWS does.
func merged(all []object) []object {
	kept := []object{}
next:
	for _, p := range all {
		for _, k := range kept {
			if k["IpProtocol"] == p["IpProtocol"] && k["FromPort"] == p["FromPort"] && k["ToPort"] == p["ToPort"] {
				for _, list := range []string{"IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"} {
					k[list] = append(k[list].([]object), p[list].([]object)...)
				}
				continue next
			}
		}
		kept = append(kept, p)
	}
	return kept
}

// peer is the other side of a rule.
type peer struct {
	list  string // member of the permission
	entry object
}

func fromCIDR(cidr, description string) peer {
	return peer{"IpRanges", described(object{"CidrIp": cidr}, description)}
}

func fromCIDR6(cidr, description string) peer {
	return peer{"Ipv6Ranges", described(object{"CidrIpv6": cidr}, description)}
}

func fromList(prefixListID, description string) peer {
	return peer{"PrefixListIds", described(object{"PrefixListId": prefixListID}, description)}
}

// fromGroup names a group of the same account; group fills in its id.
func fromGroup(groupID string) peer {
	return peer{"UserIdGroupPairs", object{"GroupId": groupID, "UserId": ""}}
}

// fromPeerGroup names a group of a peered VPC.
func fromPeerGroup(groupID, account, vpcID, peering string) peer {
	return peer{"UserIdGroupPairs", object{
		"GroupId": groupID, "UserId": account, "VpcId": vpcID, "VpcPeeringConnectionId": peering, "PeeringStatus": "active",
	}}
}

func described(o object, description string) object {
	if description != "" {
		o["Description"] = description
	}
	return o
}

// permission is one IpPermission. Ports are left out for protocol -1.
func permission(protocol string, from, to int, peers ...peer) object {
	o := object{
		"IpProtocol": protocol, "IpRanges": []object{}, "Ipv6Ranges": []object{}, "PrefixListIds": []object{}, "UserIdGroupPairs": []object{},
	}
	if protocol != "-1" {
		o["FromPort"], o["ToPort"] = from, to
	}
	for _, p := range peers {
		o[p.list] = append(o[p.list].([]object), p.entry)
	}
	return o
}

// tcp is a permission for one TCP port.
func tcp(port int, peers ...peer) object { return permission("tcp", port, port, peers...) }
