package ebs_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"hinomi/internal/action/ebs"
	"hinomi/internal/asset"
	"hinomi/internal/run"
)

const (
	mine  = "installation-1"
	other = "installation-2"
)

var at = ebs.Place{Account: "111122223333", Region: "eu-west-1", Connector: "con-1"}

// world is an account's EBS snapshots, what is kept of them, and a clock that only waiting moves.
type world struct {
	t        *testing.T
	now      time.Time
	volumes  []string // attached to the instance
	snaps    map[string]*types.Snapshot
	hidden   map[string]time.Time // not seen by DescribeSnapshots until then
	done     time.Duration        // how long a snapshot stays pending
	fails    map[string]error     // by action, or action and snapshot
	log      []string
	kept     []run.Resource
	keepErr  error
	perPage  int
	newState types.SnapshotState // what a snapshot becomes; completed if ""
	message  string              // why, if that is an error
	key      string              // that snapshots are encrypted with
	made     int                 // snapshots by CreateSnapshots
}

func newWorld(t *testing.T, volumes ...string) *world {
	return &world{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), volumes: volumes, snaps: map[string]*types.Snapshot{},
		hidden: map[string]time.Time{}, fails: map[string]error{}, perPage: 1000,
	}
}

func (w *world) maker() *ebs.Maker {
	w.t.Helper()
	m, err := ebs.New(w, w, ebs.Clock{Now: func() time.Time { return w.now }, Sleep: func(ctx context.Context, d time.Duration) error {
		w.now = w.now.Add(d)
		return ctx.Err()
	}}, mine)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// instance has the volumes as they were read, which may not be those it has now.
func instance(volumes ...string) *asset.Instance {
	i := &asset.Instance{Meta: asset.Meta{ID: "i-1"}}
	for n, v := range volumes {
		i.Volumes = append(i.Volumes, asset.Attachment{VolumeID: v, Device: fmt.Sprintf("/dev/xvd%c", 'a'+n)})
	}
	return i
}

// KeepResource implements ebs.Keeper.
func (w *world) KeepResource(_ context.Context, r run.Resource) error {
	w.log = append(w.log, "keep "+r.Of+" "+string(r.State))
	if w.keepErr != nil {
		return w.keepErr
	}
	i := slices.IndexFunc(w.kept, func(k run.Resource) bool { return k.ScanID == r.ScanID && k.Of == r.Of })
	if i < 0 {
		w.kept = append(w.kept, r)
	} else {
		w.kept[i] = r
	}
	return nil
}

// states are what is kept, volume by volume.
func (w *world) states() string {
	var out []string
	for _, r := range w.kept {
		out = append(out, r.Of+" "+string(r.State))
	}
	return strings.Join(out, ", ")
}

func (w *world) add(id, volume string, tags ...string) {
	s := &types.Snapshot{SnapshotId: &id, VolumeId: &volume, StartTime: aws.Time(w.now), VolumeSize: aws.Int32(8), State: types.SnapshotStateCompleted}
	for i := 0; i+1 < len(tags); i += 2 {
		s.Tags = append(s.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	w.snaps[id] = s
}

// ours adds a snapshot as a scan of this installation makes it.
func (w *world) ours(id, volume, scan string) {
	w.add(id, volume, run.TagInstallation, mine, run.TagScan, scan)
}

func (w *world) left() []string {
	out := []string{}
	for id := range w.snaps {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func apiError(code string) error { return &smithy.GenericAPIError{Code: code, Message: code + " said"} }

// CreateSnapshots implements ebs.API.
func (w *world) CreateSnapshots(_ context.Context, in *ec2.CreateSnapshotsInput, _ ...func(*ec2.Options)) (*ec2.CreateSnapshotsOutput, error) {
	w.log = append(w.log, "create "+*in.InstanceSpecification.InstanceId)
	if err := w.fails["refuse"]; err != nil {
		return nil, err
	}
	out := &ec2.CreateSnapshotsOutput{}
	for _, v := range w.volumes {
		w.made++
		id := fmt.Sprintf("snap-%d", w.made)
		w.add(id, v)
		s := w.snaps[id]
		s.Tags = in.TagSpecifications[0].Tags
		s.State = types.SnapshotStatePending
		if w.newState == "" {
			w.newState = types.SnapshotStateCompleted
		}
		out.Snapshots = append(out.Snapshots, types.SnapshotInfo{SnapshotId: s.SnapshotId, VolumeId: s.VolumeId, VolumeSize: s.VolumeSize})
	}
	return out, w.fails["lose"]
}

// DescribeSnapshots implements ebs.API.
func (w *world) DescribeSnapshots(_ context.Context, in *ec2.DescribeSnapshotsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	if err := w.fails["DescribeSnapshots"]; err != nil {
		return nil, err
	}
	if len(in.SnapshotIds) == 0 && len(in.OwnerIds) == 0 {
		w.t.Error("asked for the snapshots of the whole world")
	}
	var ids []string
	for _, id := range w.left() {
		s := w.snaps[id]
		if s.State == types.SnapshotStatePending && w.now.Sub(*s.StartTime) >= w.done {
			s.State, s.StateMessage = w.newState, aws.String(cmp.Or(w.message, "the state's message"))
		}
		if w.key != "" {
			s.KmsKeyId, s.Encrypted = &w.key, aws.Bool(true)
		}
		named := len(in.SnapshotIds) == 0 || slices.Contains(in.SnapshotIds, id)
		if named && !w.now.Before(w.hidden[id]) && matches(s, in.Filters) {
			ids = append(ids, id)
		}
	}
	if len(ids) < len(in.SnapshotIds) {
		return nil, apiError("InvalidSnapshot.NotFound")
	}
	from := 0
	if in.NextToken != nil {
		from = slices.Index(ids, *in.NextToken)
	}
	out := &ec2.DescribeSnapshotsOutput{}
	for i := from; i < len(ids); i++ {
		if i == from+w.perPage {
			out.NextToken = &ids[i]
			break
		}
		out.Snapshots = append(out.Snapshots, *w.snaps[ids[i]])
	}
	return out, nil
}

func matches(s *types.Snapshot, filters []types.Filter) bool {
	for _, f := range filters {
		key, ok := strings.CutPrefix(*f.Name, "tag:")
		if !ok {
			return false
		}
		if !slices.ContainsFunc(s.Tags, func(t types.Tag) bool { return *t.Key == key && slices.Contains(f.Values, *t.Value) }) {
			return false
		}
	}
	return true
}

// DeleteSnapshot implements ebs.API.
func (w *world) DeleteSnapshot(_ context.Context, in *ec2.DeleteSnapshotInput, _ ...func(*ec2.Options)) (*ec2.DeleteSnapshotOutput, error) {
	w.log = append(w.log, "delete "+*in.SnapshotId)
	for _, k := range []string{"DeleteSnapshot", "DeleteSnapshot " + *in.SnapshotId} {
		if err := w.fails[k]; err != nil {
			return nil, err
		}
	}
	s, ok := w.snaps[*in.SnapshotId]
	if !ok {
		return nil, apiError("InvalidSnapshot.NotFound")
	}
	if !matches(s, []types.Filter{{Name: aws.String("tag:" + run.TagInstallation), Values: []string{mine}}}) {
		w.t.Errorf("deleted %s, which is not ours", *in.SnapshotId)
	}
	delete(w.snaps, *in.SnapshotId)
	return &ec2.DeleteSnapshotOutput{}, nil
}

var errLost = errors.New("connection reset by peer")

// ModifySnapshotAttribute implements ebs.API.
func (w *world) ModifySnapshotAttribute(_ context.Context, in *ec2.ModifySnapshotAttributeInput, _ ...func(*ec2.Options)) (*ec2.ModifySnapshotAttributeOutput, error) {
	w.log = append(w.log, fmt.Sprintf("%s %s %v", in.OperationType, *in.SnapshotId, in.UserIds))
	if err := w.fails["ModifySnapshotAttribute"]; err != nil {
		return nil, err
	}
	if w.snaps[*in.SnapshotId] == nil {
		return nil, apiError("InvalidSnapshot.NotFound")
	}
	return &ec2.ModifySnapshotAttributeOutput{}, nil
}

// mortal is a world seen by a process that dies at its nth call: with after, what the call asked for has happened.
type mortal struct {
	*world
	left  int
	after bool
}

func live[O any](m *mortal, call func() (O, error)) (O, error) {
	var none O
	m.left--
	switch {
	case m.left > 0:
		return call()
	case m.left == 0 && m.after:
		_, _ = call()
	}
	return none, errLost
}

func (m *mortal) KeepResource(ctx context.Context, r run.Resource) error {
	_, err := live(m, func() (int, error) { return 0, m.world.KeepResource(ctx, r) })
	return err
}

func (m *mortal) CreateSnapshots(ctx context.Context, in *ec2.CreateSnapshotsInput, o ...func(*ec2.Options)) (*ec2.CreateSnapshotsOutput, error) {
	return live(m, func() (*ec2.CreateSnapshotsOutput, error) { return m.world.CreateSnapshots(ctx, in, o...) })
}

func (m *mortal) DescribeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, o ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	return live(m, func() (*ec2.DescribeSnapshotsOutput, error) { return m.world.DescribeSnapshots(ctx, in, o...) })
}

func (m *mortal) DeleteSnapshot(ctx context.Context, in *ec2.DeleteSnapshotInput, o ...func(*ec2.Options)) (*ec2.DeleteSnapshotOutput, error) {
	return live(m, func() (*ec2.DeleteSnapshotOutput, error) { return m.world.DeleteSnapshot(ctx, in, o...) })
}
