package awstest_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/awstest"
)

// TestDescribeAll makes every describe call that reading an account's world takes, so that each of moto's answers is held against the model.
func TestDescribeAll(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account, region := a.Account(1), "eu-central-1"
	k := a.AddKey(account, "base")
	s := a.SeedInstance(account, region, 2)
	seedNetwork(t, a, account, region, s)
	c := ec2.NewFromConfig(a.Config(region, k), once)
	ctx := t.Context()
	calls := map[string]func() error{
		"instances":       func() error { _, err := c.DescribeInstances(ctx, nil); return err },
		"instance_status": func() error { _, err := c.DescribeInstanceStatus(ctx, nil); return err },
		"images": func() error {
			_, err := c.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}})
			return err
		},
		"volumes": func() error { _, err := c.DescribeVolumes(ctx, nil); return err },
		"snapshots": func() error {
			_, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
			return err
		},
		"network_interfaces":   func() error { _, err := c.DescribeNetworkInterfaces(ctx, nil); return err },
		"vpcs":                 func() error { _, err := c.DescribeVpcs(ctx, nil); return err },
		"subnets":              func() error { _, err := c.DescribeSubnets(ctx, nil); return err },
		"route_tables":         func() error { _, err := c.DescribeRouteTables(ctx, nil); return err },
		"network_acls":         func() error { _, err := c.DescribeNetworkAcls(ctx, nil); return err },
		"security_groups":      func() error { _, err := c.DescribeSecurityGroups(ctx, nil); return err },
		"security_group_rules": func() error { _, err := c.DescribeSecurityGroupRules(ctx, nil); return err },
		"internet_gateways":    func() error { _, err := c.DescribeInternetGateways(ctx, nil); return err },
		"egress_only":          func() error { _, err := c.DescribeEgressOnlyInternetGateways(ctx, nil); return err },
		"nat_gateways":         func() error { _, err := c.DescribeNatGateways(ctx, nil); return err },
		"carrier_gateways":     func() error { _, err := c.DescribeCarrierGateways(ctx, nil); return err },
		"local_gateways":       func() error { _, err := c.DescribeLocalGateways(ctx, nil); return err },
		"peerings":             func() error { _, err := c.DescribeVpcPeeringConnections(ctx, nil); return err },
		"transit_gateways":     func() error { _, err := c.DescribeTransitGateways(ctx, nil); return err },
		"tgw_attachments":      func() error { _, err := c.DescribeTransitGatewayAttachments(ctx, nil); return err },
		"tgw_vpc_attachments":  func() error { _, err := c.DescribeTransitGatewayVpcAttachments(ctx, nil); return err },
		"tgw_peerings":         func() error { _, err := c.DescribeTransitGatewayPeeringAttachments(ctx, nil); return err },
		"tgw_connects":         func() error { _, err := c.DescribeTransitGatewayConnects(ctx, nil); return err },
		"tgw_route_tables":     func() error { _, err := c.DescribeTransitGatewayRouteTables(ctx, nil); return err },
		"vpn_connections":      func() error { _, err := c.DescribeVpnConnections(ctx, nil); return err },
		"vpn_gateways":         func() error { _, err := c.DescribeVpnGateways(ctx, nil); return err },
		"customer_gateways":    func() error { _, err := c.DescribeCustomerGateways(ctx, nil); return err },
		"client_vpn":           func() error { _, err := c.DescribeClientVpnEndpoints(ctx, nil); return err },
		"vpc_endpoints":        func() error { _, err := c.DescribeVpcEndpoints(ctx, nil); return err },
		"endpoint_services":    func() error { _, err := c.DescribeVpcEndpointServiceConfigurations(ctx, nil); return err },
		"instance_connect":     func() error { _, err := c.DescribeInstanceConnectEndpoints(ctx, nil); return err },
		"managed_prefix_lists": func() error { _, err := c.DescribeManagedPrefixLists(ctx, nil); return err },
		"prefix_lists":         func() error { _, err := c.DescribePrefixLists(ctx, nil); return err },
		"addresses":            func() error { _, err := c.DescribeAddresses(ctx, nil); return err },
		"key_pairs":            func() error { _, err := c.DescribeKeyPairs(ctx, nil); return err },
		"profile_associations": func() error { _, err := c.DescribeIamInstanceProfileAssociations(ctx, nil); return err },
		"availability_zones":   func() error { _, err := c.DescribeAvailabilityZones(ctx, nil); return err },
		"regions":              func() error { _, err := c.DescribeRegions(ctx, nil); return err },
		"tags":                 func() error { _, err := c.DescribeTags(ctx, nil); return err },
		"launch_templates":     func() error { _, err := c.DescribeLaunchTemplates(ctx, nil); return err },
		"dhcp_options":         func() error { _, err := c.DescribeDhcpOptions(ctx, nil); return err },
		"flow_logs":            func() error { _, err := c.DescribeFlowLogs(ctx, nil); return err },
		"block_public_access":  func() error { _, err := c.DescribeVpcBlockPublicAccessOptions(ctx, nil); return err },
		"bpa_exclusions":       func() error { _, err := c.DescribeVpcBlockPublicAccessExclusions(ctx, nil); return err },
		"instance_types": func() error {
			_, err := c.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m5.large"}})
			return err
		},
		"hosts":                 func() error { _, err := c.DescribeHosts(ctx, nil); return err },
		"placement_groups":      func() error { _, err := c.DescribePlacementGroups(ctx, nil); return err },
		"verified_access":       func() error { _, err := c.DescribeVerifiedAccessEndpoints(ctx, nil); return err },
		"traffic_mirror":        func() error { _, err := c.DescribeTrafficMirrorSessions(ctx, nil); return err },
		"route_servers":         func() error { _, err := c.DescribeRouteServers(ctx, nil); return err },
		"ipams":                 func() error { _, err := c.DescribeIpams(ctx, nil); return err },
		"ebs_encryption":        func() error { _, err := c.GetEbsEncryptionByDefault(ctx, nil); return err },
		"sg_vpc_associations":   func() error { _, err := c.DescribeSecurityGroupVpcAssociations(ctx, nil); return err },
		"network_insights_path": func() error { _, err := c.DescribeNetworkInsightsPaths(ctx, nil); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFleet makes the world of issue-sized tests: 3 accounts, 17 regions, 20 instances each.
func TestFleet(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	regions := awstest.DefaultRegions()
	if len(regions) != 17 {
		t.Fatalf("got %d default regions, want 17", len(regions))
	}
	var wg sync.WaitGroup
	total := 0
	for _, account := range []string{a.Account(1), a.Account(2), a.Account(3)} {
		k := a.AddKey(account, "base")
		for _, r := range regions {
			if got := len(a.SeedInstances(account, r, 20)); got != 20 {
				t.Fatalf("seeded %d instances, want 20", got)
			}
		}
		counts := make([]int, len(regions))
		for i, r := range regions {
			wg.Go(func() {
				out, err := ec2.NewFromConfig(a.Config(r, k)).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000)})
				if err != nil {
					t.Errorf("%s %s: %v", account, r, err)
					return
				}
				for _, res := range out.Reservations {
					if *res.OwnerId != account {
						t.Errorf("account %s sees %s's", account, *res.OwnerId)
					}
					counts[i] += len(res.Instances)
				}
			})
		}
		wg.Wait()
		for _, n := range counts {
			total += n
		}
	}
	if total != 3*17*20 {
		t.Errorf("got %d instances, want %d", total, 3*17*20)
	}
}

func TestRegions(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "base")
	a.OptIn(a.Account(1), "ap-east-1")
	c := ec2.NewFromConfig(a.Config("us-east-1", k))
	list := func(in *ec2.DescribeRegionsInput) map[string]string {
		out, err := c.DescribeRegions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, r := range out.Regions {
			m[*r.RegionName] = aws.ToString(r.OptInStatus)
		}
		return m
	}
	on := list(&ec2.DescribeRegionsInput{})
	if len(on) != 18 || on["ap-east-1"] != "opted-in" || on["eu-west-1"] != "opt-in-not-required" {
		t.Errorf("got %v, want 17 regions and ap-east-1", on)
	}
	all := list(&ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if len(all) <= 18 || all["me-south-1"] != "not-opted-in" || all["ap-east-1"] != "opted-in" {
		t.Errorf("got %v, want the regions that are off too", all)
	}
	off := ec2.NewFromConfig(a.Config("me-south-1", k), once)
	if _, err := off.DescribeVpcs(t.Context(), nil); code(t, err) != "AuthFailure" {
		t.Errorf("got %v in a region that is off, want AuthFailure", err)
	}
	a.OnlyRegions(a.Account(1), "us-east-1", "eu-west-1")
	if got := list(&ec2.DescribeRegionsInput{}); len(got) != 3 {
		t.Errorf("got %v, want two regions and the one opted in to", got)
	}
}

func TestDryRun(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	k := a.AddKey(account, "base")
	s := a.SeedInstance(account, "us-east-1", 0)
	c := ec2.NewFromConfig(a.Config("us-east-1", k), once)
	dry := aws.Bool(true)
	describe := func() error {
		_, err := c.DescribeManagedPrefixLists(t.Context(), &ec2.DescribeManagedPrefixListsInput{DryRun: dry})
		return err
	}
	create := func() error {
		_, err := c.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &s.Volumes[0], DryRun: dry})
		return err
	}
	for name, call := range map[string]func() error{"describe": describe, "create": create} {
		if got := code(t, call()); got != "DryRunOperation" {
			t.Errorf("%s: got %q, want DryRunOperation", name, got)
		}
	}
	if got := a.Snapshots(); len(got) != 0 {
		t.Errorf("a dry run made %v", got)
	}
	a.Allow(account, "base", "ec2:Describe*")
	if got := code(t, describe()); got != "DryRunOperation" {
		t.Errorf("got %q for what is allowed, want DryRunOperation", got)
	}
	if got := code(t, create()); got != "UnauthorizedOperation" {
		t.Errorf("got %q for what is not allowed, want UnauthorizedOperation", got)
	}
}

func TestSnapshots(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	s := a.SeedInstance(account, "us-east-1", 2)
	if len(s.Volumes) != 3 {
		t.Fatalf("got volumes %v, want 3", s.Volumes)
	}
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "base")), once)
	tags := func(v string) []types.TagSpecification {
		return []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{{Key: aws.String("HinomiScan"), Value: &v}}}}
	}
	set, err := c.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{InstanceId: &s.ID}, TagSpecifications: tags("scan-1")})
	if err != nil {
		t.Fatal(err)
	}
	var of, ids []string
	for _, sn := range set.Snapshots {
		of, ids = append(of, *sn.VolumeId), append(ids, *sn.SnapshotId)
		if sn.State != types.SnapshotStatePending {
			t.Errorf("got state %q, want pending", sn.State)
		}
	}
	slices.Sort(of)
	slices.Sort(ids)
	slices.Sort(s.Volumes)
	if !slices.Equal(of, s.Volumes) {
		t.Errorf("got snapshots of %v, want of %v", of, s.Volumes)
	}
	one, err := c.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &s.Volumes[0], TagSpecifications: tags("scan-2")})
	if err != nil {
		t.Fatal(err)
	}
	find := func(name, value string) []string {
		out, err := c.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: &name, Values: []string{value}}}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, sn := range out.Snapshots {
			got = append(got, *sn.SnapshotId)
		}
		slices.Sort(got)
		return got
	}
	if got := find("tag:HinomiScan", "scan-1"); !slices.Equal(got, ids) {
		t.Errorf("got %v by tag, want %v", got, ids)
	}
	if got := find("tag-key", "HinomiScan"); len(got) != 4 {
		t.Errorf("got %v by tag key, want all four", got)
	}
	if _, err := c.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: one.SnapshotId}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: one.SnapshotId}); code(t, err) != "InvalidSnapshot.NotFound" {
		t.Errorf("got %v for a snapshot that is gone, want InvalidSnapshot.NotFound", err)
	}
	if got := a.Snapshots(); !slices.Equal(got, ids) {
		t.Errorf("got %v left, want %v", got, ids)
	}
}

// seedNetwork makes one of everything that moto can make.
func seedNetwork(t *testing.T, a *awstest.AWS, account, region string, s awstest.Seeded) {
	t.Helper()
	do := func(action string, kv ...string) func(...string) string {
		p := map[string][]string{}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i]] = []string{kv[i+1]}
		}
		return a.EC2(account, region, action, p).Path
	}
	vpc := do("CreateVpc", "CidrBlock", "10.9.0.0/16")("vpc", "vpcId")
	subnet := do("CreateSubnet", "VpcId", vpc, "CidrBlock", "10.9.1.0/24")("subnet", "subnetId")
	igw := do("CreateInternetGateway")("internetGateway", "internetGatewayId")
	do("AttachInternetGateway", "InternetGatewayId", igw, "VpcId", vpc)
	rt := do("CreateRouteTable", "VpcId", vpc)("routeTable", "routeTableId")
	do("AssociateRouteTable", "RouteTableId", rt, "SubnetId", subnet)
	do("CreateRoute", "RouteTableId", rt, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", igw)
	eip := do("AllocateAddress", "Domain", "vpc")("allocationId")
	do("CreateNatGateway", "SubnetId", subnet, "AllocationId", eip)
	pcx := do("CreateVpcPeeringConnection", "VpcId", vpc, "PeerVpcId", s.VPC)("vpcPeeringConnection", "vpcPeeringConnectionId")
	do("AcceptVpcPeeringConnection", "VpcPeeringConnectionId", pcx)
	tgw := do("CreateTransitGateway", "Description", "hub")("transitGateway", "transitGatewayId")
	do("CreateTransitGatewayVpcAttachment", "TransitGatewayId", tgw, "VpcId", vpc, "SubnetIds.1", subnet)
	do("CreateTransitGatewayRouteTable", "TransitGatewayId", tgw)
	do("CreateVpcEndpoint", "VpcId", vpc, "ServiceName", "com.amazonaws."+region+".s3", "RouteTableId.1", rt)
	do("CreateEgressOnlyInternetGateway", "VpcId", vpc)
	do("CreateCarrierGateway", "VpcId", vpc)
	do("CreateVpnGateway", "Type", "ipsec.1")
	cgw := do("CreateCustomerGateway", "Type", "ipsec.1", "IpAddress", "203.0.113.9", "BgpAsn", "65000")("customerGateway", "customerGatewayId")
	do("CreateVpnConnection", "Type", "ipsec.1", "CustomerGatewayId", cgw, "TransitGatewayId", tgw)
	sg := do("CreateSecurityGroup", "GroupName", "web", "GroupDescription", "web", "VpcId", vpc)("groupId")
	do("AuthorizeSecurityGroupIngress", "GroupId", sg, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "22", "IpPermissions.1.ToPort", "22",
		"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	do("CreateManagedPrefixList", "PrefixListName", "ours", "AddressFamily", "IPv4", "MaxEntries", "5", "Entry.1.Cidr", "10.0.0.0/8")
	do("CreateKeyPair", "KeyName", "ops")
	do("CreateTags", "ResourceId.1", s.ID, "Tag.1.Key", "Name", "Tag.1.Value", "bastion")
	do("CreateSnapshot", "VolumeId", s.Volumes[0])
}
