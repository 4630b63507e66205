package dump_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
		_, err = fmt.Fprintf(w, generated, i, i, i>>8&255, i&255, i%200, i%3, i%1000)
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

const generated = `{"OwnerId": "123456789012", "ReservationId": "r-%017x", "Groups": [], "Instances": [{"InstanceId": "i-%017x", "AmiLaunchIndex": 0, "Architecture": "x86_64",
 "PrivateIpAddress": "10.0.%d.%d", "ImageId": "ami-%017x", "InstanceType": "m5.large", "KeyName": "ops", "LaunchTime": "2025-11-03T08:15:30+00:00",
 "Placement": {"AvailabilityZone": "eu-west-1%[6]d", "GroupName": "", "Tenancy": "default"}, "Monitoring": {"State": "disabled"},
 "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"AttachTime": "2025-11-03T08:15:31+00:00", "DeleteOnTermination": true, "Status": "attached", "VolumeId": "vol-%[1]017x"}}],
 "NetworkInterfaces": [{"NetworkInterfaceId": "eni-%[1]017x", "Status": "in-use", "Description": "", "MacAddress": "02:00:00:00:00:01", "OwnerId": "123456789012",
 "Attachment": {"AttachTime": "2025-11-03T08:15:30+00:00", "AttachmentId": "eni-attach-%[1]017x", "DeleteOnTermination": true, "DeviceIndex": 0, "Status": "attached"},
 "Groups": [{"GroupId": "sg-%[7]017x", "GroupName": "web"}], "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": "10.0.%[3]d.%[4]d"}], "SubnetId": "subnet-%[6]017x", "VpcId": "vpc-0123456789abcdef0"}],
 "SecurityGroups": [{"GroupId": "sg-%[7]017x", "GroupName": "web"}], "State": {"Code": 16, "Name": "running"}, "StateTransitionReason": "", "SubnetId": "subnet-%[6]017x",
 "VpcId": "vpc-0123456789abcdef0", "SourceDestCheck": true, "Hypervisor": "xen", "EbsOptimized": true, "EnaSupport": true, "RootDeviceName": "/dev/xvda", "RootDeviceType": "ebs",
 "MetadataOptions": {"State": "applied", "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"}, "VirtualizationType": "hvm",
 "Tags": [{"Key": "Name", "Value": "web-%[1]d"}, {"Key": "Team", "Value": "team-%[6]d"}, {"Key": "Environment", "Value": "production"}]}]}`
