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

// Release deletes every snapshot of a scan: those the resources name and those its tag finds. Each outcome is kept. It returns an error
// that names what could not be deleted; that stays kept as Stuck, and a sweep tries again.
func (m *Maker) Release(ctx context.Context, at Place, scanID string, resources []run.Resource) error {
	found, err := m.ours(ctx, at, scanID)
	if err != nil {
		return err
	}
	var faults []error
	for _, r := range resources {
		if r.State == run.Deleted {
			continue
		}
		i := slices.IndexFunc(found, func(s types.Snapshot) bool {
			return aws.ToString(s.SnapshotId) == r.ID || r.ID == "" && aws.ToString(s.VolumeId) == r.Of
		})
		switch {
		case i >= 0:
			r.ID = aws.ToString(found[i].SnapshotId)
			found = slices.Delete(found, i, i+1)
			faults = append(faults, m.remove(ctx, at, r))
		case r.ID != "": // made, but the tag's search does not see it (yet): ask by its id
			faults = append(faults, m.removeByID(ctx, at, r))
		case m.clock.Now().Sub(r.CreatedAt) > settle:
			r.State, r.Detail, r.DeletedAt = run.Deleted, "never made", m.clock.Now()
			faults = append(faults, m.keep.KeepResource(ctx, r))
		} // else: the intent stays open until a sweep has looked late enough
	}
	for _, s := range found {
		faults = append(faults, m.remove(ctx, at, m.resource(at, s)))
	}
	return errors.Join(faults...)
}

// Sweep deletes every snapshot of this installation in a place whose scan is not running, and settles the open resources given.
// It returns what it deleted.
func (m *Maker) Sweep(ctx context.Context, at Place, open []run.Resource, running func(scanID string) bool) (deleted []run.Resource, err error) {
	found, err := m.ours(ctx, at, "")
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, s := range found {
		r := m.resource(at, s)
		if running(r.ScanID) {
			continue
		}
		if err := m.remove(ctx, at, r); err != nil {
			faults = append(faults, err)
			continue
		}
		deleted = append(deleted, r)
	}
	for _, r := range open {
		seen := slices.ContainsFunc(found, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == r.ID })
		switch {
		case running(r.ScanID), seen, r.State == run.Deleted:
		case r.ID != "":
			faults = append(faults, m.removeByID(ctx, at, r))
		case m.clock.Now().Sub(r.CreatedAt) > settle:
			r.State, r.Detail, r.DeletedAt = run.Deleted, "never made, or found and deleted by its tag", m.clock.Now()
			faults = append(faults, m.keep.KeepResource(ctx, r))
		}
	}
	return deleted, errors.Join(faults...)
}

func (m *Maker) resource(at Place, s types.Snapshot) run.Resource {
	return run.Resource{
		ScanID: tagOf(s, run.TagScan), Connector: at.Connector, Account: at.Account, Region: at.Region, Kind: asset.KindSnapshot,
		Of: aws.ToString(s.VolumeId), ID: aws.ToString(s.SnapshotId), State: run.Created, CreatedAt: aws.ToTime(s.StartTime),
	}
}

// ours lists the snapshots that carry this installation's tag, and the scan's if one is given, all pages.
func (m *Maker) ours(ctx context.Context, at Place, scanID string) ([]types.Snapshot, error) {
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("tag:" + run.TagInstallation), Values: []string{m.installation}},
	}}
	if scanID != "" {
		in.Filters = append(in.Filters, types.Filter{Name: aws.String("tag:" + run.TagScan), Values: []string{scanID}})
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

// removeByID deletes a snapshot that we know by its id only, after making sure that it carries our tag.
func (m *Maker) removeByID(ctx context.Context, at Place, r run.Resource) error {
	out, err := m.api.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{r.ID}}, at.Call...)
	switch {
	case notFound(err):
		r.State, r.Detail, r.DeletedAt = run.Deleted, "was gone already", m.clock.Now()
		return m.keep.KeepResource(ctx, r)
	case err != nil:
		return m.stuck(ctx, r, err)
	case len(out.Snapshots) != 1 || tagOf(out.Snapshots[0], run.TagInstallation) != m.installation:
		return m.stuck(ctx, r, errors.New("it does not carry this installation's tag any more, so it is left alone"))
	}
	return m.remove(ctx, at, r)
}

func (m *Maker) remove(ctx context.Context, at Place, r run.Resource) error {
	_, err := m.api.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &r.ID}, at.Call...)
	if err != nil && !notFound(err) {
		return m.stuck(ctx, r, err)
	}
	r.State, r.Detail, r.DeletedAt = run.Deleted, "", m.clock.Now()
	return m.keep.KeepResource(ctx, r)
}

func (m *Maker) stuck(ctx context.Context, r run.Resource, cause error) error {
	r.State, r.Detail = run.Stuck, cause.Error()
	cause = fmt.Errorf("delete snapshot %s in %s/%s: %w", r.ID, r.Account, r.Region, cause)
	return errors.Join(cause, m.keep.KeepResource(ctx, r))
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
