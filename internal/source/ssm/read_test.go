package ssm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm"
	"hinomi/internal/source/ssm/collected"
)

const region = "eu-west-1"

var (
	moto *awstest.Moto
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

// world is an account with Systems Manager.
type world struct {
	aws     *awstest.AWS
	ssm     *ssmtest.Server
	account string
	client  *awsssm.Client
	reader  *ssm.Reader
	key     awstest.Key
}

func newWorld(t *testing.T, opts ssmtest.Options) *world {
	t.Helper()
	w := &world{aws: awstest.New(t, moto, awstest.Options{Quiet: true})}
	w.ssm = ssmtest.Serve(t, w.aws, opts)
	w.account = w.aws.Account(1)
	w.key = w.aws.AddKey(w.account, "hinomi")
	w.client = awsssm.NewFromConfig(w.aws.Config(region, w.key), func(o *awsssm.Options) { o.Retryer = aws.NopRetryer{} })
	w.reader = ssm.New(w.client, ssm.Place{Account: w.account, Region: region})
	return w
}

func nodeID(n int) string { return fmt.Sprintf("i-%017x", n) }

func apps(n int) []map[string]string {
	var out []map[string]string
	for i := range n {
		name := fmt.Sprintf("lib%d", i)
		out = append(out, map[string]string{
			"Name": name, "Version": "1." + fmt.Sprint(i) + "-1", "Architecture": "x86_64", "Publisher": "Debian", "PackageId": name + "_1_amd64.deb",
		})
	}
	return out
}

func TestInstances(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	for i := range 120 {
		w.ssm.AddNode(w.account, region, ssmtest.Node{ID: nodeID(i), Ping: "Online", LastPing: noon, Platform: "Linux", Name: "Ubuntu", Version: "24.04", Agent: "3.3.1.0"})
	}
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: "mi-0123456789abcdef0", Ping: "ConnectionLost", LastPing: noon, Platform: "Windows", Latest: true})
	got, err := w.reader.Instances(t.Context())
	if err != nil || len(got) != 121 {
		t.Fatalf("got %d, %v, want 121", len(got), err)
	}
	if n := len(w.aws.CallsTo("ssm", "DescribeInstanceInformation")); n != 3 {
		t.Errorf("%d calls, want 3 of 50", n)
	}
	first, last := got[0], got[120]
	if first.Ref != (asset.Ref{Account: w.account, Region: region, Kind: asset.KindInstance, ID: nodeID(0)}) || !first.Online() || !first.AgentOutdated || !first.LastPing.Equal(noon) {
		t.Errorf("first %+v", first)
	}
	if last.Ref.Kind != asset.KindManagedInstance || last.Online() || last.AgentOutdated {
		t.Errorf("last %+v", last)
	}
	w.aws.Before("ssm", "DescribeInstanceInformation", awstest.Every(2, awstest.Throttle()))
	if got, err := w.reader.Instances(t.Context()); err == nil || got != nil {
		t.Errorf("got %d, %v: a list with a page missing is no list", len(got), err)
	}
}

func TestRead(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	id := nodeID(1)
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: id, Ping: "Online", Platform: "Linux", Name: "Debian GNU/Linux", Version: "12"})
	w.ssm.SetInventory(w.account, region, id, ssm.Application, "1.1", noon, apps(120))
	w.ssm.SetInventory(w.account, region, id, ssm.Detailed, "1.0", noon, []map[string]string{{"KernelVersion": "6.1.0-18-cloud-amd64"}})
	items, err := w.reader.Read(t.Context(), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 2 || len(items[ssm.Application].Entries) != 120 || !items[ssm.Application].Captured.Equal(noon) {
		t.Errorf("got %d items, %d applications", len(items), len(items[ssm.Application].Entries))
	}
	w.aws.ResetCalls()
	again, err := w.reader.Read(t.Context(), id, items.Captured())
	if err != nil || !again[ssm.Application].Known || again[ssm.Application].Entries != nil {
		t.Errorf("unchanged: got %+v, %v", again[ssm.Application].Known, err)
	}
	if n := len(w.aws.Calls()); n != len(ssm.Types()) {
		t.Errorf("%d calls for an unchanged instance, want one a type", n)
	}
	// What one inventory is made of is read together, though only one part changed.
	w.ssm.SetInventory(w.account, region, id, ssm.Detailed, "1.0", noon.Add(time.Hour), []map[string]string{{"KernelVersion": "6.1.0-19-cloud-amd64"}})
	third, err := w.reader.Read(t.Context(), id, items.Captured())
	if err != nil || third[ssm.Application].Known || len(third[ssm.Application].Entries) != 120 {
		t.Errorf("part changed: got %v, %v", third[ssm.Application].Known, err)
	}
	// An inventory that is captured anew between two pages is read again from its start.
	undo := w.aws.After("ssm", "ListInventoryEntries", awstest.AfterTimes(2, func(c *awstest.Call, r *awstest.Reply) *awstest.Reply {
		w.ssm.SetInventory(w.account, region, id, ssm.Application, "1.1", noon.Add(2*time.Hour), apps(130))
		return r
	}))
	fourth, err := w.reader.Read(t.Context(), id, nil)
	undo()
	if err != nil || len(fourth[ssm.Application].Entries) != 130 || !fourth[ssm.Application].Captured.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("changed meanwhile: got %d, %v", len(fourth[ssm.Application].Entries), err)
	}
	w.aws.Before("ssm", "ListInventoryEntries", awstest.Every(3, awstest.Deny()))
	if items, err := w.reader.Read(t.Context(), id, nil); err == nil || items != nil {
		t.Errorf("got %d items, %v: a part that was refused leaves all unknown", len(items), err)
	}
	if _, err := w.reader.Read(t.Context(), "i-0fffffffffffffff0", nil); err == nil {
		t.Error("no error for an instance that is not managed")
	}
}

// TestCollected carries the collector's result the whole way: PutInventory, ListInventoryEntries, Compose.
func TestCollected(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	id := nodeID(1)
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: id, Ping: "Online", Platform: "Linux", Name: "Debian GNU/Linux", Version: "12"})
	want := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agent, Covered: []string{"/usr"}, ReadAt: noon, Packages: []inventory.Package{}}
	for i := range 2000 {
		want.Packages = append(want.Packages, inventory.Package{Ecosystem: inventory.NPM, Name: fmt.Sprintf("p%d", i*i*7919), Version: fmt.Sprint(i), Location: fmt.Sprintf("/usr/lib/%d", i), FoundBy: "node"})
	}
	item, err := collected.Encode(want, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.client.PutInventory(t.Context(), &awsssm.PutInventoryInput{InstanceId: &id, Items: []ssmtypes.InventoryItem{{
		TypeName: aws.String(collected.TypeName), SchemaVersion: aws.String(collected.SchemaVersion), CaptureTime: &item.CaptureTime, Content: item.Entries,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.reader.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	items, err := w.reader.Read(t.Context(), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssm.Compose(&all[0], items)
	if err != nil {
		t.Fatal(err)
	}
	want.Source = id
	if diff := cmp.Diff(want, c.Collected); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	items[collected.TypeName] = ssm.Item{Captured: noon, Entries: items[collected.TypeName].Entries[:1]}
	if c, err := ssm.Compose(&all[0], items); err == nil || c.Collected != nil || !c.Supported {
		t.Errorf("damaged: got %+v, %v", c, err)
	}
	items[collected.TypeName] = ssm.Item{Captured: noon, Entries: []map[string]string{{"Form": "1", "SHA256": strings.Repeat("0", 64), "Size": "9", "Key": "collected/A:i-00000000000000002/x"}}}
	if c, err := ssm.Compose(&all[0], items); err == nil || c.Object != nil {
		t.Errorf("another instance's object: got %+v, %v", c.Object, err)
	}
}

// TestSamples replays the samples of the AWS CLI through the reader.
func TestSamples(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	sample := func(action, file string) (undo func()) {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		return w.aws.Before("ssm", action, func(c *awstest.Call) *awstest.Reply {
			if action == "ListInventoryEntries" && !strings.Contains(string(b), jsonField(c.Body, "TypeName")) {
				return c.JSON(struct{}{})
			}
			return &awstest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: b}
		})
	}
	defer sample("DescribeInstanceInformation", "describe-instance-information.json")()
	all, err := w.reader.Instances(t.Context())
	if err != nil || len(all) != 1 || all[0].PlatformName != "SLES" || all[0].Associations != "Success" || all[0].LastPing.UnixMilli() != 1582221233421 {
		t.Fatalf("got %+v, %v", all, err)
	}
	undo := sample("ListInventoryEntries", "list-inventory-entries.json")
	items, err := w.reader.Read(t.Context(), "i-1234567890abcdef0", nil)
	undo()
	if err != nil || len(items) != 1 || len(items[ssm.Application].Entries) != 2 {
		t.Fatalf("got %+v, %v", items, err)
	}
	c, err := ssm.Compose(&all[0], items)
	if err != nil || !c.Supported || c.OS.ID != "sles" || c.OS.VersionID != "15.1" || c.Agent == nil {
		t.Fatalf("got %+v, %v", c, err)
	}
	// The sample's applications are of Windows and without a release: nothing that a package manager of SLES lists.
	if len(c.Agent.Packages) != 0 || len(c.Agent.Gaps) != 1 || !strings.Contains(c.Agent.Gaps[0].Reason, "2 entries are of no form that is known") {
		t.Errorf("got %+v", c.Agent)
	}
	all[0].PlatformName = "Microsoft Windows Server 2022 Datacenter"
	c, err = ssm.Compose(&all[0], items)
	if err != nil || len(c.Agent.Packages) != 2 || c.Agent.Packages[0].Name != "Amazon SSM Agent" || c.Agent.Packages[0].Version != "2.3.274.0" {
		t.Errorf("got %+v, %v", c.Agent, err)
	}
	undo = sample("GetServiceSetting", "get-service-setting.json")
	if got, err := w.reader.DefaultManagement(t.Context()); err != nil || got != ssm.Yes { // the sample is another setting with a value
		t.Errorf("got %v, %v", got, err)
	}
	undo()
}

func jsonField(body []byte, name string) string {
	var m map[string]any
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	s, _ := m[name].(string)
	return s
}

func TestDefaultManagement(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	const id = "/ssm/managed-instance/default-ec2-instance-management-role"
	for value, want := range map[string]ssm.Known{"": ssm.No, "$None": ssm.No, "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole": ssm.Yes} {
		w.ssm.SetSetting(w.account, region, id, value)
		if got, err := w.reader.DefaultManagement(t.Context()); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", value, got, err, want)
		}
	}
	w.aws.Before("ssm", "GetServiceSetting", awstest.Deny())
	if got, err := w.reader.DefaultManagement(t.Context()); err == nil || got != ssm.Unknown {
		t.Errorf("denied: got %v, %v", got, err)
	}
}
