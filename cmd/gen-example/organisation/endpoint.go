package organisation

import "strings"

// serviceOwner is the owner AWS gives for its own endpoint services.
const serviceOwner = "amazon"

// prefixLists makes AWS's own lists of the region. The addresses are from the
// documentation ranges (RFC 5737), not Amazon's.
func (r *region) prefixLists() (s3 string) {
	lists := []struct{ service, cidr string }{{"s3", "192.0.2.224/28"}, {"dynamodb", "192.0.2.240/28"}}
	for _, l := range lists {
		name := "com.amazonaws." + r.name + "." + l.service
		listID := "pl-" + hexOf(8, "prefix list", name)
		r.add("PrefixLists", object{"Cidrs": []string{l.cidr}, "PrefixListId": listID, "PrefixListName": name})
		r.add("ManagedPrefixLists", object{
			"PrefixListId": listID, "AddressFamily": "IPv4", "State": "create-complete", "PrefixListName": name, "OwnerId": "AWS", "Tags": []object{},
			"PrefixListArn": "arn:aws:ec2:" + r.name + ":aws:prefix-list/" + listID,
		})
		r.add("ManagedPrefixListEntries", object{"PrefixListId": listID, "Entries": []object{{"Cidr": l.cidr}}})
		if l.service == "s3" {
			s3 = listID
		}
	}
	return s3
}

// officeList makes the customer's own list of office networks.
func (r *region) officeList() string {
	listID := r.id("pl", "office-networks")
	r.add("ManagedPrefixLists", object{
		"PrefixListId": listID, "AddressFamily": "IPv4", "State": "create-complete", "PrefixListArn": r.arn("ec2", "prefix-list/"+listID),
		"PrefixListName": "office-networks", "MaxEntries": 10, "Version": 3, "OwnerId": r.account, "Tags": tags("office-networks"),
	})
	r.add("ManagedPrefixListEntries", object{"PrefixListId": listID, "Entries": []object{
		{"Cidr": "198.51.100.0/28", "Description": "Tokyo office"},
		{"Cidr": "198.51.100.16/28", "Description": "Osaka office"},
	}})
	return listID
}

// gatewayEndpoint makes the S3 gateway endpoint and its routes.
func (v *vpc) gatewayEndpoint(prefixList string, tables ...object) {
	service := "com.amazonaws." + v.region.name + ".s3"
	endpoint := v.id("vpce", v.name+" s3")
	ids := []string{}
	for _, t := range tables {
		ids = append(ids, t["RouteTableId"].(string))
		route(t, prefixList, "GatewayId", endpoint)
	}
	v.add("VpcEndpoints", object{
		"VpcEndpointId": endpoint, "VpcEndpointType": "Gateway", "VpcId": v.vpcID, "ServiceName": service, "State": "available", "RouteTableIds": ids,
		"SubnetIds": []string{}, "Groups": []object{}, "PrivateDnsEnabled": false, "RequesterManaged": false, "NetworkInterfaceIds": []string{}, "DnsEntries": []object{},
		"PolicyDocument":    `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		"CreationTimestamp": daysAgo(420, endpoint), "Tags": tags(v.name + "-s3"), "OwnerId": v.account, "ServiceRegion": v.region.name,
	})
	v.service(service, "s3", "Gateway")
}

// interfaceEndpoint makes the SSM interface endpoint, one interface a subnet.
func (v *vpc) interfaceEndpoint(groupName string, subnets ...*subnet) {
	service := "com.amazonaws." + v.region.name + ".ssm"
	endpoint := v.id("vpce", v.name+" ssm")
	enis, ids := []string{}, []string{}
	for _, s := range subnets {
		eni, _ := s.serviceInterface(interfaceSpec{
			key: "ssm " + s.subnetID, description: "VPC Endpoint Interface " + endpoint, kind: "vpc_endpoint", requester: "727180483921", owner: "amazon-aws",
			groups: []string{groupName}, sourceDestCheck: true,
		})
		enis, ids = append(enis, eni["NetworkInterfaceId"].(string)), append(ids, s.subnetID)
	}
	v.add("VpcEndpoints", object{
		"VpcEndpointId": endpoint, "VpcEndpointType": "Interface", "VpcId": v.vpcID, "ServiceName": service, "State": "available", "RouteTableIds": []string{},
		"SubnetIds": ids, "Groups": []object{{"GroupId": v.groupID(groupName), "GroupName": groupName}}, "IpAddressType": "ipv4", "DnsOptions": object{"DnsRecordIpType": "ipv4"},
		"PrivateDnsEnabled": true, "RequesterManaged": false, "NetworkInterfaceIds": enis,
		"DnsEntries": []object{
			{"DnsName": endpoint + "-" + hexOf(8, endpoint) + ".ssm." + v.region.name + ".vpce.amazonaws.com", "HostedZoneId": "Z" + strings.ToUpper(hexOf(13, "zone", endpoint))},
			{"DnsName": "ssm." + v.region.name + ".amazonaws.com", "HostedZoneId": "Z" + strings.ToUpper(hexOf(20, "private zone", endpoint))},
		},
		"PolicyDocument":    `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`,
		"CreationTimestamp": daysAgo(300, endpoint), "Tags": tags(v.name + "-ssm"), "OwnerId": v.account, "ServiceRegion": v.region.name,
	})
	v.service(service, "ssm", "Interface")
}

// service lists the service among those that can be reached by an endpoint.
func (v *vpc) service(name, short, kind string) {
	zones := []string{}
	for _, z := range v.zones {
		zones = append(zones, z.name)
	}
	o := object{
		"ServiceName": name, "ServiceId": "vpce-svc-" + hexOf(17, name), "ServiceType": []object{{"ServiceType": kind}}, "ServiceRegion": v.region.name, "AvailabilityZones": zones,
		"Owner": serviceOwner, "BaseEndpointDnsNames": []string{short + "." + v.region.name + ".vpce.amazonaws.com"}, "VpcEndpointPolicySupported": true,
		"AcceptanceRequired": false, "ManagesVpcEndpoints": false, "Tags": []object{}, "SupportedIpAddressTypes": []string{"ipv4"},
	}
	if kind == "Interface" {
		o["PrivateDnsName"] = short + "." + v.region.name + ".amazonaws.com"
		o["PrivateDnsNames"] = []object{{"PrivateDnsName": short + "." + v.region.name + ".amazonaws.com"}}
		o["PrivateDnsNameVerificationState"] = "verified"
	}
	v.add("VpcEndpointServices", o)
}
