// Package ssm reads what Systems Manager knows of instances: which it manages, and what its agent and hinomi's own collector found
// installed there; by API, or for large fleets from the bucket of a resource data sync. It writes nothing. Why an instance is not managed
// is said as far as what was read allows.
package ssm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/asset"
)

// API is the part of Systems Manager that is read; *ssm.Client is one.
type API interface {
	DescribeInstanceInformation(context.Context, *ssm.DescribeInstanceInformationInput, ...func(*ssm.Options)) (*ssm.DescribeInstanceInformationOutput, error)
	ListInventoryEntries(context.Context, *ssm.ListInventoryEntriesInput, ...func(*ssm.Options)) (*ssm.ListInventoryEntriesOutput, error)
	ListResourceDataSync(context.Context, *ssm.ListResourceDataSyncInput, ...func(*ssm.Options)) (*ssm.ListResourceDataSyncOutput, error)
	GetServiceSetting(context.Context, *ssm.GetServiceSettingInput, ...func(*ssm.Options)) (*ssm.GetServiceSettingOutput, error)
}

// Place is an account's region.
type Place struct{ Account, Region string }

// Reader reads one place.
type Reader struct {
	api API
	at  Place
}

// New returns a reader.
func New(api API, at Place) *Reader { return &Reader{api, at} }

// Instance is a managed instance (SSM API: InstanceInformation).
type Instance struct {
	Ref             asset.Ref // the EC2 instance; a hybrid machine's (mi-…) is of kind managed instance
	Ping            string    // Online, ConnectionLost, Inactive
	LastPing        time.Time
	AgentVersion    string
	AgentOutdated   bool   // there is a newer agent
	PlatformType    string // Linux, Windows, MacOS
	PlatformName    string
	PlatformVersion string
	ComputerName    string
	Address         string
	Associations    string // status of the last associations: Success, Failed, Pending …; "" if none ran
	AssociationsAt  time.Time
}

// Online reports whether the agent answers.
func (i *Instance) Online() bool { return i.Ping == string(ssmtypes.PingStatusOnline) }

// maxPage is the largest page of the calls here (SSM API reference: MaxResults).
const maxPage = 50

// maxPages bounds a list whose token never ends: a million instances.
const maxPages = 20_000

// errEndless is returned where AWS, or who speaks in its place, gives pages without end.
var errEndless = errors.New("its pages do not end")

// Instances lists every managed instance of the place.
func (r *Reader) Instances(ctx context.Context) ([]Instance, error) {
	var out []Instance
	in := &ssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(maxPage)}
	for range maxPages {
		page, err := r.api.DescribeInstanceInformation(ctx, in)
		if err != nil {
			return nil, r.fault("describe managed instances", err)
		}
		for i := range page.InstanceInformationList {
			v := &page.InstanceInformationList[i]
			if aws.ToString(v.InstanceId) == "" {
				return nil, r.fault("describe managed instances", errors.New("one has no ID"))
			}
			out = append(out, r.instance(v))
		}
		if aws.ToString(page.NextToken) == "" {
			return out, nil
		}
		in.NextToken = page.NextToken
	}
	return nil, r.fault("describe managed instances", errEndless)
}

func (r *Reader) instance(v *ssmtypes.InstanceInformation) Instance {
	id := aws.ToString(v.InstanceId)
	kind := asset.KindInstance
	if v.ResourceType == ssmtypes.ResourceTypeManagedInstance || strings.HasPrefix(id, "mi-") {
		kind = asset.KindManagedInstance
	}
	return Instance{
		Ref:  asset.Ref{Account: r.at.Account, Region: r.at.Region, Kind: kind, ID: id},
		Ping: string(v.PingStatus), LastPing: aws.ToTime(v.LastPingDateTime), AgentVersion: aws.ToString(v.AgentVersion),
		AgentOutdated: v.IsLatestVersion != nil && !*v.IsLatestVersion,
		PlatformType:  string(v.PlatformType), PlatformName: aws.ToString(v.PlatformName), PlatformVersion: aws.ToString(v.PlatformVersion),
		ComputerName: aws.ToString(v.ComputerName), Address: aws.ToString(v.IPAddress),
		Associations: aws.ToString(v.AssociationStatus), AssociationsAt: aws.ToTime(v.LastAssociationExecutionDate),
	}
}

func (r *Reader) fault(what string, err error) error {
	return fmt.Errorf("%s in %s/%s: %w", what, r.at.Account, r.at.Region, err)
}
