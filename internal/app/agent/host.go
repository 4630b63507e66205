package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/app/core"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
	"hinomi/internal/source/ssm"
	"hinomi/internal/source/ssm/collected"
)

// HostOptions say what of this host is collected and where it goes.
type HostOptions struct {
	Root     string        // "/" but in tests
	Paths    []string      // folders beside the default ones in which language packages are looked for
	Kernel   string        // uname -r
	Time     time.Duration // how long may be looked; 0 for no limit but the context's. Then the system's packages alone are told, with a gap.
	Bucket   string        // for what is too large for an inventory item; "" for none
	Prefix   string        // its folder of collectors' results
	Metadata string        // endpoint of the instance metadata service; "" is the instance's own
}

// CollectHost reads what is installed on this host as an agent does: the system's package databases, and the default folders for language packages
// with those of the options. Lock files say what was meant to be installed and are left out, each with a gap.
func CollectHost(ctx context.Context, c core.Config, o HostOptions) (*inventory.Inventory, error) {
	within, done := ctx, context.CancelFunc(func() {})
	if o.Time > 0 {
		within, done = context.WithTimeout(ctx, o.Time)
	}
	defer done()
	inv, err := extractHost(within, c, o, slices.Concat(extract.AgentRoots(), o.Paths))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return collectSystem(ctx, c, o, coverage.GapDeepTime, fmt.Sprintf("the collector did not end within %s and told the system's packages alone: fewer or smaller further folders help", o.Time))
	}
	return inv, err
}

func extractHost(ctx context.Context, c core.Config, o HostOptions, roots []string) (*inventory.Inventory, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Root, err)
	}
	defer root.Close() //nolint:errcheck // only read
	inv, _, err := extract.Extract(ctx, root.FS(), extract.Options{
		Method: inventory.Agent, Source: "collect-host", Now: c.Now, Logger: c.Log, RunningKernel: o.Kernel, SkipLockFiles: true, Workers: 1, Roots: roots,
	})
	return inv, err
}

// nowhere is a folder that does not exist: a walk that begins there sees nothing.
const nowhere = "/.hinomi-looks-nowhere"

// collectSystem reads the system's package databases alone, and says which limit kept the collector from more. Nothing else is covered.
func collectSystem(ctx context.Context, c core.Config, o HostOptions, limit, why string) (*inventory.Inventory, error) {
	inv, err := extractHost(ctx, c, o, []string{nowhere})
	if err != nil {
		return nil, err
	}
	inv.Covered = slices.DeleteFunc(inv.Covered, func(p string) bool { return p == nowhere })
	inv.Gaps = append(inv.Gaps, inventory.Gap{Path: ssm.DeepPlace, FoundBy: limit, Reason: why})
	inv.Sort()
	return inv, nil
}

// SendHost hands what was collected to Systems Manager as this instance's custom inventory; what is too large for it goes to the bucket. What
// cannot be delivered is told in its place, with the limit that it ran into.
func SendHost(ctx context.Context, c core.Config, inv *inventory.Inventory, o HostOptions) error {
	here, err := awsclient.ThisInstance(ctx, o.Metadata)
	if err != nil {
		return err
	}
	clients, err := c.NewClients()
	if err != nil {
		return err
	}
	defer clients.Close()
	session, err := clients.Session(awsclient.Who{Account: here.Account, Type: connector.TypeOfRegion(here.Region)})
	if err != nil {
		return err
	}
	prefix := ""
	if o.Bucket != "" {
		who, err := session.Identity(ctx)
		if err != nil {
			return err
		}
		prefix = o.Prefix + "/" + who.UserID
	}
	item, err := collected.Encode(inv, prefix)
	tooLarge := ""
	switch {
	case errors.Is(err, collected.ErrNoBucket):
		tooLarge = err.Error()
	case err != nil:
		return err
	case item.Object != nil:
		if _, err := session.S3(here.Region).PutObject(ctx, &s3.PutObjectInput{
			Bucket: &o.Bucket, Key: &item.Key, Body: bytes.NewReader(item.Object), ExpectedBucketOwner: &here.Account,
		}); err != nil {
			tooLarge = fmt.Sprintf("put the inventory into %s: %s", o.Bucket, session.Classify(err))
		}
	}
	if tooLarge != "" {
		c.Log.WarnContext(ctx, "the inventory cannot be delivered whole", slog.String("err", tooLarge))
		if item, err = lessOf(ctx, c, inv, o, tooLarge); err != nil {
			return err
		}
	}
	put := func(item collected.Item) error {
		_, err := session.SSM(here.Region).PutInventory(ctx, &awsssm.PutInventoryInput{InstanceId: &here.Instance, Items: []types.InventoryItem{{
			TypeName: aws.String(collected.TypeName), SchemaVersion: aws.String(collected.SchemaVersion), CaptureTime: &item.CaptureTime, Content: item.Entries,
		}}})
		return err
	}
	err = put(item)
	if limit := refusedFor(err); limit != "" {
		why := fmt.Sprintf("Systems Manager takes no inventory of %d packages: %s", len(inv.Packages), session.Classify(err))
		c.Log.WarnContext(ctx, "the inventory was refused for its size", slog.String("err", why))
		if put(collected.Refuse(inv.ReadAt, limit, why)) == nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("put the inventory of %s into Systems Manager: %s", here.Instance, session.Classify(err))
	}
	return nil
}

// lessOf is what is delivered of an inventory that is too large: the system's packages, or if these are too many the refusal alone.
func lessOf(ctx context.Context, c core.Config, inv *inventory.Inventory, o HostOptions, why string) (collected.Item, error) {
	why = fmt.Sprintf("%d packages are more than can be delivered (%s)", len(inv.Packages), why)
	system, err := collectSystem(ctx, c, o, coverage.GapDeepPackages, why)
	if err != nil {
		return collected.Item{}, err
	}
	item, err := collected.Encode(system, "")
	if errors.Is(err, collected.ErrNoBucket) {
		return collected.Refuse(inv.ReadAt, coverage.GapDeepPackages, why), nil
	}
	return item, err
}

// refusedFor returns the limit for which Systems Manager refuses an inventory, "" if it is none. Of an item it says that it is too large; of an
// instance, that its inventory is: what is put of it in a day is bounded (AWS General Reference, "AWS Systems Manager endpoints and quotas").
func refusedFor(err error) string {
	var item *types.ItemSizeLimitExceededException
	var total *types.TotalSizeLimitExceededException
	switch {
	case errors.As(err, &item):
		return coverage.GapDeepPackages
	case errors.As(err, &total):
		return coverage.GapDeepDaily
	}
	return ""
}

// WriteHost writes what was collected as JSON.
func WriteHost(w io.Writer, inv *inventory.Inventory) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(inv); err != nil {
		return errors.Join(errors.New("write the inventory"), err)
	}
	return nil
}
