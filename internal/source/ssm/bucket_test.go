package ssm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/inventory"
	"hinomi/internal/source/ssm"
	"hinomi/internal/source/ssm/collected"
)

func lines(id string, entries []map[string]string) []byte {
	var buf bytes.Buffer
	for _, e := range entries {
		m := map[string]string{"resourceId": id, "captureTime": noon.Format("2006-01-02T15:04:05Z"), "schemaVersion": "1.1"}
		for k, v := range e {
			m[k] = v
		}
		_ = json.NewEncoder(&buf).Encode(m) // a buffer takes everything
	}
	return buf.Bytes()
}

// TestBucket reads a data sync's bucket: all of it, then only what is new.
func TestBucket(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	client := s3.NewFromConfig(w.aws.Config(region, w.key), func(o *s3.Options) { o.UsePathStyle = true })
	name := "hinomi-" + w.account
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, body []byte) {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	key := func(n int) string {
		return fmt.Sprintf("inventory/AWS:Application/accountid=%s/region=%s/resourcetype=ManagedInstanceInventory/%s.json", w.account, region, nodeID(n))
	}
	for n := range 5 {
		put(key(n), lines(nodeID(n), apps(n+1)))
	}
	put(key(5), []byte("{broken"))
	put(strings.Replace(key(6), "Application", "WindowsUpdate", 1), lines(nodeID(6), apps(1)))
	put(key(8), lines(nodeID(8), apps(1))) // of an instance that is not wanted
	put(strings.Replace(key(7), region, "eu-west-2", 1), lines(nodeID(7), apps(1)))
	b := ssm.Bucket{Objects: client, Name: name, Owner: w.account, Prefix: "inventory"}
	known := map[string]string{}
	read := func() (got []string) {
		t.Helper()
		index, err := b.Index(t.Context(), ssm.Place{Account: w.account, Region: region}, func(id string) bool { return id != nodeID(8) })
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range slices.Sorted(maps.Keys(index)) {
			o, there := index[id][ssm.Application]
			if !there || known[o.Key] == o.ETag {
				continue
			}
			item, err := b.Item(t.Context(), id, o)
			if err != nil {
				got = append(got, id+" fault")
				continue
			}
			known[o.Key] = o.ETag
			got = append(got, fmt.Sprintf("%s %d %s", id, len(item.Entries), item.Captured.Format("15:04")))
		}
		return got
	}
	want := []string{nodeID(0) + " 1 12:00", nodeID(1) + " 2 12:00", nodeID(2) + " 3 12:00", nodeID(3) + " 4 12:00", nodeID(4) + " 5 12:00", nodeID(5) + " fault"}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	put(key(2), lines(nodeID(2), apps(9)))
	if diff := cmp.Diff([]string{nodeID(2) + " 9 12:00", nodeID(5) + " fault"}, read()); diff != "" {
		t.Errorf("new ones (-want +got):\n%s", diff)
	}
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agent, Covered: []string{"/"}, ReadAt: noon, Packages: []inventory.Package{}}
	for i := range 30000 {
		inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.NPM, Name: fmt.Sprintf("p%x", i*i*7919*31337), Version: fmt.Sprintf("%x", i*104729*i), Location: "/a", FoundBy: "node"})
	}
	item, err := collected.Encode(inv, "collected/AROAX:"+nodeID(1))
	if err != nil || item.Object == nil {
		t.Fatalf("object of %d, %v", len(item.Object), err)
	}
	put(item.Key, item.Object)
	c, err := ssm.Compose(&ssm.Instance{Ref: refOf(nodeID(1)), PlatformName: "Ubuntu", PlatformVersion: "24.04"}, ssm.Items{collected.TypeName: {Captured: noon, Entries: item.Entries}})
	if err != nil || c.Object == nil {
		t.Fatalf("got %+v, %v", c.Object, err)
	}
	got, err := b.Collected(t.Context(), *c.Object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inv, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	put(item.Key, item.Object[1:])
	if _, err := b.Collected(t.Context(), *c.Object); err == nil {
		t.Error("a changed object was taken")
	}
}

// TestSync finds a data sync by its name, over several pages, and says why one does not hold what Systems Manager knows.
func TestSync(t *testing.T) {
	w := newWorld(t, ssmtest.Options{Page: 1, MaxSyncs: 3})
	api := awsssm.NewFromConfig(w.aws.Config(region, w.key))
	client := s3.NewFromConfig(w.aws.Config(region, w.key), func(o *s3.Options) { o.UsePathStyle = true })
	name := "synced-" + w.account
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	for _, sync := range []string{"other", "central"} {
		if _, err := api.CreateResourceDataSync(t.Context(), &awsssm.CreateResourceDataSyncInput{SyncName: &sync, S3Destination: &ssmtypes.ResourceDataSyncS3Destination{
			BucketName: &name, Prefix: aws.String("p/" + sync), Region: aws.String(region), SyncFormat: ssmtypes.ResourceDataSyncS3FormatJsonSerde,
		}}); err != nil {
			t.Fatal(err)
		}
	}
	r := ssm.New(api, ssm.Place{Account: w.account, Region: region})
	get := func(name string) *ssm.Sync {
		t.Helper()
		s, err := r.Sync(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := get("none"); s != nil {
		t.Errorf("got %+v of a name that is not there", s)
	}
	s := get("central")
	if s == nil || s.Bucket != name || s.Prefix != "p/central" || s.Region != region || !strings.Contains(s.Stopped(), "has not run to its end") {
		t.Fatalf("got %+v", s)
	}
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: nodeID(1), Ping: "Online"})
	w.ssm.SetInventory(w.account, region, nodeID(1), ssm.Application, "1.1", noon, apps(4))
	if n := w.ssm.RunSync(t.Context(), client, w.account, region, "central"); n != 1 || get("central").Stopped() != "" {
		t.Errorf("%d objects, %q", n, get("central").Stopped())
	}
	b := ssm.Bucket{Objects: client, Name: s.Bucket, Prefix: s.Prefix}
	index, err := b.Index(t.Context(), ssm.Place{Account: w.account, Region: region}, func(string) bool { return true })
	if err != nil || len(index) != 1 {
		t.Fatalf("%+v, %v", index, err)
	}
	synced, err := b.Item(t.Context(), nodeID(1), index[nodeID(1)][ssm.Application])
	if err != nil {
		t.Fatal(err)
	}
	asked, err := r.Read(t.Context(), nodeID(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asked[ssm.Application], synced); diff != "" {
		t.Errorf("by API and by bucket (-want +got):\n%s", diff)
	}
	w.ssm.FailSync(w.account, region, "central", "AccessDenied")
	if why := get("central").Stopped(); why != "its last run failed: AccessDenied" {
		t.Errorf("got %q", why)
	}
}

func TestParseSynced(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(lines("i-1", apps(3))) // a buffer takes everything
	_ = z.Close()
	for _, tc := range []struct {
		name  string
		body  string
		n     int
		fault string
	}{
		{"plain", string(lines("i-1", apps(3))), 3, ""},
		{"gzip", packed.String(), 3, ""},
		{"numbers_and_null", `{"resourceId":"i-1","captureTime":"2026-03-01T12:00:00Z","Name":"a","Epoch":1,"Release":null}`, 1, ""},
		{"empty", "", 0, "no entries"},
		{"other_instance", string(lines("i-2", apps(1))), 0, `it is of "i-2"`},
		{"no_time", `{"Name":"a"}`, 0, "does not say when"},
		{"two_times", string(lines("i-1", apps(1))) + `{"captureTime":"2026-03-01T13:00:00Z","Name":"a"}`, 0, "captured at"},
		{"not_json", "hello", 0, "line 1"},
		{"cut", string(lines("i-1", apps(3))[:300]), 0, "line"},
		{"long_line", `{"captureTime":"2026-03-01T12:00:00Z","Name":"` + strings.Repeat("a", 2<<20) + `"}`, 0, "too long"},
		{"many", strings.Repeat(string(lines("i-1", apps(1))), 10_001), 0, "more than 10000"},
		{"bad_gzip", "\x1f\x8bxxxx", 0, "unpack"},
	} {
		item, err := ssm.ParseSynced(strings.NewReader(tc.body), "i-1")
		if tc.fault == "" && (err != nil || len(item.Entries) != tc.n || !item.Captured.Equal(noon)) {
			t.Errorf("%s: got %d, %v, want %d", tc.name, len(item.Entries), err, tc.n)
		}
		if tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.fault)
		}
	}
}

func FuzzParseSynced(f *testing.F) {
	f.Add(lines("i-1", apps(3)))
	f.Add([]byte(`{"captureTime":"2026-03-01T12:00:00Z","Name":1e9,"X":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		item, err := ssm.ParseSynced(bytes.NewReader(b), "i-1")
		if err == nil && (item.Captured.IsZero() || len(item.Entries) == 0) {
			t.Errorf("%+v", item)
		}
	})
}

var _ ssm.Objects = (*s3.Client)(nil)
