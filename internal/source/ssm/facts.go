package ssm

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// endpoints are the services that the agent must reach (Systems Manager User Guide, "Improve the security of EC2 instances by using VPC
// endpoints"; ec2messages is not needed by agents of 3.3.40.0 and later in regions that have ssmmessages).
func endpoints() []string { return []string{"ssm", "ssmmessages"} }

// FactsOf collects what a snapshot tells of an instance. RoleHasCore and DefaultManagement are the caller's to add, see Roles and
// Reader.DefaultManagement.
func FactsOf(s *snapshot.Snapshot, i *asset.Instance) Facts {
	f := Facts{State: i.State}
	switch i.HTTPEndpoint {
	case "disabled":
		f.MetadataOff = Yes
	case "enabled":
		f.MetadataOff = No
	}
	if p, ok := s.ProfileOf(i); ok && len(p.Roles) > 0 {
		f.Profile, f.Role = Yes, p.Roles[0].Name
	} else if ok || i.InstanceProfile == "" && i.InstanceProfileID == "" {
		f.Profile = No
	}
	ref := asset.Ref{Account: i.Account, Region: i.Region, Kind: asset.KindManagedInstance, ID: i.ID}
	if m, ok := s.Find(ref); ok {
		f.Registered = Yes
		if v, ok := m.(*asset.ManagedInstance); ok {
			f.Ping, f.LastPing = v.PingStatus, v.LastPing
		}
	} else if s.WasRead(i.Account, i.Region, asset.KindManagedInstance) {
		f.Registered = No
	}
	f.Internet = internet(s, i)
	if s.WasRead(i.Account, i.Region, asset.KindEndpoint) {
		f.EndpointsRead = true
		for _, name := range endpoints() {
			if !hasEndpoint(s, i, name) {
				f.MissingEndpoints = append(f.MissingEndpoints, name)
			}
		}
	}
	return f
}

func hasEndpoint(s *snapshot.Snapshot, i *asset.Instance, name string) bool {
	for e := range snapshot.All[asset.Endpoint](s) {
		if e.VPCID == i.VPCID && e.Type == "Interface" && strings.EqualFold(e.State, "available") && strings.HasSuffix(e.Service, "."+i.Region+"."+name) {
			return true
		}
	}
	return false
}

// internet says whether the instance's subnet has any default route that may lead out. It is No only where the routes were read and none
// leads anywhere but the VPC: a default route to a peering, a transit gateway or an appliance may lead out as well, and is not judged.
func internet(s *snapshot.Snapshot, i *asset.Instance) Known {
	if i.SubnetID == "" || !s.WasRead(i.Account, i.Region, asset.KindRouteTable) {
		return Unknown
	}
	var table *asset.RouteTable
	for t := range snapshot.All[asset.RouteTable](s) {
		if t.VPCID != i.VPCID {
			continue
		}
		if slices.Contains(t.Subnets, i.SubnetID) {
			table = t
			break
		}
		if t.Main && table == nil {
			table = t
		}
	}
	if table == nil {
		return Unknown
	}
	if slices.ContainsFunc(table.Routes, leadsOut) {
		return Yes
	}
	return No
}

// leadsOut reports whether a route may carry a packet to AWS's public addresses.
func leadsOut(r asset.Route) bool {
	if r.TargetType == "local" || r.State == "blackhole" {
		return false
	}
	if r.PrefixList != "" {
		return !strings.HasPrefix(r.Target, "vpce-") // a gateway endpoint leads to S3 or DynamoDB alone
	}
	private := func(p netip.Prefix) bool { return p.Addr().IsPrivate() && p.Bits() >= 7 }
	return r.Destination.IsValid() && !private(r.Destination.Masked())
}

// RolePolicies is the part of IAM that says which managed policies a role has; *iam.Client is one.
type RolePolicies interface {
	ListAttachedRolePolicies(context.Context, *iam.ListAttachedRolePoliciesInput, ...func(*iam.Options)) (*iam.ListAttachedRolePoliciesOutput, error)
}

// RoleHasCore asks IAM whether a role has AWS's policy for managed instances attached. An error leaves it Unknown: it is an optional right.
func RoleHasCore(ctx context.Context, api RolePolicies, role string) (Known, error) {
	in := &iam.ListAttachedRolePoliciesInput{RoleName: &role}
	for range maxPages {
		page, err := api.ListAttachedRolePolicies(ctx, in)
		if err != nil {
			return Unknown, fmt.Errorf("list policies of role %s: %w", role, err)
		}
		for _, p := range page.AttachedPolicies {
			arn := aws.ToString(p.PolicyArn)
			if strings.HasSuffix(arn, ":aws:policy/"+CorePolicy) || strings.HasSuffix(arn, ":aws:policy/service-role/AmazonEC2RoleforSSM") {
				return Yes, nil
			}
		}
		if !page.IsTruncated {
			return No, nil
		}
		in.Marker = page.Marker
	}
	return Unknown, fmt.Errorf("list policies of role %s: %w", role, errEndless)
}

// hostManagement is the setting of Default Host Management: the name of the role that instances without one get.
const hostManagement = "/ssm/managed-instance/default-ec2-instance-management-role"

// DefaultManagement asks whether Default Host Management is on in the place.
func (r *Reader) DefaultManagement(ctx context.Context) (Known, error) {
	out, err := r.api.GetServiceSetting(ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(hostManagement)})
	if is[*ssmtypes.ServiceSettingNotFound](err) {
		return No, nil
	}
	if err != nil {
		return Unknown, r.fault("read the setting of Default Host Management", err)
	}
	if v := aws.ToString(out.ServiceSetting.SettingValue); v == "" || v == "$None" {
		return No, nil
	}
	return Yes, nil
}
