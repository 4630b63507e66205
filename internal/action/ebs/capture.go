// Package ebs makes hinomi's own EBS snapshots in somebody's account and removes them again, whatever happens: the intent is kept before
// the call, every snapshot carries this installation's and the scan's ID as tags, and a sweep finds by these tags what a crash left behind.
// It never touches a snapshot without this installation's tag.
package ebs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// API is the part of EC2 that is needed; *ec2.Client is one.
type API interface {
	CreateSnapshots(context.Context, *ec2.CreateSnapshotsInput, ...func(*ec2.Options)) (*ec2.CreateSnapshotsOutput, error)
	DescribeSnapshots(context.Context, *ec2.DescribeSnapshotsInput, ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error)
	DeleteSnapshot(context.Context, *ec2.DeleteSnapshotInput, ...func(*ec2.Options)) (*ec2.DeleteSnapshotOutput, error)
	ModifySnapshotAttribute(context.Context, *ec2.ModifySnapshotAttributeInput, ...func(*ec2.Options)) (*ec2.ModifySnapshotAttributeOutput, error)
}

// Keeper keeps what is made, so that nothing is forgotten: KeepResource stores a resource's present state durably before it returns.
type Keeper interface {
	KeepResource(context.Context, run.Resource) error
}

// Clock is the time and the way to wait for it.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Place is an account's region with the way in.
type Place struct {
	Account   string
	Region    string
	Connector string
	Call      []func(*ec2.Options)
}

// Maker makes and removes snapshots for one installation.
type Maker struct {
	api          API
	keep         Keeper
	clock        Clock
	installation string
	opts         Options
}

// Options change what a maker does. The zero value makes snapshots for one scan each.
type Options struct {
	// ScanTag is the key of the tag that holds the scan's ID; run.TagScan if "".
	ScanTag string
	// FormerScanTags are the keys that it had before: what carries one of them is found, too.
	FormerScanTags []string
	// Baselines makes the snapshots so that they may stay as their volumes' baselines: with the tag for it.
	Baselines bool
	// BaselineLife is how long a baseline may stay; a sweep deletes those that are older, and all of them if it is 0.
	BaselineLife time.Duration
	// Exclude are volumes of which no snapshot is made; never the root's, which only a whole instance leaves out.
	Exclude []string
	// Reader is the account that reads the snapshots, to which they are shared; "" is the account that they are in.
	Reader string
}

// With returns a maker like m with other options.
func (m *Maker) With(o Options) *Maker {
	c := *m
	c.opts = o
	return &c
}

// scanTags are the keys under which a scan's ID may stand, the one in use first.
func (m *Maker) scanTags() []string {
	out := []string{cmp.Or(m.opts.ScanTag, run.TagScan)}
	for _, key := range append(slices.Clone(m.opts.FormerScanTags), run.TagScan) { // the last in case that settings were lost
		if key != "" && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// New returns a maker. installation is this installation's ID: the value of the tag that marks what is ours.
func New(api API, keep Keeper, clock Clock, installation string) (*Maker, error) {
	if installation == "" {
		return nil, errors.New("make snapshots: no installation ID")
	}
	return &Maker{api: api, keep: keep, clock: clock, installation: installation}, nil
}

// Captured is one snapshot of one volume.
type Captured struct {
	Resource run.Resource
	Device   string // the volume's device name on the instance, "" if not known
	SizeGiB  int
	KeyARN   string // of the KMS key that it is encrypted with, "" if it is not encrypted
}

// maxWait is how long a snapshot may stay pending before the scan gives up: first snapshots of large volumes take hours,
// and the next scan starts from what this one has stored (EBS User Guide, "How snapshots work": incremental).
const maxWait = 6 * time.Hour

// ErrNoVolumes marks an instance without EBS volumes.
var ErrNoVolumes = errors.New("instance has no EBS volumes")

// Capture makes one crash-consistent set of snapshots of all volumes of an instance and waits until they can be read.
// On an error the caller must still call Release: part of the set may exist.
func (m *Maker) Capture(ctx context.Context, at Place, scanID string, i *asset.Instance) ([]Captured, error) {
	if len(i.Volumes) == 0 {
		return nil, ErrNoVolumes
	}
	intents := make(map[string]run.Resource, len(i.Volumes))
	for _, v := range i.Volumes {
		r := run.Resource{
			ScanID: scanID, Connector: at.Connector, Account: at.Account, Region: at.Region, Kind: asset.KindSnapshot,
			Of: v.VolumeID, State: run.Intended, CreatedAt: m.clock.Now(),
		}
		if err := m.keep.KeepResource(ctx, r); err != nil {
			return nil, fmt.Errorf("keep the intent to snapshot %s: %w", v.VolumeID, err)
		}
		intents[v.VolumeID] = r
	}
	out, err := m.api.CreateSnapshots(ctx, m.input(scanID, i), at.Call...)
	if err != nil {
		return nil, fmt.Errorf("create snapshots of %s: %w", i.ID, classify(err))
	}
	var made []Captured
	for _, s := range out.Snapshots {
		r, known := intents[aws.ToString(s.VolumeId)]
		if !known { // attached since the instance was read
			r = run.Resource{
				ScanID: scanID, Connector: at.Connector, Account: at.Account, Region: at.Region, Kind: asset.KindSnapshot,
				Of: aws.ToString(s.VolumeId), CreatedAt: m.clock.Now(),
			}
		}
		r.ID, r.State = aws.ToString(s.SnapshotId), run.Created
		if err := m.keep.KeepResource(ctx, r); err != nil {
			return nil, fmt.Errorf("keep snapshot %s: %w", r.ID, err)
		}
		delete(intents, r.Of)
		if slices.Contains(m.opts.Exclude, r.Of) {
			continue // it is deleted with the others, and not read
		}
		made = append(made, Captured{Resource: r, Device: deviceOf(i, r.Of), SizeGiB: int(aws.ToInt32(s.VolumeSize))})
	}
	for _, r := range intents { // detached since: the set was made without it
		r.State, r.Detail, r.DeletedAt = run.Deleted, "the volume was detached before the snapshot", m.clock.Now()
		if err := m.keep.KeepResource(ctx, r); err != nil {
			return nil, fmt.Errorf("keep that %s has no snapshot: %w", r.Of, err)
		}
	}
	if len(made) == 0 {
		return nil, fmt.Errorf("%w any more: all were detached", ErrNoVolumes)
	}
	if err := m.wait(ctx, at, made); err != nil {
		return made, err
	}
	return made, m.share(ctx, at, made)
}

// input is the request for one set of an instance's volumes.
func (m *Maker) input(scanID string, i *asset.Instance) *ec2.CreateSnapshotsInput {
	tags := []types.Tag{
		{Key: aws.String(run.TagInstallation), Value: &m.installation},
		{Key: &m.scanTags()[0], Value: &scanID},
		{Key: aws.String("Name"), Value: aws.String("hinomi scan of " + i.ID)},
	}
	if m.opts.Baselines {
		tags = append(tags, types.Tag{Key: aws.String(run.TagBaseline), Value: &i.ID})
	}
	return &ec2.CreateSnapshotsInput{
		InstanceSpecification: &types.InstanceSpecification{InstanceId: &i.ID, ExcludeDataVolumeIds: m.opts.Exclude},
		Description:           aws.String("hinomi scan " + scanID + " of " + i.ID),
		TagSpecifications:     []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: tags}},
	}
}

// noteKey notes the key that a snapshot is encrypted with.
func noteKey(made []Captured, s types.Snapshot) {
	for i := range made {
		if made[i].Resource.ID == aws.ToString(s.SnapshotId) {
			made[i].KeyARN = aws.ToString(s.KmsKeyId)
		}
	}
}

func deviceOf(i *asset.Instance, volume string) string {
	for _, v := range i.Volumes {
		if v.VolumeID == volume {
			return v.Device
		}
	}
	return ""
}

// wait returns when every snapshot is complete. It asks at growing intervals: 2 seconds up to 1 minute.
func (m *Maker) wait(ctx context.Context, at Place, made []Captured) error {
	ids := make([]string, 0, len(made))
	for _, c := range made {
		ids = append(ids, c.Resource.ID)
	}
	begun := m.clock.Now()
	for pause := 2 * time.Second; ; pause = min(pause*3/2, time.Minute) {
		out, err := m.api.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: ids}, at.Call...)
		// Not found: made a moment ago and not yet seen everywhere. Later than that, somebody deleted it.
		if err != nil && (!notFound(err) || m.clock.Now().Sub(begun) > settle) {
			return fmt.Errorf("describe snapshots %v: %w", ids, err)
		}
		done := 0
		if err == nil {
			for _, s := range out.Snapshots {
				noteKey(made, s)
				switch s.State {
				case types.SnapshotStateCompleted:
					done++
				case types.SnapshotStateError:
					return failed(s)
				default:
				}
			}
		}
		if done == len(ids) {
			return nil
		}
		if m.clock.Now().Sub(begun) > maxWait {
			return fmt.Errorf("%d of %d snapshots not complete after %s", len(ids)-done, len(ids), maxWait)
		}
		if err := m.clock.Sleep(ctx, pause); err != nil {
			return fmt.Errorf("wait for snapshots: %w", err)
		}
	}
}
