package dump_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
)

// folder makes a dump of files given by name.
func folder(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, body := range files {
		m[name] = &fstest.MapFile{Data: []byte(body), ModTime: when}
	}
	return m
}

func read(t *testing.T, files map[string]string, opts dump.Options) *dump.Result {
	t.Helper()
	res, err := dump.ReadFS(t.Context(), folder(files), opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const (
	oneInstance = `{"Reservations": [{"OwnerId": "123456789012", "Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}, "Placement": {"AvailabilityZone": "eu-west-1b"}}]}]}`
	in          = "accounts/123456789012/eu-west-1/"
)

func TestMissingEmptyAndBroken(t *testing.T) {
	res := read(t, map[string]string{
		in + "Reservations.json":   oneInstance,
		in + "Subnets.json":        `{"Subnets": []}`,
		in + "Volumes.json":        "{\n  \"Volumes\": [\n    {\"VolumeId\": \"vol-1\", \"Size\": 8, \"State\": \"in-use\"},\n    {\"VolumeId\" \"vol-2\"}\n  ]\n}\n",
		in + "Vpcs.json":           "{\n  \"Vpcs\": [\n    {\"VpcId\": \"vpc-1\"},\n    {\"VpcId\": 7},\n    {\"VpcId\": \"vpc-3\"}\n  ]\n}\n",
		in + "KeyPairs.json":       `{"KeyPairs": [{"KeyPairId": "key-1"`,
		in + "NetworkAcls.json":    ``,
		in + "Addresses.json":      `{"Error": {"Code": "AccessDenied"}}`,
		in + "FlowLogs.json":       `{"FlowLogs": [{"FlowLogId": "fl-1"}], "NextToken": "more"}`,
		in + "NatGateways.json":    "\xff\xfe{\x00}\x00",
		in + "RouteTables.json":    "\xef\xbb\xbf{\"RouteTables\": []}",
		in + "VpcEndpoints.json":   `{"VpcEndpoints": "none"}`,
		in + "Images.json":         `[{"ImageId": "ami-1"}]`,
		in + "Shopping.json":       `{}`,
		in + "SecurityGroups.json": `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/40"}]}]}]}`,
	}, dump.Options{})
	gap := func(kind asset.Kind) string {
		g, ok := res.Snapshot.GapFor("123456789012", "eu-west-1", kind)
		if !ok {
			return "read"
		}
		return string(g.Reason) + ": " + g.Detail
	}
	for _, tt := range []struct {
		kind asset.Kind
		want string
		n    int
	}{
		{asset.KindInstance, "read", 1},
		{asset.KindSubnet, "read", 0},
		{asset.KindRouteTable, "read", 0},
		{asset.KindImage, "read", 1},
		{asset.KindInternetGateway, "not read: InternetGateways was not read", 0},
		{asset.KindVolume, "malformed: " + in + "Volumes.json: line 4, byte 90: broken JSON: ", 1},
		{asset.KindVPC, "malformed: " + in + "Vpcs.json: line 4, byte ", 2},
		{asset.KindKeyPair, "malformed: " + in + "KeyPairs.json: line 1, byte 35: the file ends in the middle", 0},
		{asset.KindNetworkACL, "malformed: " + in + "NetworkAcls.json: the file is empty", 0},
		{asset.KindAddress, "malformed: " + in + "Addresses.json: the file has no member Addresses", 0},
		{asset.KindFlowLog, "partly read: ", 1},
		{asset.KindNATGateway, "malformed: " + in + "NatGateways.json: the file is UTF-16", 0},
		{asset.KindEndpoint, "malformed: " + in + "VpcEndpoints.json: line 1, byte 23: VpcEndpoints is no list", 0},
		{asset.KindSecurityGroup, `malformed: sg-1: CidrIp "10.0.0.0/40" is not a CIDR block`, 1},
	} {
		if got := gap(tt.kind); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.kind, got, tt.want)
		}
		if n := res.Snapshot.Len(tt.kind); n != tt.n {
			t.Errorf("%s: got %d assets, want %d", tt.kind, n, tt.n)
		}
	}
	if !strings.Contains(gap(asset.KindVPC), "/VpcId") {
		t.Errorf("got %q, want the member that does not fit", gap(asset.KindVPC))
	}
	var unknown []string
	for _, n := range res.Notes {
		if strings.Contains(n.Text, "unknown") {
			unknown = append(unknown, n.File)
		}
	}
	if diff := cmp.Diff([]string{in + "Shopping.json"}, unknown); diff != "" {
		t.Errorf("unknown files (-want +got):\n%s", diff)
	}
}

func TestStrict(t *testing.T) {
	_, err := dump.ReadFS(t.Context(), folder(map[string]string{in + "Vpcs.json": "{\n\"Vpcs\": [}"}), dump.Options{Strict: true})
	var broken *dump.Error
	if !errors.As(err, &broken) || broken.Line != 2 || broken.File != in+"Vpcs.json" {
		t.Errorf("got %v, want the file and its line", err)
	}
	if _, err := dump.ReadFS(t.Context(), folder(map[string]string{"x.txt": "?"}), dump.Options{}); !errors.Is(err, dump.ErrEmpty) {
		t.Errorf("got %v, want ErrEmpty", err)
	}
	if _, err := dump.Read(t.Context(), filepath.Join(t.TempDir(), "none"), dump.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such folder", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dump.ReadFS(ctx, folder(map[string]string{in + "Vpcs.json": `{"Vpcs": []}`}), dump.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

func TestWhereAndWhen(t *testing.T) {
	const subnet = `{"Subnets": [{"SubnetId": "subnet-1", "AvailabilityZone": "us-west-2-lax-1a", "OwnerId": "999999999999"}]}`
	tests := map[string]struct {
		files           map[string]string
		opts            dump.Options
		account, region string
	}{
		"by_path":        {map[string]string{in + "Reservations.json": oneInstance}, dump.Options{}, "123456789012", "eu-west-1"},
		"short_account":  {map[string]string{"accounts/111/us-west-1/Reservations.json": oneInstance}, dump.Options{}, "111", "us-west-1"},
		"region_only":    {map[string]string{"ap-south-2/Reservations.json": oneInstance}, dump.Options{}, "123456789012", "ap-south-2"},
		"bare":           {map[string]string{"Reservations.json": oneInstance, "Subnets.json": subnet}, dump.Options{}, "123456789012", "eu-west-1"},
		"bare_zones":     {map[string]string{"Subnets.json": subnet, "AvailabilityZones.json": `{"AvailabilityZones": [{"RegionName": "us-west-2"}]}`}, dump.Options{}, "999999999999", "us-west-2"},
		"local_zone":     {map[string]string{"Subnets.json": subnet}, dump.Options{}, "999999999999", "us-west-2"},
		"arns":           {map[string]string{"TargetGroups.json": `{"TargetGroups": [{"TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:554773406868:targetgroup/t/1"}]}`}, dump.Options{}, "554773406868", "us-east-2"},
		"options":        {map[string]string{"Subnets.json": `{"Subnets": [{"SubnetId": "subnet-1"}]}`}, dump.Options{Account: "1", Region: "eu-north-1"}, "1", "eu-north-1"},
		"nothing_known":  {map[string]string{"Subnets.json": `{"Subnets": [{"SubnetId": "subnet-1"}]}`}, dump.Options{}, dump.Unknown, dump.Unknown},
		"cloudmapper":    {map[string]string{"account-data/demo/us-east-1/ec2-describe-instances.json": oneInstance, "account-data/demo/us-east-1/sts-get-caller-identity.json": `{"Account": "222222222222"}`}, dump.Options{}, "222222222222", "us-east-1"},
		"unknown_region": {map[string]string{"eu-atlantis-1/Reservations.json": oneInstance}, dump.Options{}, "123456789012", "eu-atlantis-1"},
		"no_region_name": {map[string]string{"mars/Reservations.json": oneInstance}, dump.Options{}, "123456789012", "eu-west-1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res := read(t, tt.files, tt.opts)
			n := 0
			for _, k := range res.Snapshot.Kinds() {
				for a := range res.Snapshot.Assets(k) {
					n++
					if m := a.Base(); m.Account != tt.account || m.Region != tt.region {
						t.Errorf("%s: got account %q, region %q, want %q, %q", m.ID, m.Account, m.Region, tt.account, tt.region)
					}
				}
			}
			if n == 0 {
				t.Error("got no asset")
			}
			if !res.Snapshot.TakenAt.Equal(when) || !res.Snapshot.Reads()[0].At.Equal(when) {
				t.Errorf("got %s, want the newest file's time", res.Snapshot.TakenAt)
			}
			noted := fmt.Sprint(res.Notes)
			if want := name == "unknown_region"; strings.Contains(noted, "eu-atlantis-1 is not one this version knows") != want {
				t.Errorf("notes %s", noted)
			}
			if want := name == "nothing_known"; strings.Contains(noted, "no file tells the account") != want {
				t.Errorf("notes %s", noted)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2017, 9, 26, 22, 0, 55, 0, time.UTC)
	for _, form := range []string{
		`"2017-09-26T22:00:55.000Z"`, `"2017-09-26T22:00:55+00:00"`, `"2017-09-26 22:00:55+00:00"`, `"2017-09-26 22:00:55"`,
		`"2017-09-27T07:00:55+09:00"`, `1506463255`, `1506463255.0`, `"1506463255"`, `1.506463255e9`,
	} {
		res := read(t, map[string]string{in + "Reservations.json": `{"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "stopped"}, "LaunchTime": ` + form + `}]}]}`}, dump.Options{Strict: true})
		for i := range snapshot.All[asset.Instance](res.Snapshot) {
			if !i.LaunchTime.Equal(want) {
				t.Errorf("%s: got %s, want %s", form, i.LaunchTime, want)
			}
		}
	}
	for _, form := range []string{`"yesterday"`, `true`, `1e300`, `{}`} {
		_, err := dump.ReadFS(t.Context(), folder(map[string]string{in + "Reservations.json": `{"Reservations": [{"Instances": [{"InstanceId": "i-1", "LaunchTime": ` + form + `}]}]}`}), dump.Options{Strict: true})
		if err == nil {
			t.Errorf("%s: got no error", form)
		}
	}
}

func TestHugeElementIsRefused(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "Vpcs.json"))
	if err != nil {
		t.Fatal(err)
	}
	chunk := strings.Repeat("a", 1<<20)
	_, err = f.WriteString(`{"Vpcs": [{"VpcId": "`)
	for range 200 {
		_, err = f.WriteString(chunk)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := dump.Read(t.Context(), dir, dump.Options{Account: "1", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := res.Snapshot.GapFor("1", "eu-west-1", asset.KindVPC)
	if g.Reason != snapshot.Malformed || !strings.Contains(g.Detail, "larger than 64 MiB") {
		t.Errorf("got %+v, want that the element is too large", g)
	}
}

func TestLinksDoNotLeadOut(t *testing.T) {
	out, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "Vpcs.json"), []byte(`{"Vpcs": [{"VpcId": "vpc-secret"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Subnets.json"), []byte(`{"Subnets": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(out, "Vpcs.json"), filepath.Join(dir, "Vpcs.json")); err != nil {
		t.Fatal(err)
	}
	res, err := dump.Read(t.Context(), dir, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := res.Snapshot.Len(asset.KindVPC); n != 0 {
		t.Errorf("got %d VPCs from outside the folder", n)
	}
}

// The files of Batfish's unit tests hold one answer each, under names of their own.
func TestUnitFiles(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(shared(t), "_unit", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := strings.Cut(string(b), `"`)
		key, _, _ = strings.Cut(key, `"`)
		fsys := fstest.MapFS{"us-west-2/" + key + ".json": &fstest.MapFile{Data: b, ModTime: when}}
		res, err := dump.ReadFS(t.Context(), fsys, dump.Options{Strict: true})
		if errors.Is(err, dump.ErrEmpty) {
			t.Logf("%s: %s is not read", filepath.Base(name), key)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		read++
		for _, g := range res.Snapshot.Gaps() {
			if g.Reason != snapshot.NotRead {
				t.Errorf("%s: gap %+v", filepath.Base(name), g)
			}
		}
	}
	if read < 35 {
		t.Errorf("got %d of %d files read, want 35", read, len(names))
	}
}
