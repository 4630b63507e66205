package asset

import (
	"net/netip"
	"time"
)

// LoadBalancer is an application, network, gateway or classic load balancer (API: elasticloadbalancingv2 LoadBalancer,
// elasticloadbalancing LoadBalancerDescription). The ID of a classic one is its name.
type LoadBalancer struct {
	Meta
	LBName           string            `json:"lbName"`
	Type             string            `json:"type"`   // application, network, gateway, classic
	Scheme           string            `json:"scheme"` // internet-facing, internal
	State            string            `json:"state,omitempty"`
	DNSName          string            `json:"dnsName,omitempty"`
	VPCID            string            `json:"vpcId,omitempty"`
	IPAddressType    string            `json:"ipAddressType,omitempty"`
	Zones            []LBZone          `json:"zones,omitempty"`
	SecurityGroups   []string          `json:"securityGroups,omitempty"`
	CreatedAt        time.Time         `json:"createdAt,omitzero"`
	Attributes       map[string]string `json:"attributes,omitempty"`
	AttributesRead   bool              `json:"attributesRead,omitempty"`
	ListenersRead    bool              `json:"listenersRead,omitempty"`
	ClassicListeners []ClassicListener `json:"classicListeners,omitempty"`
	Instances        []string          `json:"instances,omitempty"` // of a classic one
}

// Kind returns KindLoadBalancer.
func (*LoadBalancer) Kind() Kind { return KindLoadBalancer }

// LBZone is one availability zone of a load balancer.
type LBZone struct {
	Zone      string       `json:"zone"`
	SubnetID  string       `json:"subnetId,omitempty"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
}

// ClassicListener is one listener of a classic load balancer.
type ClassicListener struct {
	Protocol         string `json:"protocol"`
	Port             int    `json:"port"`
	InstanceProtocol string `json:"instanceProtocol,omitempty"`
	InstancePort     int    `json:"instancePort"`
}

// Listener is one listener of a load balancer (API: Listener). Its ID is its ARN.
type Listener struct {
	Meta
	LoadBalancerARN string   `json:"loadBalancerArn"`
	Protocol        string   `json:"protocol"`
	Port            int      `json:"port"`
	SSLPolicy       string   `json:"sslPolicy,omitempty"`
	TargetGroups    []string `json:"targetGroups,omitempty"` // ARNs that its default action and rules forward to
	Actions         []string `json:"actions,omitempty"`      // types of the default actions
	RulesRead       bool     `json:"rulesRead,omitempty"`    // false: TargetGroups may lack those that only a rule forwards to
}

// Kind returns KindListener.
func (*Listener) Kind() Kind { return KindListener }

// TargetGroup is a target group with the health of its targets (API: TargetGroup, TargetHealthDescription). Its ID is its ARN.
type TargetGroup struct {
	Meta
	GroupName      string            `json:"groupName"`
	Protocol       string            `json:"protocol,omitempty"`
	Port           int               `json:"port,omitempty"`
	TargetType     string            `json:"targetType"` // instance, ip, lambda, alb
	VPCID          string            `json:"vpcId,omitempty"`
	LoadBalancers  []string          `json:"loadBalancers,omitempty"` // ARNs
	Targets        []Target          `json:"targets,omitempty"`
	TargetsRead    bool              `json:"targetsRead"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	AttributesRead bool              `json:"attributesRead,omitempty"`
}

// Kind returns KindTargetGroup.
func (*TargetGroup) Kind() Kind { return KindTargetGroup }

// Target is one registered target.
type Target struct {
	ID     string `json:"id"` // instance id, address or ARN
	Port   int    `json:"port,omitempty"`
	Zone   string `json:"zone,omitempty"`
	Health string `json:"health,omitempty"`
	Reason string `json:"reason,omitempty"`
}
