package ebs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// settle is how long a snapshot may be unseen by DescribeSnapshots after it was made (EC2 API reference, "Eventual consistency").
// An intent is given up as "never made" only when a look after that time finds nothing.
const settle = 5 * time.Minute

// Release deletes every snapshot of a scan: those the resources name and those its tag finds, but for those that are Kept. Each outcome is kept. It returns an error
// that names what could not be deleted; that stays kept as Stuck, and a sweep tries again.
func (m *Maker) Release(ctx context.Context, at Place, scanID string, resources []run.Resource) error {
	open := slices.DeleteFunc(slices.Clone(resources), func(r run.Resource) bool { return r.State == run.Deleted || r.State == run.Kept })
	found, err := m.ours(ctx, at, scanID)
	if err != nil {
		return errors.Join(err, m.unseen(ctx, open, err))
	}
	found, _, doubled := m.removeDoubles(ctx, at, found, resources)
	_, err = m.end(ctx, at, open, found)
	return errors.Join(doubled, err)
}

// Sweep deletes every snapshot of this installation in a place whose scan is not running and that is no live baseline, and settles the open
// resources given, among which every Kept one must be. Of a volume's baselines the newest lives, for as long as Options says.
// running is asked only after the place was looked at: a scan that begins meanwhile keeps its snapshots. It returns what it deleted.
func (m *Maker) Sweep(ctx context.Context, at Place, open []run.Resource, running func(ctx context.Context, scanID string) (bool, error)) (deleted []run.Resource, err error) {
	found, lookErr := m.ours(ctx, at, "")
	alive := map[string]bool{"": false} // tagged as ours without a scan: nobody needs it
	var faults []error
	spared := func(scanID string) bool {
		if _, known := alive[scanID]; !known {
			yes, err := running(ctx, scanID)
			if err != nil {
				faults = append(faults, fmt.Errorf("ask whether scan %s is running: %w", scanID, err))
			}
			alive[scanID] = yes || err != nil
		}
		return alive[scanID]
	}
	live := m.liveBaselines(open)
	// A baseline's scan has ended, and may be forgotten.
	settled := func(r run.Resource) bool {
		return r.State == run.Deleted || slices.Contains(live, r) || r.State != run.Kept && spared(r.ScanID)
	}
	open = slices.DeleteFunc(slices.Clone(open), settled)
	if lookErr != nil {
		return nil, errors.Join(append(faults, lookErr, m.unseen(ctx, open, lookErr))...)
	}
	faults = append(faults, m.settleLive(ctx, at, live, found))
	found, doubles, err := m.removeDoubles(ctx, at, found, live)
	faults = append(faults, err)
	found = slices.DeleteFunc(found, func(s types.Snapshot) bool { return !named(s, open) && spared(m.scanOf(s)) })
	deleted, err = m.end(ctx, at, open, found)
	return append(doubles, deleted...), errors.Join(append(faults, err)...)
}

// named says whether a row names a snapshot by its ID.
func named(s types.Snapshot, rows []run.Resource) bool {
	return slices.ContainsFunc(rows, func(r run.Resource) bool { return r.ID == aws.ToString(s.SnapshotId) })
}

// unseen keeps that a place could not be looked at as the reason why its known snapshots are still there.
func (m *Maker) unseen(ctx context.Context, open []run.Resource, cause error) error {
	if ctx.Err() != nil {
		return nil // stopped, not refused
	}
	var faults []error
	for _, r := range open {
		if r.ID != "" {
			r.State, r.Detail = run.Stuck, cause.Error()
			faults = append(faults, m.keep.KeepResource(ctx, r))
		}
	}
	return errors.Join(faults...)
}

// end deletes the snapshots found and those that only rows know, and keeps how each row ended. A request that was repeated because its
// answer was lost makes a volume's snapshot twice: a row is Deleted only when all of its volume's are.
func (m *Maker) end(ctx context.Context, at Place, rows []run.Resource, found []types.Snapshot) (deleted []run.Resource, err error) {
	for _, s := range found { // found by the tag alone: the row was lost with an older database, or has been settled
		if !slices.ContainsFunc(rows, func(r run.Resource) bool { return m.isOf(s, r) }) {
			rows = append(rows, m.resource(at, s))
		}
	}
	var faults []error
	for _, r := range rows {
		var ids []string
		for _, s := range found {
			if m.isOf(s, r) {
				ids = append(ids, aws.ToString(s.SnapshotId))
			}
		}
		if len(ids) == 0 && r.ID == "" {
			if m.clock.Now().Sub(r.CreatedAt) > settle { // else the intent stays open until a sweep has looked late enough
				r.State, r.Detail, r.DeletedAt = run.Deleted, "never made", m.clock.Now()
				faults = append(faults, m.keep.KeepResource(ctx, r))
			}
			continue
		}
		gone, err := m.endOne(ctx, at, r, ids)
		deleted = append(deleted, gone...)
		faults = append(faults, err)
	}
	return deleted, errors.Join(faults...)
}

// isOf reports whether a snapshot is what a row is about.
func (m *Maker) isOf(s types.Snapshot, r run.Resource) bool {
	return aws.ToString(s.SnapshotId) == r.ID || m.scanOf(s) == r.ScanID && aws.ToString(s.VolumeId) == r.Of
}

// endOne deletes all snapshots of one row: ids, which the tag's search found, and the row's own if that search did not show it (yet).
func (m *Maker) endOne(ctx context.Context, at Place, r run.Resource, ids []string) (gone []run.Resource, err error) {
	detail, left := "", run.Resource{}
	note := func(id string, e error) {
		one := r
		one.ID = id
		if e != nil {
			err = errors.Join(err, fmt.Errorf("delete snapshot %s in %s/%s: %w", id, at.Account, at.Region, e))
			one.State, one.Detail = run.Stuck, e.Error()
			left = one
			return
		}
		one.State, one.Detail, one.DeletedAt = run.Deleted, "", m.clock.Now()
		gone = append(gone, one)
	}
	if r.ID != "" && !slices.Contains(ids, r.ID) {
		there, e := m.mayDelete(ctx, at, r.ID)
		switch {
		case e == nil && there:
			ids = append(ids, r.ID)
		case e == nil && len(ids) == 0 && m.clock.Now().Sub(r.CreatedAt) <= settle:
			return nil, nil // gone, or too new to be seen: a later sweep knows
		case e == nil:
			detail = "was gone already"
		default:
			note(r.ID, e)
		}
	}
	for _, id := range ids {
		note(id, m.remove(ctx, at, id))
	}
	if left.ID != "" {
		learned := left
		learned.State, learned.Detail = run.Created, "" // its ID, if only the tag told it
		if e := m.keep.KeepResource(ctx, learned); e != nil {
			return gone, errors.Join(err, e)
		}
		return gone, errors.Join(err, m.keep.KeepResource(ctx, left))
	}
	if n := len(gone); n > 0 {
		r.ID = gone[n-1].ID
	}
	r.State, r.Detail, r.DeletedAt = run.Deleted, detail, m.clock.Now()
	return gone, m.keep.KeepResource(ctx, r)
}

func (m *Maker) resource(at Place, s types.Snapshot) run.Resource {
	return run.Resource{
		ScanID: m.scanOf(s), Connector: at.Connector, Account: at.Account, Region: at.Region, Kind: asset.KindSnapshot,
		Of: aws.ToString(s.VolumeId), ID: aws.ToString(s.SnapshotId), State: run.Created, CreatedAt: aws.ToTime(s.StartTime),
	}
}

// ours lists the snapshots that carry this installation's tag, and the scan's if one is given, under whichever key it stands.
func (m *Maker) ours(ctx context.Context, at Place, scanID string) ([]types.Snapshot, error) {
	if scanID == "" {
		return m.tagged(ctx, at, nil)
	}
	var out []types.Snapshot
	for _, key := range m.scanTags() {
		list, err := m.tagged(ctx, at, &types.Filter{Name: aws.String("tag:" + key), Values: []string{scanID}})
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if !slices.ContainsFunc(out, func(o types.Snapshot) bool { return aws.ToString(o.SnapshotId) == aws.ToString(s.SnapshotId) }) {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// tagged lists the snapshots that carry this installation's tag and pass a filter, if there is one, all pages.
func (m *Maker) tagged(ctx context.Context, at Place, also *types.Filter) ([]types.Snapshot, error) {
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("tag:" + run.TagInstallation), Values: []string{m.installation}},
	}}
	if also != nil {
		in.Filters = append(in.Filters, *also)
	}
	var out []types.Snapshot
	for {
		page, err := m.api.DescribeSnapshots(ctx, in, at.Call...)
		if err != nil {
			return nil, fmt.Errorf("find our snapshots in %s/%s: %w", at.Account, at.Region, err)
		}
		for _, s := range page.Snapshots {
			if tagOf(s, run.TagInstallation) == m.installation { // never trust a filter with somebody's data
				out = append(out, s)
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return out, nil
		}
		in.NextToken = page.NextToken
	}
}

// errNotOurs is why a snapshot that was ours once is left alone.
var errNotOurs = errors.New("it does not carry this installation's tag any more, so it is left alone")

// mayDelete asks for a snapshot that is known by its ID only: whether it is there, and errNotOurs if it does not carry our tag.
func (m *Maker) mayDelete(ctx context.Context, at Place, id string) (there bool, err error) {
	out, err := m.api.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}, at.Call...)
	switch {
	case notFound(err):
		return false, nil
	case err != nil:
		return false, err
	case len(out.Snapshots) == 0:
		return false, nil
	case len(out.Snapshots) != 1 || aws.ToString(out.Snapshots[0].SnapshotId) != id || tagOf(out.Snapshots[0], run.TagInstallation) != m.installation:
		return false, errNotOurs
	}
	return true, nil
}

// remove deletes a snapshot that was seen to carry our tag. One that is gone already is no fault.
func (m *Maker) remove(ctx context.Context, at Place, id string) error {
	unshared := m.unshare(ctx, at, id)
	_, err := m.api.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &id}, at.Call...)
	if notFound(err) {
		return nil
	}
	if err != nil {
		err = errors.Join(err, unshared) // it stays for now, so it matters who may read it
	}
	return err
}

// scanOf is the scan that a snapshot was made for, "" if it does not say.
func (m *Maker) scanOf(s types.Snapshot) string {
	for _, key := range m.scanTags() {
		if id := tagOf(s, key); id != "" {
			return id
		}
	}
	return ""
}

func tagOf(s types.Snapshot, key string) string {
	for _, t := range s.Tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// notFound reports whether AWS says that a snapshot does not exist (EC2 API reference, error codes).
func notFound(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == "InvalidSnapshot.NotFound"
}
