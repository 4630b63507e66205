package dump_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/source/aws/dump"
)

// BenchmarkRead reads a region of 100,000 instances, 2.5 kB each, as describe-instances prints them.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	dir := filepath.Join(b.TempDir(), "eu-west-1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "Reservations.json"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(`{"Reservations": [`)
	for i := range n {
		if i > 0 {
			_, _ = w.WriteString(",\n")
		}
		_, err = w.WriteString(strings.NewReplacer("NUMBER", fmt.Sprintf("%017x", i), "GROUP", fmt.Sprintf("%017x", i%1000), "A.B", fmt.Sprintf("%d.%d", i>>8&255, i&255), "SUBNET", fmt.Sprint(i%3)).Replace(generated))
	}
	_, _ = w.WriteString("]}\n")
	if err := cmpErr(err, w.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		res, err := dump.Read(b.Context(), filepath.Dir(dir), dump.Options{Strict: true})
		if err != nil {
			b.Fatal(err)
		}
		if got := res.Snapshot.Len(asset.KindInstance); got != n {
			b.Fatalf("got %d instances, want %d", got, n)
		}
		b.SetBytes(res.Bytes)
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/n, "kept-B/instance")
		b.ReportMetric(float64(m.Sys)/(1<<20), "system-MiB")
		runtime.KeepAlive(res)
	}
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const generated = `{"OwnerId": "123456789012", "ReservationId": "r-NUMBER", "Groups": [], "Instances": [{"InstanceId": "i-NUMBER", "AmiLaunchIndex": 0, "Architecture": "x86_64",
 "PrivateIpAddress": "10.0.A.B", "ImageId": "ami-NUMBER", "InstanceType": "m5.large", "KeyName": "ops", "LaunchTime": "2025-11-03T08:15:30+00:00",
 "Placement": {"AvailabilityZone": "eu-west-1SUBNET", "GroupName": "", "Tenancy": "default"}, "Monitoring": {"State": "disabled"},
 "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"AttachTime": "2025-11-03T08:15:31+00:00", "DeleteOnTermination": true, "Status": "attached", "VolumeId": "vol-NUMBER"}}],
 "NetworkInterfaces": [{"NetworkInterfaceId": "eni-NUMBER", "Status": "in-use", "Description": "", "MacAddress": "02:00:00:00:00:01", "OwnerId": "123456789012",
 "Attachment": {"AttachTime": "2025-11-03T08:15:30+00:00", "AttachmentId": "eni-attach-NUMBER", "DeleteOnTermination": true, "DeviceIndex": 0, "Status": "attached"},
 "Groups": [{"GroupId": "sg-GROUP", "GroupName": "web"}], "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": "10.0.A.B"}], "SubnetId": "subnet-SUBNET", "VpcId": "vpc-0123456789abcdef0"}],
 "SecurityGroups": [{"GroupId": "sg-GROUP", "GroupName": "web"}], "State": {"Code": 16, "Name": "running"}, "StateTransitionReason": "", "SubnetId": "subnet-SUBNET",
 "VpcId": "vpc-0123456789abcdef0", "SourceDestCheck": true, "Hypervisor": "xen", "EbsOptimized": true, "EnaSupport": true, "RootDeviceName": "/dev/xvda", "RootDeviceType": "ebs",
 "MetadataOptions": {"State": "applied", "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"}, "VirtualizationType": "hvm",
 "Tags": [{"Key": "Name", "Value": "web-NUMBER"}, {"Key": "Team", "Value": "team-SUBNET"}, {"Key": "Environment", "Value": "production"}]}]}`
