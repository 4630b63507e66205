package ssm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/run"
)

// Result is what was done.
type Result struct {
	Done []Step `json:"done"`
	// Unconfirmed are the instances of which it is not known that the collector was uninstalled: they were off or did not answer in time.
	Unconfirmed []string `json:"unconfirmed,omitempty"`
}

// Apply does what a plan says. A step that fails stops only what is built on it; the error names every failure. What was done stays
// done: plan and apply again.
func (m *Manager) Apply(ctx context.Context, p Plan) (Result, error) {
	var res Result
	var faults []error
	failed := map[string]bool{}
	for _, s := range p.Steps {
		if s.Deed == Keep || s.Deed == Reuse {
			continue
		}
		if s.Deed == Blocked {
			failed[s.Name] = true
			faults = append(faults, fmt.Errorf("%s %s in %s/%s: %s", kindName(s.Kind), s.Name, m.at.Account, m.at.Region, s.Reason))
			continue
		}
		if i := slices.IndexFunc(s.thing.after, func(n string) bool { return failed[n] }); i >= 0 && s.Deed != Remove {
			failed[s.Name] = true
			faults = append(faults, fmt.Errorf("%s %s in %s/%s was not made: it needs %s", kindName(s.Kind), s.Name, m.at.Account, m.at.Region, s.thing.after[i]))
			continue
		}
		left, err := m.do(ctx, s)
		res.Unconfirmed = append(res.Unconfirmed, left...)
		if err != nil {
			failed[s.Name] = true
			faults = append(faults, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		res.Done = append(res.Done, s)
	}
	slices.Sort(res.Unconfirmed)
	res.Unconfirmed = slices.Compact(res.Unconfirmed)
	return res, errors.Join(faults...)
}

func (m *Manager) do(ctx context.Context, s Step) (left []string, err error) {
	t := s.thing
	if s.Deed == Remove {
		left, err = m.remove(ctx, s)
		return left, m.ended(ctx, t, s.ID, err)
	}
	switch t.kind {
	case run.KindBucket:
		return nil, m.makeBucket(ctx, t, s.Deed == Repair)
	case run.KindDataSync:
		return nil, m.makeSync(ctx, t, s.Deed == Repair)
	case run.KindDocument:
		return nil, m.makeDocument(ctx, t, s.Deed == Repair)
	default:
		return nil, m.makeAssociation(ctx, t, s.ID)
	}
}

func (m *Manager) remove(ctx context.Context, s Step) (left []string, err error) {
	switch s.Kind {
	case run.KindBucket:
		return nil, m.removeBucket(ctx)
	case run.KindDataSync:
		_, err := m.ssm.DeleteResourceDataSync(ctx, &ssm.DeleteResourceDataSyncInput{SyncName: aws.String(DataSync)})
		if err != nil && !is[*ssmtypes.ResourceDataSyncNotFoundException](err) {
			return nil, m.fault("delete resource data sync "+DataSync, err)
		}
	case run.KindDocument:
		_, err := m.ssm.DeleteDocument(ctx, &ssm.DeleteDocumentInput{Name: &s.Name})
		if err != nil && !is[*ssmtypes.InvalidDocument](err) {
			return nil, m.fault("delete document "+s.Name, err)
		}
	default:
		id := s.ID
		if s.thing.assoc.installs {
			if id, left, err = m.uninstall(ctx, s); err != nil {
				return left, err
			}
		}
		_, err := m.ssm.DeleteAssociation(ctx, &ssm.DeleteAssociationInput{AssociationId: &id})
		if err != nil && !is[*ssmtypes.AssociationDoesNotExist](err) {
			return left, m.fault("delete association "+s.Name, err)
		}
	}
	return left, nil
}

func (m *Manager) makeSync(ctx context.Context, t thing, again bool) error {
	if again {
		_, err := m.ssm.DeleteResourceDataSync(ctx, &ssm.DeleteResourceDataSyncInput{SyncName: aws.String(DataSync)})
		if err != nil && !is[*ssmtypes.ResourceDataSyncNotFoundException](err) {
			return m.fault("delete resource data sync "+DataSync, err)
		}
	}
	if err := m.intend(ctx, t); err != nil {
		return err
	}
	_, err := m.ssm.CreateResourceDataSync(ctx, &ssm.CreateResourceDataSyncInput{SyncName: aws.String(DataSync), S3Destination: &ssmtypes.ResourceDataSyncS3Destination{
		BucketName: aws.String(m.Bucket()), Prefix: aws.String(SyncPrefix), Region: &m.at.Region, SyncFormat: ssmtypes.ResourceDataSyncS3FormatJsonSerde,
	}})
	if is[*ssmtypes.ResourceDataSyncCountExceededException](err) {
		return m.fault("create resource data sync "+DataSync, fmt.Errorf(
			"the account has as many resource data syncs in this region as AWS's quota allows: delete one or have the quota raised; until then inventories are read by API (%w)", err))
	}
	if err != nil {
		return m.fault("create resource data sync "+DataSync, err)
	}
	return m.made(ctx, t, DataSync)
}

// An association runs on so many instances at a time, and goes on though it fails on some.
const (
	concurrency = "50"
	anyErrors   = "100%"
)

func (m *Manager) makeAssociation(ctx context.Context, t thing, id string) error {
	all := []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}}
	if id != "" {
		_, err := m.ssm.UpdateAssociation(ctx, &ssm.UpdateAssociationInput{
			AssociationId: &id, AssociationName: &t.name, Name: &t.assoc.document, Parameters: t.assoc.params, ScheduleExpression: &t.assoc.schedule, Targets: all,
			MaxConcurrency: aws.String(concurrency), MaxErrors: aws.String(anyErrors),
		})
		if err != nil {
			return m.fault("repair association "+t.name, err)
		}
		return m.made(ctx, t, id)
	}
	if err := m.intend(ctx, t); err != nil {
		return err
	}
	id, err := m.createAssociation(ctx, t)
	if err != nil {
		return err
	}
	return m.made(ctx, t, id)
}

func (m *Manager) createAssociation(ctx context.Context, t thing) (id string, err error) {
	out, err := m.ssm.CreateAssociation(ctx, &ssm.CreateAssociationInput{
		AssociationName: &t.name, Name: &t.assoc.document, Parameters: t.assoc.params, ScheduleExpression: &t.assoc.schedule, Tags: m.tags(),
		Targets:        []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}},
		MaxConcurrency: aws.String(concurrency), MaxErrors: aws.String(anyErrors),
	})
	if err != nil {
		return "", m.fault("create association "+t.name, err)
	}
	return aws.ToString(out.AssociationDescription.AssociationId), nil
}

// How long hosts have to uninstall the collector: those that are on do it within minutes; the others are told as unconfirmed.
const (
	uninstallWait  = 10 * time.Minute
	uninstallPause = 10 * time.Second
)

// uninstall turns the association that installs the collector into one that uninstalls it, waits until it has run, and says which
// instances did not confirm it.
func (m *Manager) uninstall(ctx context.Context, s Step) (id string, left []string, err error) {
	t := s.thing
	spec := *t.assoc
	spec.params = map[string][]string{"action": {uninstall}}
	t.assoc = &spec
	id = s.ID
	if id == "" {
		if err := m.intend(ctx, t); err != nil {
			return "", nil, err
		}
		if id, err = m.createAssociation(ctx, t); err != nil {
			return "", nil, err
		}
	} else if err := m.makeAssociation(ctx, t, id); err != nil {
		if is[*ssmtypes.InvalidDocument](err) { // somebody deleted what would uninstall it
			return id, []string{"*"}, nil
		}
		return id, nil, err
	}
	for begun := m.clock.Now(); ; {
		out, err := m.ssm.DescribeAssociation(ctx, &ssm.DescribeAssociationInput{AssociationId: &id})
		if err != nil {
			return id, nil, m.fault("describe association "+t.name, err)
		}
		if o := out.AssociationDescription.Overview; o != nil && aws.ToString(o.Status) != "Pending" && aws.ToString(o.Status) != "" {
			break
		}
		if m.clock.Now().Sub(begun) >= uninstallWait {
			break
		}
		if err := m.clock.Sleep(ctx, uninstallPause); err != nil {
			return id, nil, fmt.Errorf("wait until the collector is uninstalled: %w", err)
		}
	}
	left, err = m.unconfirmed(ctx, id)
	return id, left, err
}

// unconfirmed lists the instances on which an association's last run did not succeed.
func (m *Manager) unconfirmed(ctx context.Context, id string) (left []string, err error) {
	runs, err := m.ssm.DescribeAssociationExecutions(ctx, &ssm.DescribeAssociationExecutionsInput{AssociationId: &id, MaxResults: aws.Int32(50)})
	if err != nil {
		return nil, m.fault("describe the runs of association "+id, err)
	}
	if len(runs.AssociationExecutions) == 0 {
		return []string{"*"}, nil
	}
	last := slices.MaxFunc(runs.AssociationExecutions, func(a, b ssmtypes.AssociationExecution) int {
		return aws.ToTime(a.CreatedTime).Compare(aws.ToTime(b.CreatedTime))
	})
	in := &ssm.DescribeAssociationExecutionTargetsInput{AssociationId: &id, ExecutionId: last.ExecutionId, MaxResults: aws.Int32(50)}
	for {
		page, err := m.ssm.DescribeAssociationExecutionTargets(ctx, in)
		if err != nil {
			return nil, m.fault("describe where association "+id+" ran", err)
		}
		for _, t := range page.AssociationExecutionTargets {
			if aws.ToString(t.Status) != "Success" {
				left = append(left, aws.ToString(t.ResourceId))
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return left, nil
		}
		in.NextToken = page.NextToken
	}
}
