package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/app/core"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
	"hinomi/internal/source/ssm/collected"
)

// HostOptions say what of this host is collected and where it goes.
type HostOptions struct {
	Root     string   // "/" but in tests
	Paths    []string // folders beside the default ones in which language packages are looked for
	Kernel   string   // uname -r
	Bucket   string   // for what is too large for an inventory item; "" for none
	Prefix   string   // its folder of collectors' results
	Metadata string   // endpoint of the instance metadata service; "" is the instance's own
}

// CollectHost reads what is installed on this host as an agent does: the system's package databases, and the default folders for language packages
// with those of the options. Lock files say what was meant to be installed and are left out, each with a gap.
func CollectHost(ctx context.Context, c core.Config, o HostOptions) (*inventory.Inventory, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Root, err)
	}
	defer root.Close() //nolint:errcheck // only read
	inv, _, err := extract.Extract(ctx, root.FS(), extract.Options{
		Method: inventory.Agent, Source: "collect-host", Now: c.Now, Logger: c.Log, RunningKernel: o.Kernel, SkipLockFiles: true, Workers: 1,
		Roots: slices.Concat(extract.AgentRoots(), o.Paths),
	})
	return inv, err
}

// SendHost hands what was collected to Systems Manager as this instance's custom inventory; what is too large for it goes to the bucket.
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
	if err != nil {
		return err
	}
	if item.Object != nil {
		if _, err := session.S3(here.Region).PutObject(ctx, &s3.PutObjectInput{
			Bucket: &o.Bucket, Key: &item.Key, Body: bytes.NewReader(item.Object), ExpectedBucketOwner: &here.Account,
		}); err != nil {
			return fmt.Errorf("put the inventory into %s: %s", o.Bucket, session.Classify(err))
		}
	}
	if _, err := session.SSM(here.Region).PutInventory(ctx, &awsssm.PutInventoryInput{InstanceId: &here.Instance, Items: []types.InventoryItem{{
		TypeName: aws.String(collected.TypeName), SchemaVersion: aws.String(collected.SchemaVersion), CaptureTime: &item.CaptureTime, Content: item.Entries,
	}}}); err != nil {
		return fmt.Errorf("put the inventory of %s into Systems Manager: %s", here.Instance, session.Classify(err))
	}
	return nil
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
