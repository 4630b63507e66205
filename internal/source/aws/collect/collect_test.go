package collect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/collect"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/source/aws/live"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

const (
	account = "310000000101"
	region  = "eu-central-1"
)

var options = live.Options{Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }}

// seed makes something of nearly every kind and returns a session of the account.
func seed(t *testing.T, w *awstest.AWS) (*awsclient.Session, awstest.Key) {
	t.Helper()
	do := func(action string, kv ...string) func(...string) string {
		p := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			p.Set(kv[i], kv[i+1])
		}
		return w.EC2(account, region, action, p).Path
	}
	s := w.SeedInstance(account, region, 2)
	w.SeedInstances(account, region, 3)
	vpc := do("CreateVpc", "CidrBlock", "10.9.0.0/16", "AmazonProvidedIpv6CidrBlock", "true")("vpc", "vpcId")
	subnet := do("CreateSubnet", "VpcId", vpc, "CidrBlock", "10.9.1.0/24", "AvailabilityZone", region+"a")("subnet", "subnetId")
	second := do("CreateSubnet", "VpcId", vpc, "CidrBlock", "10.9.2.0/24", "AvailabilityZone", region+"b")("subnet", "subnetId")
	igw := do("CreateInternetGateway")("internetGateway", "internetGatewayId")
	do("AttachInternetGateway", "InternetGatewayId", igw, "VpcId", vpc)
	rt := do("CreateRouteTable", "VpcId", vpc)("routeTable", "routeTableId")
	do("AssociateRouteTable", "RouteTableId", rt, "SubnetId", subnet)
	do("CreateRoute", "RouteTableId", rt, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", igw)
	do("CreateNatGateway", "SubnetId", subnet, "AllocationId", do("AllocateAddress", "Domain", "vpc")("allocationId"))
	do("AcceptVpcPeeringConnection", "VpcPeeringConnectionId", do("CreateVpcPeeringConnection", "VpcId", vpc, "PeerVpcId", s.VPC)("vpcPeeringConnection", "vpcPeeringConnectionId"))
	tgw := do("CreateTransitGateway", "Description", "hub")("transitGateway", "transitGatewayId")
	attachment := do("CreateTransitGatewayVpcAttachment", "TransitGatewayId", tgw, "VpcId", vpc, "SubnetIds.1", subnet)("transitGatewayVpcAttachment", "transitGatewayAttachmentId")
	table := do("CreateTransitGatewayRouteTable", "TransitGatewayId", tgw)("transitGatewayRouteTable", "transitGatewayRouteTableId")
	do("CreateTransitGatewayRoute", "TransitGatewayRouteTableId", table, "DestinationCidrBlock", "10.50.0.0/16", "TransitGatewayAttachmentId", attachment)
	do("EnableTransitGatewayRouteTablePropagation", "TransitGatewayRouteTableId", table, "TransitGatewayAttachmentId", attachment)
	do("CreateVpcEndpoint", "VpcId", vpc, "ServiceName", "com.amazonaws."+region+".s3", "RouteTableId.1", rt)
	do("CreateEgressOnlyInternetGateway", "VpcId", vpc)
	do("CreateVpnGateway", "Type", "ipsec.1")
	cgw := do("CreateCustomerGateway", "Type", "ipsec.1", "IpAddress", "203.0.113.9", "BgpAsn", "65000")("customerGateway", "customerGatewayId")
	do("CreateVpnConnection", "Type", "ipsec.1", "CustomerGatewayId", cgw, "TransitGatewayId", tgw)
	sg := do("CreateSecurityGroup", "GroupName", "web", "GroupDescription", "web", "VpcId", vpc)("groupId")
	do("AuthorizeSecurityGroupIngress", "GroupId", sg, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "22", "IpPermissions.1.ToPort", "22", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	do("CreateManagedPrefixList", "PrefixListName", "ours", "AddressFamily", "IPv4", "MaxEntries", "5", "Entry.1.Cidr", "10.0.0.0/8")
	do("CreateKeyPair", "KeyName", "ops")
	do("CreateTags", "ResourceId.1", s.ID, "Tag.1.Key", "Name", "Tag.1.Value", "bastion <b>\"x\"</b> 踏み台")
	do("CreateSnapshot", "VolumeId", s.Volumes[0])

	k := w.AddKey(account, strings.ReplaceAll(t.Name(), "/", "-"))
	session := session(t, w, k)
	seedBalancers(t, session, vpc, subnet, second, sg, s.ID)
	seedProfiles(t, session)
	return session, k
}

func session(t *testing.T, w *awstest.AWS, k awstest.Key) *awsclient.Session {
	t.Helper()
	clients, err := awsclient.New(awsclient.Config{Endpoint: w.URL(), MaxAttempts: 2, MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clients.Close)
	s, err := clients.Session(awsclient.Who{Connector: "c", Account: account, Type: connector.Commercial, Key: &awsclient.Key{ID: k.ID, Secret: k.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seedBalancers(t *testing.T, s *awsclient.Session, vpc, subnet, second, group, instance string) {
	t.Helper()
	ctx, c := t.Context(), s.ELBv2(region)
	lb, err := c.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("front"), Subnets: []string{subnet, second}, SecurityGroups: []string{group}, Tags: []elbv2types.Tag{{Key: aws.String("Team"), Value: aws.String("web")}}})
	if err != nil {
		t.Fatal(err)
	}
	tg, err := c.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{Name: aws.String("web"), Protocol: elbv2types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: &vpc})
	if err != nil {
		t.Fatal(err)
	}
	forward := []elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: tg.TargetGroups[0].TargetGroupArn}}
	if _, err = c.CreateListener(ctx, &elbv2.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, DefaultActions: forward}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: tg.TargetGroups[0].TargetGroupArn, Targets: []elbv2types.TargetDescription{{Id: &instance}}}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ELB(region).CreateLoadBalancer(ctx, &elasticloadbalancing.CreateLoadBalancerInput{
		LoadBalancerName: aws.String("old"), AvailabilityZones: []string{region + "a"},
		Listeners: []elbtypes.Listener{{Protocol: aws.String("tcp"), LoadBalancerPort: 25, InstancePort: aws.Int32(2525)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// seedProfiles makes an instance profile with a role, whose trust policy has what is nobody else's, and one without.
func seedProfiles(t *testing.T, s *awsclient.Session) {
	t.Helper()
	ctx, c := t.Context(), s.IAM()
	for _, name := range []string{"web", "bare"} {
		if _, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"EXTERNAL-SECRET"}}}]}`
	if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("web"), RoleName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}
}

// whatMotoLacks answers what moto has not or answers in a form of its own (Network Firewall), with one thing of each kind.
func whatMotoLacks(w *awstest.AWS) {
	answer := func(service, action string, body map[string]any) {
		w.Before(service, action, func(c *awstest.Call) *awstest.Reply { return c.JSON(body) })
	}
	answer("directconnect", "DescribeDirectConnectGateways", map[string]any{"directConnectGateways": []any{map[string]any{
		"directConnectGatewayId": "dx-1", "directConnectGatewayName": "hub", "amazonSideAsn": 64512, "ownerAccount": account, "directConnectGatewayState": "available",
	}}})
	answer("directconnect", "DescribeDirectConnectGatewayAssociations", map[string]any{"directConnectGatewayAssociations": []any{map[string]any{
		"associationId": "a-1", "directConnectGatewayId": "dx-1", "associationState": "associated",
		"associatedGateway": map[string]any{"id": "tgw-1", "type": "transitGateway", "ownerAccount": account, "region": region},
	}}})
	answer("directconnect", "DescribeVirtualInterfaces", map[string]any{"virtualInterfaces": []any{map[string]any{
		"virtualInterfaceId": "dxvif-1", "virtualInterfaceType": "transit", "virtualInterfaceState": "available", "directConnectGatewayId": "dx-1",
		"authKey": "BGP-SECRET", "customerRouterConfig": "<key>BGP-SECRET</key>", "bgpPeers": []any{map[string]any{"authKey": "BGP-SECRET", "asn": 65000}},
		"routeFilterPrefixes": []any{map[string]any{"cidr": "10.0.0.0/8"}},
	}}})
	firewall := "arn:aws:network-firewall:" + region + ":" + account + ":firewall/edge"
	answer("network-firewall", "ListFirewalls", map[string]any{"Firewalls": []any{map[string]any{"FirewallName": "edge", "FirewallArn": firewall}}})
	answer("network-firewall", "DescribeFirewall", map[string]any{
		"Firewall": map[string]any{
			"FirewallName": "edge", "FirewallArn": firewall, "FirewallId": "5f1e0a3c-0000-4000-8000-000000000001", "VpcId": "vpc-1", "DeleteProtection": true,
			"FirewallPolicyArn": "arn:aws:network-firewall:" + region + ":" + account + ":firewall-policy/p", "SubnetMappings": []any{map[string]any{"SubnetId": "subnet-1"}},
		},
		"FirewallStatus": map[string]any{
			"Status": "READY", "ConfigurationSyncStateSummary": "IN_SYNC",
			"SyncStates": map[string]any{region + "a": map[string]any{"Attachment": map[string]any{"SubnetId": "subnet-1", "EndpointId": "vpce-1", "Status": "READY"}}},
		},
	})
	w.Before("ec2", "SearchTransitGatewayRoutes", func(c *awstest.Call) *awstest.Reply {
		params := maps.Clone(c.Params)
		delete(params, "MaxResults") // moto fails on it
		n := w.EC2(c.Account, c.Region, c.Action, params)
		for _, child := range n.Children {
			if child.Name == "AdditionalRoutesAvailable" { // moto spells it in its own way
				child.Name = "additionalRoutesAvailable"
			}
		}
		return c.XML(n)
	})
	answer("ssm", "DescribeInstanceInformation", map[string]any{"InstanceInformationList": []any{map[string]any{
		"InstanceId": "i-0123456789abcdef0", "PingStatus": "Online", "LastPingDateTime": 1506463255.25, "PlatformType": "Linux", "AgentVersion": "3.3.0.0",
	}}})
}

// flat is a snapshot as comparable text, an asset a line.
func flat(t *testing.T, s *snapshot.Snapshot) (lines []string) {
	t.Helper()
	add := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	for _, r := range s.Reads() {
		add(r)
	}
	for _, g := range s.Gaps() {
		add(g)
	}
	for _, k := range s.Kinds() {
		for a := range s.Assets(k) {
			add(struct {
				Kind asset.Kind
				A    asset.Asset
			}{k, a})
		}
	}
	return lines
}

func TestReadBackIsTheSame(t *testing.T) {
	w := awstest.New(t, moto, awstest.Options{Quiet: true})
	whatMotoLacks(w)
	s, key := seed(t, w)
	w.Before("ec2", "DescribeFlowLogs", awstest.Deny())
	w.Before("ec2", "GetManagedPrefixListEntries", awstest.Deny())
	targets := []live.Target{{Session: s, Regions: []string{region, "eu-west-3"}}}
	w.Before("ec2", "*", awstest.InRegion("eu-west-3", awstest.Fail(401, "AuthFailure", "AWS was not able to validate the provided access credentials")))

	want, err := live.Read(t.Context(), targets, options)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "dump")
	res, err := collect.Write(t.Context(), dir, targets, options)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Regions, res.Regions); diff != "" {
		t.Errorf("report (-live +collect):\n%s", diff)
	}
	got, err := dump.Read(t.Context(), dir, dump.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) > 0 {
		t.Errorf("got notes %v", got.Notes)
	}
	if diff := cmp.Diff(flat(t, want.Snapshot), flat(t, got.Snapshot)); diff != "" {
		t.Errorf("snapshot (-live +dump):\n%s", diff)
	}
	kinds := want.Snapshot.Kinds()
	for l := range snapshot.All[asset.LoadBalancer](got.Snapshot) {
		if l.Type != "classic" && l.Tags["Team"] != "web" {
			t.Errorf("got tags %v of %s", l.Tags, l.ID)
		}
	}
	if len(kinds) < 29 {
		t.Errorf("the world holds only %d kinds: %v", len(kinds), kinds)
	}
	t.Logf("%d kinds, %d scopes read, %d gaps; %d files, %d bytes", len(kinds), len(want.Snapshot.Reads()), len(want.Snapshot.Gaps()), res.Files, res.Bytes)
	noSecrets(t, dir)
	if _, err := collect.Write(t.Context(), dir, targets, options); !errors.Is(err, collect.ErrNotEmpty) {
		t.Errorf("a second collection into the folder: got %v, want ErrNotEmpty", err)
	}
	t.Run("as_the_cli_prints", func(t *testing.T) { asTheCLI(t, w, key, filepath.Join(dir, "accounts", account)) })
}

func noSecrets(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		for _, word := range []string{"BGP-SECRET", "EXTERNAL-SECRET", "pre_shared_key", "PreSharedKey\"", "CustomerGatewayConfiguration"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s holds %s", name, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asTheCLI compares files with what the AWS CLI prints.
func asTheCLI(t *testing.T, w *awstest.AWS, key awstest.Key, dir string) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal("the AWS CLI is missing")
		}
		t.Skip("SKIPPED, not tested: the AWS CLI is missing")
	}
	cfg := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(cfg, []byte("[default]\ncli_timestamp_format = iso8601\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, call := range map[string][]string{
		"Reservations":           {"ec2", "describe-instances"},
		"SecurityGroups":         {"ec2", "describe-security-groups"},
		"RouteTables":            {"ec2", "describe-route-tables"},
		"TransitGateways":        {"ec2", "describe-transit-gateways"},
		"LoadBalancers":          {"elbv2", "describe-load-balancers"},
		"Vpcs":                   {"ec2", "describe-vpcs"},
		"VirtualInterfaces":      {"directconnect", "describe-virtual-interfaces"},
		"SsmInstanceInformation": {"ssm", "describe-instance-information"},
		"InstanceProfiles":       {"iam", "list-instance-profiles"},
	} {
		cmd := exec.Command(cli, append(call, "--output", "json", "--region", region, "--endpoint-url", w.URL())...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_CONFIG_FILE=" + cfg, "AWS_ACCESS_KEY_ID=" + key.ID, "AWS_SECRET_ACCESS_KEY=" + key.Secret, "NO_PROXY=127.0.0.1"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("aws %v: %v %s", call, err, &stderr)
		}
		of := region
		if call[0] == "iam" {
			of = asset.Global
		}
		ours, err := os.ReadFile(filepath.Join(dir, of, file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(ours, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(withoutKeys(want), got); diff != "" {
			t.Errorf("%s (-aws +hinomi):\n%s", file, diff)
		}
	}
}

// withoutKeys drops from the CLI's answer what collect leaves out on purpose.
func withoutKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"authKey", "customerRouterConfig", "AssumeRolePolicyDocument"} {
			delete(v, k)
		}
		for _, e := range v {
			withoutKeys(e)
		}
	case []any:
		for _, e := range v {
			withoutKeys(e)
		}
	}
	return v
}
