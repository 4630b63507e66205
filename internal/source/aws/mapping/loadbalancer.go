package mapping

import (
	"slices"
	"strings"

	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"hinomi/internal/asset"
)

func putLoadBalancer(r *Region, v *elbv2types.LoadBalancer) {
	o := r.of(asset.KindLoadBalancer, v.LoadBalancerArn)
	l := &asset.LoadBalancer{
		Meta:           r.meta(asset.KindLoadBalancer, v.LoadBalancerArn, deref(v.LoadBalancerArn), nil),
		LBName:         deref(v.LoadBalancerName),
		Type:           r.intern(string(v.Type)),
		Scheme:         r.intern(string(v.Scheme)),
		DNSName:        deref(v.DNSName),
		VPCID:          r.text(v.VpcId),
		IPAddressType:  r.intern(string(v.IpAddressType)),
		SecurityGroups: r.texts(v.SecurityGroups),
		CreatedAt:      deref(v.CreatedTime),
	}
	if v.State != nil {
		l.State = r.intern(string(v.State.Code))
	}
	for _, z := range v.AvailabilityZones {
		zone := asset.LBZone{Zone: r.text(z.ZoneName), SubnetID: r.text(z.SubnetId)}
		for _, a := range z.LoadBalancerAddresses {
			for _, s := range []*string{a.IpAddress, a.PrivateIPv4Address, a.IPv6Address} {
				if ip := o.addr("LoadBalancerAddress", s); ip.IsValid() {
					zone.Addresses = append(zone.Addresses, ip)
				}
			}
		}
		l.Zones = append(l.Zones, zone)
	}
	keep(r, l)
}

func putClassicLoadBalancer(r *Region, v *classicLB) {
	l := &asset.LoadBalancer{
		Meta:           r.meta(asset.KindLoadBalancer, v.LoadBalancerName, "", nil),
		LBName:         deref(v.LoadBalancerName),
		Type:           "classic",
		Scheme:         r.text(v.Scheme),
		State:          "active", // a classic load balancer has no other
		DNSName:        deref(v.DNSName),
		VPCID:          r.text(v.VPCId),
		SecurityGroups: r.texts(v.SecurityGroups),
		CreatedAt:      deref(v.CreatedTime),
		ListenersRead:  true,
	}
	l.ARN = "arn:" + asset.Partition(r.Name) + ":elasticloadbalancing:" + r.Name + ":" + r.Account + ":loadbalancer/" + l.ID
	for i, zone := range v.AvailabilityZones {
		z := asset.LBZone{Zone: r.intern(zone)}
		if len(v.Subnets) == len(v.AvailabilityZones) {
			z.SubnetID = r.intern(v.Subnets[i])
		}
		l.Zones = append(l.Zones, z)
	}
	if len(v.Subnets) != len(v.AvailabilityZones) {
		l.Zones = nil
		for _, s := range v.Subnets {
			l.Zones = append(l.Zones, asset.LBZone{SubnetID: r.intern(s)})
		}
	}
	for _, d := range v.ListenerDescriptions {
		if d.Listener == nil {
			r.fault(asset.KindLoadBalancer, l.ID, "a listener is empty")
			continue
		}
		l.ClassicListeners = append(l.ClassicListeners, asset.ClassicListener{
			Protocol: strings.ToUpper(r.text(d.Listener.Protocol)), Port: int(d.Listener.LoadBalancerPort),
			InstanceProtocol: strings.ToUpper(r.text(d.Listener.InstanceProtocol)), InstancePort: number(d.Listener.InstancePort),
		})
	}
	for _, i := range v.Instances {
		l.Instances = append(l.Instances, r.text(i.InstanceId))
	}
	keep(r, l)
}

func putLoadBalancerAttributes(r *Region, v *LoadBalancerAttributes) {
	join(r, deref(v.LoadBalancerArn), func(l *asset.LoadBalancer) {
		l.Attributes, l.AttributesRead = make(map[string]string, len(v.Attributes)), true
		for _, a := range v.Attributes {
			l.Attributes[r.text(a.Key)] = r.text(a.Value)
		}
	})
}

func putLoadBalancerTags(r *Region, v *elbv2types.TagDescription) {
	join(r, deref(v.ResourceArn), func(l *asset.LoadBalancer) {
		for _, t := range v.Tags {
			if l.Tags == nil {
				l.Tags = map[string]string{}
			}
			l.Tags[r.text(t.Key)] = r.text(t.Value)
		}
	})
}

func putListeners(r *Region, v *LoadBalancerListeners) {
	join(r, deref(v.LoadBalancerArn), func(l *asset.LoadBalancer) { l.ListenersRead = true })
	for i := range v.Listeners {
		putListener(r, &v.Listeners[i], v.LoadBalancerArn)
	}
}

func putListener(r *Region, v *elbv2types.Listener, lb *string) {
	l := &asset.Listener{
		Meta:            r.meta(asset.KindListener, v.ListenerArn, deref(v.ListenerArn), nil),
		LoadBalancerARN: deref(v.LoadBalancerArn),
		Protocol:        r.intern(string(v.Protocol)),
		Port:            number(v.Port),
		SSLPolicy:       r.text(v.SslPolicy),
	}
	if l.LoadBalancerARN == "" {
		l.LoadBalancerARN = deref(lb)
	}
	for _, a := range v.DefaultActions {
		l.Actions = append(l.Actions, r.intern(string(a.Type)))
	}
	l.TargetGroups = forwardsTo(nil, v.DefaultActions)
	keep(r, l)
}

func putRules(r *Region, v *ListenerRules) {
	join(r, deref(v.ListenerArn), func(l *asset.Listener) {
		l.RulesRead = true
		for _, rule := range v.Rules {
			l.TargetGroups = forwardsTo(l.TargetGroups, rule.Actions)
		}
	})
}

// forwardsTo adds the target groups that actions forward to, each once.
func forwardsTo(have []string, actions []elbv2types.Action) []string {
	add := func(arn *string) {
		if arn != nil && *arn != "" && !slices.Contains(have, *arn) {
			have = append(have, *arn)
		}
	}
	for _, a := range actions {
		add(a.TargetGroupArn)
		if a.ForwardConfig != nil {
			for _, g := range a.ForwardConfig.TargetGroups {
				add(g.TargetGroupArn)
			}
		}
	}
	return have
}

func putTargetGroup(r *Region, v *elbv2types.TargetGroup) {
	keep(r, &asset.TargetGroup{
		Meta:          r.meta(asset.KindTargetGroup, v.TargetGroupArn, deref(v.TargetGroupArn), nil),
		GroupName:     deref(v.TargetGroupName),
		Protocol:      r.intern(string(v.Protocol)),
		Port:          number(v.Port),
		TargetType:    r.intern(string(v.TargetType)),
		VPCID:         r.text(v.VpcId),
		LoadBalancers: v.LoadBalancerArns,
	})
}

func putTargetGroupAttributes(r *Region, v *TargetGroupAttributes) {
	join(r, deref(v.TargetGroupArn), func(g *asset.TargetGroup) {
		g.Attributes, g.AttributesRead = make(map[string]string, len(v.Attributes)), true
		for _, a := range v.Attributes {
			g.Attributes[r.text(a.Key)] = r.text(a.Value)
		}
	})
}

func putTargetHealth(r *Region, v *TargetHealth) {
	join(r, deref(v.TargetGroupArn), func(g *asset.TargetGroup) {
		g.TargetsRead = true
		for _, d := range v.TargetHealthDescriptions {
			if d.Target == nil {
				r.fault(asset.KindTargetGroup, g.ID, "a target is empty")
				continue
			}
			t := asset.Target{ID: r.text(d.Target.Id), Port: number(d.Target.Port), Zone: r.text(d.Target.AvailabilityZone)}
			if d.TargetHealth != nil {
				t.Health, t.Reason = r.intern(string(d.TargetHealth.State)), r.intern(string(d.TargetHealth.Reason))
			}
			g.Targets = append(g.Targets, t)
		}
	})
}
