package organisation

import (
	"fmt"
	"strconv"
)

// elbZone stands for the hosted zone of the region's load balancers.
const elbZone = "Z14GRHDCWA56QT"

// balancer is an elbv2 load balancer under construction.
type balancer struct {
	*vpc
	name, arn, kind string // kind: application or network
}

// newBalancer makes a load balancer with one interface a subnet. An
// application one has the groups; an internet-facing network one has an
// Elastic IP in each subnet.
func newBalancer(v *vpc, name, kind, scheme string, groups []string, subnets ...*subnet) *balancer {
	short := map[string]string{"application": "app", "network": "net"}[kind]
	suffix := hexOf(16, "lb", v.account, name)
	b := &balancer{vpc: v, name: name, kind: kind, arn: v.arn("elasticloadbalancing", "loadbalancer/"+short+"/"+name+"/"+suffix)}
	facing := scheme == "internet-facing"
	zones := []object{}
	for _, s := range subnets {
		spec := interfaceSpec{
			key: name + s.zone, description: "ELB " + short + "/" + name + "/" + suffix, kind: "interface", requester: "amazon-elb", owner: "amazon-elb",
			groups: groups, amazonPublic: facing && kind == "application",
		}
		if kind == "network" {
			spec.kind = "network_load_balancer"
		}
		eni, ip := s.serviceInterface(spec)
		addresses := []object{}
		if facing && kind == "network" {
			eip := s.elasticIP(name+"-"+s.zone, eni, ip)
			addresses = append(addresses, object{"IpAddress": eip["PublicIp"], "AllocationId": eip["AllocationId"]})
		}
		zones = append(zones, object{"ZoneName": s.zone, "SubnetId": s.subnetID, "LoadBalancerAddresses": addresses})
	}
	dns := name + "-" + strconv.FormatUint(uint64(digest("lb", name)[0])<<24|uint64(digest("lb", name)[1])<<16|0xffff, 10) + "." + v.region.name + ".elb.amazonaws.com"
	if kind == "network" {
		dns = name + "-" + suffix + ".elb." + v.region.name + ".amazonaws.com"
	}
	if !facing {
		dns = "internal-" + dns
	}
	o := object{
		"LoadBalancerArn": b.arn, "DNSName": dns, "CanonicalHostedZoneId": elbZone, "CreatedTime": daysAgo(390, name), "LoadBalancerName": name, "Scheme": scheme,
		"VpcId": v.vpcID, "State": object{"Code": "active"}, "Type": kind, "AvailabilityZones": zones, "IpAddressType": "ipv4",
		"EnablePrefixForIpv6SourceNat": "off",
	}
	if len(groups) > 0 {
		ids := []string{}
		for _, g := range groups {
			ids = append(ids, v.groupID(g))
		}
		o["SecurityGroups"] = ids
	}
	v.add("LoadBalancers", o)
	cross := strconv.FormatBool(kind == "application")
	v.add("LoadBalancerAttributes", object{"LoadBalancerArn": b.arn, "Attributes": []object{
		{"Key": "access_logs.s3.enabled", "Value": "false"},
		{"Key": "deletion_protection.enabled", "Value": "true"},
		{"Key": "load_balancing.cross_zone.enabled", "Value": cross},
	}})
	return b
}

// target is one target of a group with its health.
type target struct {
	id, zone, state string // zone: for addresses
}

// targetGroup makes a target group of the balancer: instances or addresses.
func (b *balancer) targetGroup(name, protocol string, port int, targets []target) string {
	arn := b.region.arn("elasticloadbalancing", "targetgroup/"+name+"/"+hexOf(16, "tg", b.account, name))
	kind := "instance"
	if len(targets) > 0 && targets[0].zone != "" {
		kind = "ip"
	}
	o := object{
		"TargetGroupArn": arn, "TargetGroupName": name, "Protocol": protocol, "Port": port, "VpcId": b.vpcID, "HealthCheckProtocol": protocol, "HealthCheckPort": "traffic-port",
		"HealthCheckEnabled": true, "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2,
		"LoadBalancerArns": []string{b.arn}, "TargetType": kind, "IpAddressType": "ipv4",
	}
	attributes := []object{{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}, {"Key": "stickiness.enabled", "Value": "false"}}
	if b.kind == "application" {
		o["ProtocolVersion"], o["HealthCheckPath"], o["Matcher"] = "HTTP1", "/health", object{"HttpCode": "200"}
	} else {
		attributes = append(attributes, object{"Key": "preserve_client_ip.enabled", "Value": "true"}, object{"Key": "proxy_protocol_v2.enabled", "Value": "false"})
	}
	b.add("TargetGroups", o)
	b.add("TargetGroupAttributes", object{"TargetGroupArn": arn, "Attributes": attributes})
	health := []object{}
	for _, t := range targets {
		where := object{"Id": t.id, "Port": port}
		if t.zone != "" {
			where["AvailabilityZone"] = t.zone
		}
		state := object{"State": t.state}
		switch t.state {
		case "unhealthy":
			state["Reason"], state["Description"] = "Target.FailedHealthChecks", "Health checks failed"
		case "unused":
			state["Reason"], state["Description"] = "Target.InvalidState", "Target is in the stopped state"
		}
		health = append(health, object{"Target": where, "HealthCheckPort": strconv.Itoa(port), "TargetHealth": state})
	}
	b.add("LoadBalancerTargetHealth", object{"TargetGroupArn": arn, "TargetHealthDescriptions": health})
	return arn
}

// listener is one listener; an empty target group means a redirect to HTTPS.
type listener struct {
	port                  int
	protocol, targetGroup string
}

func (b *balancer) listeners(all ...listener) {
	list := []object{}
	for _, l := range all {
		action := object{"Type": "forward", "TargetGroupArn": l.targetGroup, "Order": 1, "ForwardConfig": object{
			"TargetGroups": []object{{"TargetGroupArn": l.targetGroup, "Weight": 1}},
		}}
		if l.targetGroup == "" {
			action = object{"Type": "redirect", "Order": 1, "RedirectConfig": object{
				"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}", "StatusCode": "HTTP_301",
			}}
		}
		short := map[string]string{"application": "app", "network": "net"}[b.kind]
		o := object{
			"ListenerArn":     b.region.arn("elasticloadbalancing", "listener/"+short+b.arn[lastTwo(b.arn):]+"/"+hexOf(16, "listener", b.arn, strconv.Itoa(l.port))),
			"LoadBalancerArn": b.arn, "Port": l.port, "Protocol": l.protocol, "DefaultActions": []object{action},
		}
		if l.protocol == "HTTPS" || l.protocol == "TLS" {
			o["Certificates"] = []object{{"CertificateArn": b.region.arn("acm", "certificate/"+certificateID(b.name))}}
			o["SslPolicy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"
		}
		list = append(list, o)
	}
	b.add("LoadBalancerListeners", object{"LoadBalancerArn": b.arn, "Listeners": list})
}

// lastTwo is where the last two parts, "/name/suffix", of an ARN begin.
func lastTwo(arn string) int {
	seen := 0
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			if seen++; seen == 2 {
				return i
			}
		}
	}
	return 0
}

func certificateID(name string) string {
	h := hexOf(32, "certificate", name)
	return fmt.Sprintf("%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

// classic makes a classic load balancer for instances.
func (v *vpc) classic(name, group string, port, instancePort int, instances []string, subnets ...*subnet) {
	zones, ids, members := []string{}, []string{}, []object{}
	for _, s := range subnets {
		s.serviceInterface(interfaceSpec{
			key: name + s.zone, description: "ELB " + name, kind: "interface", requester: "amazon-elb", owner: "amazon-elb", groups: []string{group}, amazonPublic: true,
		})
		zones, ids = append(zones, s.zone), append(ids, s.subnetID)
	}
	for _, i := range instances {
		members = append(members, object{"InstanceId": i})
	}
	dns := name + "-1504837261." + v.region.name + ".elb.amazonaws.com"
	v.add("ClassicLoadBalancers", object{
		"LoadBalancerName": name, "DNSName": dns, "CanonicalHostedZoneName": dns, "CanonicalHostedZoneNameID": elbZone, "BackendServerDescriptions": []object{},
		"ListenerDescriptions": []object{{"PolicyNames": []string{}, "Listener": object{
			"Protocol": "HTTP", "LoadBalancerPort": port, "InstanceProtocol": "HTTP", "InstancePort": instancePort,
		}}},
		"Policies":          object{"AppCookieStickinessPolicies": []object{}, "LBCookieStickinessPolicies": []object{}, "OtherPolicies": []string{}},
		"AvailabilityZones": zones, "Subnets": ids, "VPCId": v.vpcID, "Instances": members,
		"HealthCheck":         object{"Target": fmt.Sprintf("HTTP:%d/health", instancePort), "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10},
		"SourceSecurityGroup": object{"OwnerAlias": v.account, "GroupName": group}, "SecurityGroups": []string{v.groupID(group)}, "CreatedTime": daysAgo(1900, name), "Scheme": "internet-facing",
	})
}
