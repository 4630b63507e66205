package ssm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ssm"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/run"
)

// TestMakeRepairRemove goes the whole way: all made, nothing to do a second time, each part deleted by somebody and repaired, all removed.
func TestMakeRepairRemove(t *testing.T) {
	w := newWorld(t, ssmtest.Options{Page: 2})
	m, want := w.manager(mine), everything(t)
	made := lines(w.must(m, want))
	if len(made) != 12 {
		t.Fatalf("got %d steps %q, want 12 made", len(made), made)
	}
	before := w.there()
	if p := w.must(m, want); !p.Idle() {
		t.Errorf("second plan is not idle: %q", lines(p))
	}
	w.ssm.DeleteAssociation(w.account, region, ssm.InventoryAssociation)
	w.ssm.DeleteAssociation(w.account, region, ssm.LinuxDistributor)
	w.ssm.DeleteSync(w.account, region, ssm.DataSync)
	for _, d := range w.ssm.Documents(w.account, region) {
		if strings.Contains(d, "Windows") {
			w.ssm.DeleteDocument(w.account, region, d)
		}
	}
	repaired := lines(w.must(m, want))
	wantRepairs := []string{
		"make HinomiResourceDataSync", "make HinomiConfigureWindows", "make HinomiInvokeWindows", "make HinomiLinuxDistributor", "make HinomiInventoryCollection",
	}
	if diff := cmp.Diff(wantRepairs, repaired); diff != "" {
		t.Errorf("repairs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.there()); diff != "" {
		t.Errorf("after the repair (-before +got):\n%s", diff)
	}
	if p := w.must(m, want); !p.Idle() {
		t.Errorf("plan after the repair is not idle: %q", lines(p))
	}
	w.must(m, ssm.Want{})
	if left := w.there(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	for of, r := range w.kept {
		if r.State != run.Deleted {
			t.Errorf("kept %s as %s", of, r.State)
		}
	}
	if p := w.must(m, ssm.Want{}); !p.Idle() {
		t.Errorf("plan after the removal is not idle: %q", lines(p))
	}
}

// TestUninstall holds that the collector is uninstalled from the hosts before its association goes, and only on the platform that is
// switched off; an instance that does not answer is named.
func TestUninstall(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: "i-0123456789abcdef2", Ping: "ConnectionLost", Platform: "Linux"})
	m, want := w.manager(mine), everything(t)
	w.must(m, want)
	var ran []string
	w.aws.Before("ssm", "DeleteAssociation", func(*awstest.Call) *awstest.Reply {
		for _, r := range w.ssm.Runs(w.account, region) {
			if r.Action == "Uninstall" {
				name, _, _ := strings.Cut(r.Document, "-")
				ran = append(ran, name+" "+r.Instance+" "+r.Status)
			}
		}
		return nil
	})
	want.Linux = false // deep inspection alone is switched off
	p, res, err := w.bring(m, want)
	if err != nil {
		t.Fatal(err)
	}
	wantSteps := []string{"remove InvokeHinomiLinuxSsmPlugin", "remove HinomiLinuxDistributor", "remove HinomiInvokeLinux", "remove HinomiConfigureLinux"}
	if diff := cmp.Diff(wantSteps, lines(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	slices.Sort(ran)
	ran = slices.Compact(ran)
	wantRan := []string{
		"HinomiConfigureLinux i-0123456789abcdef0 Success", "HinomiConfigureLinux i-0123456789abcdef1 Success", "HinomiConfigureLinux i-0123456789abcdef2 Pending",
	}
	if diff := cmp.Diff(wantRan, ran); diff != "" {
		t.Errorf("uninstalled (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"i-0123456789abcdef2"}, res.Unconfirmed); diff != "" {
		t.Errorf("unconfirmed (-want +got):\n%s", diff)
	}
	if waited := w.now.Sub(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); waited < 10*time.Minute || waited > 11*time.Minute {
		t.Errorf("waited %s for the instance that is away, want 10 minutes", waited)
	}
	for _, a := range w.ssm.Associations(w.account, region) {
		if strings.Contains(a.Name, "Linux") {
			t.Errorf("%s is left", a.Name)
		}
	}
	if p := w.must(m, want); !p.Idle() {
		t.Errorf("not idle: %q", lines(p))
	}
}

// TestSecondConnector holds that another connector of this installation to the same account makes nothing twice, and that another
// installation's things are neither used up nor touched.
func TestSecondConnector(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	want := everything(t)
	w.must(w.manager(mine), want)
	before := w.there()
	if p := w.must(w.manager(mine), want); !p.Idle() {
		t.Errorf("second connector's plan is not idle: %q", lines(p))
	}
	p, _, err := w.bring(w.manager(other), want)
	if err == nil || !strings.Contains(err.Error(), "another installation's sync of this name") {
		t.Errorf("got %v, want that the data sync is another installation's", err)
	}
	if l := lines(p); !slices.Contains(l, "reuse HinomiInventoryCollection") || !slices.Contains(l, "make HinomiLinuxDistributor") {
		t.Errorf("other installation: got %q, want the inventory association reused and its own collector", l)
	}
	if err := func() error { _, _, err := w.bring(w.manager(other), ssm.Want{}); return err }(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.there()); diff != "" {
		t.Errorf("after the other installation went (-before +got):\n%s", diff)
	}
}

func TestReuseInventory(t *testing.T) {
	for _, tc := range []struct {
		name     string
		targets  []ssmtypes.Target
		schedule string
		params   map[string][]string
		want     string
	}{
		{"covers_all", []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}}, "rate(12 hours)", nil, "reuse"},
		{"one_instance", []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"i-0123456789abcdef0"}}}, "rate(12 hours)", nil, "make"},
		{"no_applications", []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}}, "rate(12 hours)", map[string][]string{"applications": {"Disabled"}}, "make"},
		{"once", []ssmtypes.Target{{Key: aws.String("InstanceIds"), Values: []string{"*"}}}, "", nil, "make"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, ssmtest.Options{})
			in := &awsssm.CreateAssociationInput{Name: aws.String("AWS-GatherSoftwareInventory"), Targets: tc.targets, Parameters: tc.params}
			if tc.schedule != "" {
				in.ScheduleExpression = &tc.schedule
			}
			if _, err := awsssm.NewFromConfig(w.aws.Config(region, w.key)).CreateAssociation(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			m := w.manager(mine)
			if got := lines(w.must(m, ssm.Want{Inventory: true})); len(got) != 1 || got[0] != tc.want+" HinomiInventoryCollection" {
				t.Errorf("got %q, want %s", got, tc.want)
			}
			w.must(m, ssm.Want{})
			if left := w.there(); len(left) != 1 || left[0] != "association  AWS-GatherSoftwareInventory" {
				t.Errorf("left %q, want somebody else's association alone", left)
			}
		})
	}
}

func TestRepairChanged(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	m, want := w.manager(mine), everything(t)
	w.must(m, want)
	client := awsssm.NewFromConfig(w.aws.Config(region, w.key))
	for _, a := range w.ssm.Associations(w.account, region) {
		if a.Name == ssm.WindowsInvoke {
			_, err := client.UpdateAssociation(t.Context(), &awsssm.UpdateAssociationInput{AssociationId: &a.ID, AssociationName: &a.Name, ScheduleExpression: aws.String("rate(30 days)")})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := lines(w.must(m, want)); !slices.Equal(got, []string{"repair InvokeHinomiSsmPlugin"}) {
		t.Errorf("changed schedule: got %q", got)
	}
	want.WindowsSchedule = "cron(0 0 */12 ? * * *)" // the customer's own
	if got := lines(w.must(m, want)); !slices.Equal(got, []string{"repair InvokeHinomiSsmPlugin"}) {
		t.Errorf("own schedule: got %q", got)
	}
	first := want.Package
	want.Package = pack(t, "1.1.0")
	if got := lines(w.must(m, want)); !slices.Equal(got, []string{"repair HinomiCollector"}) {
		t.Errorf("new version: got %q", got)
	}
	want.Package = first // back to a version that is there
	if got := lines(w.must(m, want)); !slices.Equal(got, []string{"repair HinomiCollector"}) {
		t.Errorf("old version: got %q", got)
	}
	if p := w.must(m, want); !p.Idle() {
		t.Errorf("not idle: %q", lines(p))
	}
}

func TestQuota(t *testing.T) {
	w := newWorld(t, ssmtest.Options{MaxSyncs: 1})
	client := awsssm.NewFromConfig(w.aws.Config(region, w.key))
	_, err := client.CreateResourceDataSync(t.Context(), &awsssm.CreateResourceDataSyncInput{SyncName: aws.String("theirs"), S3Destination: &ssmtypes.ResourceDataSyncS3Destination{
		BucketName: aws.String("theirs"), Region: aws.String(region), SyncFormat: ssmtypes.ResourceDataSyncS3FormatJsonSerde,
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, want := w.manager(mine), everything(t)
	_, res, err := w.bring(m, want)
	if err == nil || !strings.Contains(err.Error(), "as many resource data syncs in this region as AWS's quota allows") {
		t.Errorf("got %v, want the quota in words", err)
	}
	if len(res.Done) != 11 {
		t.Errorf("got %d steps done, want all but the sync", len(res.Done))
	}
	w.must(m, ssm.Want{})
	if got := w.there(); !slices.Equal(got, []string{"sync theirs"}) {
		t.Errorf("left %q", got)
	}
}

func TestDenied(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	w.aws.Before("ssm", "ListTagsForResource", awstest.Deny())
	m := w.manager(mine)
	w.must(m, ssm.Want{Inventory: true})
	if _, _, err := w.bring(m, ssm.Want{}); err == nil || !strings.Contains(err.Error(), "list tags of association") {
		t.Errorf("got %v: what is whose is not known, so nothing may be planned", err)
	}
	if got := w.there(); len(got) != 1 {
		t.Errorf("left %q, want the association", got)
	}
}

func TestSettle(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	m := w.manager(mine)
	w.aws.Before("ssm", "CreateAssociation", awstest.Deny())
	if _, _, err := w.bring(m, ssm.Want{Inventory: true}); err == nil {
		t.Fatal("made without the right")
	}
	of := "ssm-association/" + ssm.InventoryAssociation
	if w.kept[of].State != run.Intended {
		t.Fatalf("kept %+v, want the intent", w.kept[of])
	}
	for _, want := range []run.ResourceState{run.Intended, run.Deleted} {
		s, err := m.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Settle(t.Context(), s, []run.Resource{w.kept[of]}); err != nil || w.kept[of].State != want {
			t.Errorf("got %+v, %v, want %s", w.kept[of], err, want)
		}
		w.now = w.now.Add(6 * time.Minute)
	}
}

// TestTwice holds that an association made twice, because an answer was lost, becomes one, and that the one that stays is kept as there.
func TestTwice(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	m, want := w.manager(mine), everything(t)
	w.must(m, want)
	for _, c := range w.aws.CallsTo("ssm", "CreateAssociation") {
		if strings.Contains(string(c.Body), ssm.LinuxDistributor) {
			var in awsssm.CreateAssociationInput
			if err := json.Unmarshal(c.Body, &in); err != nil {
				t.Fatal(err)
			}
			if _, err := awsssm.NewFromConfig(w.aws.Config(region, w.key)).CreateAssociation(t.Context(), &in); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if got := lines(w.must(m, want)); !slices.Equal(got, []string{"remove HinomiLinuxDistributor"}) {
		t.Errorf("got %q", got)
	}
	if p := w.must(m, want); !p.Idle() {
		t.Errorf("not idle: %q", lines(p))
	}
	if r := w.kept["ssm-association/"+ssm.LinuxDistributor]; r.State != run.Created {
		t.Errorf("the one that stays is kept as %s", r.State)
	}
	for _, r := range w.ssm.Runs(w.account, region) {
		if r.Action == "Uninstall" {
			t.Errorf("uninstalled: %+v", r)
		}
	}
}

// TestAttachments holds what a package's document names against what lies in the bucket when Systems Manager takes it.
func TestAttachments(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	m := w.manager(mine)
	client := s3.NewFromConfig(w.aws.Config(region, w.key), func(o *s3.Options) { o.UsePathStyle = true })
	seen := 0
	w.aws.Before("ssm", "CreateDocument", func(c *awstest.Call) *awstest.Reply {
		var in struct {
			Content     string
			Attachments []struct {
				Name   string
				Values []string
			}
		}
		var manifest struct {
			Files map[string]struct{ Checksums map[string]string }
		}
		if json.Unmarshal(c.Body, &in) != nil || len(in.Attachments) == 0 {
			return nil
		}
		if err := json.Unmarshal([]byte(in.Content), &manifest); err != nil || len(manifest.Files) != len(in.Attachments) {
			t.Errorf("manifest %s: %v", in.Content, err)
		}
		for _, a := range in.Attachments {
			key, _ := strings.CutPrefix(a.Values[0], "s3://"+m.Bucket()+"/")
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(m.Bucket()), Key: &key})
			if err != nil {
				t.Error(err)
				continue
			}
			b, err := io.ReadAll(out.Body)
			if sum := sha256.Sum256(b); err != nil || manifest.Files[a.Name].Checksums["sha256"] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: %v, checksum %x is not the manifest's", a.Name, err, sum)
			}
			seen++
		}
		return nil
	})
	w.must(m, everything(t))
	if seen != 3 {
		t.Errorf("%d attachments, want 3", seen)
	}
}
