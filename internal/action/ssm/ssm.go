// Package ssm makes, repairs and removes what hinomi needs in an account's Systems Manager for scanning with the agent: the inventory
// association, the resource data sync with its bucket, the collector's package and the associations that install and run it. A plan says
// first what would be done and why; the intent is kept before each call that makes something. It touches nothing without this
// installation's mark: the tag where Systems Manager has tags, the name of the bucket where it has none.
package ssm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// The names of what is made in every account and region, after those of the model (Amazon Inspector User Guide, "Scanning Amazon EC2
// instances": SSM resources created for scans).
const (
	InventoryAssociation = "HinomiInventoryCollection-do-not-delete"
	DataSync             = "HinomiResourceDataSync-do-not-delete"
	WindowsDistributor   = "HinomiDistributor-do-not-delete"
	WindowsInvoke        = "InvokeHinomiSsmPlugin-do-not-delete"
	LinuxDistributor     = "HinomiLinuxDistributor-do-not-delete"
	LinuxInvoke          = "InvokeHinomiLinuxSsmPlugin-do-not-delete"
)

// The prefixes inside the bucket: what the data sync writes, the results of collectors that are too large for an inventory item, and
// the collector's package.
const (
	SyncPrefix      = "inventory"
	CollectedPrefix = "collected"
	packagePrefix   = "packages"
)

// Documents is the part of Systems Manager about documents; *ssm.Client is one.
type Documents interface {
	CreateDocument(context.Context, *ssm.CreateDocumentInput, ...func(*ssm.Options)) (*ssm.CreateDocumentOutput, error)
	DescribeDocument(context.Context, *ssm.DescribeDocumentInput, ...func(*ssm.Options)) (*ssm.DescribeDocumentOutput, error)
	DeleteDocument(context.Context, *ssm.DeleteDocumentInput, ...func(*ssm.Options)) (*ssm.DeleteDocumentOutput, error)
}

// Versions is the part about versions of documents; *ssm.Client is one.
type Versions interface {
	UpdateDocument(context.Context, *ssm.UpdateDocumentInput, ...func(*ssm.Options)) (*ssm.UpdateDocumentOutput, error)
	UpdateDocumentDefaultVersion(context.Context, *ssm.UpdateDocumentDefaultVersionInput, ...func(*ssm.Options)) (*ssm.UpdateDocumentDefaultVersionOutput, error)
	ListDocumentVersions(context.Context, *ssm.ListDocumentVersionsInput, ...func(*ssm.Options)) (*ssm.ListDocumentVersionsOutput, error)
}

// Associations is the part about associations; *ssm.Client is one.
type Associations interface {
	CreateAssociation(context.Context, *ssm.CreateAssociationInput, ...func(*ssm.Options)) (*ssm.CreateAssociationOutput, error)
	UpdateAssociation(context.Context, *ssm.UpdateAssociationInput, ...func(*ssm.Options)) (*ssm.UpdateAssociationOutput, error)
	DescribeAssociation(context.Context, *ssm.DescribeAssociationInput, ...func(*ssm.Options)) (*ssm.DescribeAssociationOutput, error)
	ListAssociations(context.Context, *ssm.ListAssociationsInput, ...func(*ssm.Options)) (*ssm.ListAssociationsOutput, error)
	DeleteAssociation(context.Context, *ssm.DeleteAssociationInput, ...func(*ssm.Options)) (*ssm.DeleteAssociationOutput, error)
}

// Traces is the part about what associations did, and about whose things are; *ssm.Client is one.
type Traces interface {
	DescribeAssociationExecutions(context.Context, *ssm.DescribeAssociationExecutionsInput, ...func(*ssm.Options)) (*ssm.DescribeAssociationExecutionsOutput, error)
	DescribeAssociationExecutionTargets(context.Context, *ssm.DescribeAssociationExecutionTargetsInput, ...func(*ssm.Options)) (*ssm.DescribeAssociationExecutionTargetsOutput, error)
	ListTagsForResource(context.Context, *ssm.ListTagsForResourceInput, ...func(*ssm.Options)) (*ssm.ListTagsForResourceOutput, error)
}

// Syncs is the part about resource data syncs; *ssm.Client is one.
type Syncs interface {
	CreateResourceDataSync(context.Context, *ssm.CreateResourceDataSyncInput, ...func(*ssm.Options)) (*ssm.CreateResourceDataSyncOutput, error)
	ListResourceDataSync(context.Context, *ssm.ListResourceDataSyncInput, ...func(*ssm.Options)) (*ssm.ListResourceDataSyncOutput, error)
	DeleteResourceDataSync(context.Context, *ssm.DeleteResourceDataSyncInput, ...func(*ssm.Options)) (*ssm.DeleteResourceDataSyncOutput, error)
}

// SSM is all of Systems Manager that is needed; *ssm.Client is one.
type SSM interface {
	Documents
	Versions
	Associations
	Traces
	Syncs
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

// Place is an account's region.
type Place struct {
	Account   string
	Region    string
	Partition string // aws, aws-cn, aws-us-gov
	Connector string
}

// Manager makes and removes the resources of one installation in one place.
type Manager struct {
	ssm          SSM
	s3           *s3.Client
	keep         Keeper
	clock        Clock
	at           Place
	installation string
	mark         string // of the installation, in names
}

// New returns a manager. installation is this installation's ID: the value of the tag that marks what is ours.
func New(api SSM, buckets *s3.Client, keep Keeper, clock Clock, at Place, installation string) (*Manager, error) {
	switch {
	case installation == "":
		return nil, errors.New("manage Systems Manager: no installation ID")
	case at.Account == "" || at.Region == "" || at.Partition == "":
		return nil, fmt.Errorf("manage Systems Manager: the place %+v is not complete", at)
	}
	sum := sha256.Sum256([]byte(installation))
	return &Manager{ssm: api, s3: buckets, keep: keep, clock: clock, at: at, installation: installation, mark: hex.EncodeToString(sum[:8])}, nil
}

// Bucket is the name of this installation's bucket in the place: whoever has its objects to read asks here.
func (m *Manager) Bucket() string {
	return "hinomi-" + m.at.Account + "-" + m.at.Region + "-" + m.mark
}

// ScanID is what the kept resources of a place are filed under: they belong to no single scan.
func (m *Manager) ScanID() string { return "ssm:" + m.at.Account + "/" + m.at.Region }

// named is a name of a document: several installations may share an account, and a document's name is unique in a region.
func (m *Manager) named(base string) string { return base + "-" + m.mark }

func (m *Manager) resource(t thing) run.Resource {
	of := string(t.kind) + "/" + t.name
	if t.twin != "" {
		of += "#" + t.twin
	}
	return run.Resource{
		ScanID: m.ScanID(), Connector: m.at.Connector, Account: m.at.Account, Region: m.at.Region, Kind: t.kind, Of: of,
		State: run.Intended, CreatedAt: m.clock.Now(),
	}
}

// intend keeps the intent to make a thing, before the call that makes it.
func (m *Manager) intend(ctx context.Context, t thing) error {
	if err := m.keep.KeepResource(ctx, m.resource(t)); err != nil {
		return fmt.Errorf("keep the intent to make %s: %w", t.name, err)
	}
	return nil
}

// made keeps that a thing is there.
func (m *Manager) made(ctx context.Context, t thing, id string) error {
	r := m.resource(t)
	r.ID, r.State = id, run.Created
	if err := m.keep.KeepResource(ctx, r); err != nil {
		return fmt.Errorf("keep %s: %w", t.name, err)
	}
	return nil
}

// ended keeps that a thing is gone, or why it could not be removed.
func (m *Manager) ended(ctx context.Context, t thing, id string, cause error) error {
	r := m.resource(t)
	r.ID, r.State, r.DeletedAt = id, run.Deleted, m.clock.Now()
	if cause != nil {
		r.State, r.DeletedAt, r.Detail = run.Stuck, time.Time{}, cause.Error()
	}
	if err := m.keep.KeepResource(ctx, r); err != nil {
		return errors.Join(cause, fmt.Errorf("keep the end of %s: %w", t.name, err))
	}
	return cause
}

// settle is how long something may be unseen after it was made. An intent is given up as "never made" only when a look after that time
// finds nothing.
const settle = 5 * time.Minute

// Settle keeps the end of those open resources of the place that a look does not find: they were never made, or somebody deleted them.
func (m *Manager) Settle(ctx context.Context, s State, open []run.Resource) error {
	there := map[string]bool{string(run.KindBucket) + "/" + m.Bucket(): s.Bucket.Exists, string(run.KindDataSync) + "/" + DataSync: s.Sync != nil && s.Sync.Bucket == m.Bucket()}
	for name, d := range s.Documents {
		there[string(run.KindDocument)+"/"+name] = d.Installation == m.installation
	}
	for _, a := range s.Associations {
		there[string(run.KindAssociation)+"/"+a.Name] = there[string(run.KindAssociation)+"/"+a.Name] || a.Installation == m.installation
	}
	var faults []error
	for _, r := range open {
		if r.ScanID != m.ScanID() || r.State == run.Deleted || there[r.Of] || m.clock.Now().Sub(r.CreatedAt) <= settle {
			continue
		}
		r.Detail = "was gone already"
		if r.State == run.Intended {
			r.Detail = "never made"
		}
		r.State, r.DeletedAt = run.Deleted, m.clock.Now()
		faults = append(faults, m.keep.KeepResource(ctx, r))
	}
	return errors.Join(faults...)
}

func kindName(k asset.Kind) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(k), "ssm-"), "-", " ")
}
