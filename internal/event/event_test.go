package event_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/event"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trail wraps a CloudTrail record as EventBridge does.
func trail(record string) []byte {
	return []byte(`{"version":"0","id":"e-1","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"111122223333",
"time":"2026-06-01T12:00:00Z","region":"eu-west-1","resources":[],"detail":` + record + `}`)
}

func ec2(name, more string) []byte {
	return trail(fmt.Sprintf(`{"eventSource":"ec2.amazonaws.com","eventName":%q,"awsRegion":"eu-west-1"%s}`, name, more))
}

// touched returns what an event touches as words: account/region/kind and ids.
func touched(t *testing.T, body []byte) []string {
	t.Helper()
	e, err := event.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, x := range event.Touched(e) {
		out = append(out, strings.Join(append([]string{x.Account + "/" + x.Region + "/" + string(x.Kind)}, x.IDs...), " "))
	}
	return out
}

func TestTouched(t *testing.T) {
	sns, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:changes", "Message": string(ec2("CreateVolume", ""))})
	if err != nil {
		t.Fatal(err)
	}
	const at = "111122223333/eu-west-1/"
	tests := map[string]struct {
		body []byte
		want []string
	}{
		"state_pending": {sample(t, "event-instance-state.json"), []string{
			"101010101111/us-east-1/image", "101010101111/us-east-1/instance i-a2d74f12", "101010101111/us-east-1/network-interface", "101010101111/us-east-1/volume",
		}},
		"state_terminated": {sample(t, "eb-events.json"), []string{
			"111122223333/us-west-1/image", "111122223333/us-west-1/instance i-1234567890abcdef0", "111122223333/us-west-1/network-interface", "111122223333/us-west-1/volume",
		}},
		"run_instances": {trail(string(sample(t, "event-cloud-trail-run-instances.json"))), []string{
			at + "image ami-06116566", at + "instance i-784cdacd i-7b4cdace", at + "network-interface eni-6508d838 eni-6a08d837", at + "volume",
		}},
		"transit_attachment": {sample(t, "event-transit-gateway-delete-vpc-attachment.json"), []string{
			"012345678912/us-west-2/network-interface", "012345678912/us-west-2/transit-gateway-attachment tgw-attach-0814a77755bf02f0e", "012345678912/us-west-2/transit-gateway-route-table",
		}},
		"load_balancer_tags": {sample(t, "event-cloud-trail-appelb-add-tags.json"), []string{
			"123456789123/us-east-1/listener", "123456789123/us-east-1/load-balancer", "123456789123/us-east-1/target-group",
		}},
		"launched_by_scaling": {sample(t, "autoscaling-event-launch-successful.json"), []string{
			"123456789012/us-west-2/image", "123456789012/us-west-2/instance i-12345678 i-1234567890abcdef0", "123456789012/us-west-2/network-interface",
			"123456789012/us-west-2/volume",
		}},
		"config_of_a_queue": {sample(t, "sqs-discover.json"), []string{}},
		"bucket":            {sample(t, "event-cloud-trail-s3.json"), []string{}},
		"launch_failed":     {sample(t, "event-asg-instance-failed.json"), []string{}},
		"ingress":           {ec2("AuthorizeSecurityGroupIngress", `,"requestParameters":{"groupId":"sg-0123456789abcdef0"}`), []string{at + "security-group sg-0123456789abcdef0"}},
		"route":             {ec2("ReplaceRoute", `,"requestParameters":{"routeTableId":"rtb-0123456789abcdef0"}`), []string{at + "route-table rtb-0123456789abcdef0"}},
		"tags_by_id": {ec2("CreateTags", `,"requestParameters":{"resourcesSet":{"items":[{"resourceId":"i-0123456789abcdef0"},{"resourceId":"vol-0123456789abcdef0"}]}}`), []string{
			at + "instance i-0123456789abcdef0", at + "volume vol-0123456789abcdef0",
		}},
		"epoch_time":  {[]byte(strings.Replace(string(ec2("DeleteVolume", "")), `"2026-06-01T12:00:00Z"`, "1780315200.5", 1)), []string{at + "volume"}},
		"failed":      {ec2("TerminateInstances", `,"errorCode":"Client.UnauthorizedOperation"`), []string{}},
		"read_only":   {ec2("TerminateInstances", `,"readOnly":true`), []string{}},
		"describe":    {ec2("DescribeInstances", ""), []string{}},
		"no_effect":   {ec2("CreateLaunchTemplate", ""), []string{}},
		"sns":         {sns, []string{at + "volume"}},
		"profile":     {trail(`{"eventSource":"iam.amazonaws.com","eventName":"AddRoleToInstanceProfile"}`), []string{"111122223333/global/instance-profile"}},
		"other_iam":   {trail(`{"eventSource":"iam.amazonaws.com","eventName":"CreateUser"}`), []string{}},
		"inventory":   {trail(`{"eventSource":"ssm.amazonaws.com","eventName":"PutInventory","requestParameters":{"instanceId":"i-0123456789abcdef0"}}`), []string{at + "managed-instance"}},
		"not_numbers": {ec2("CreateTags", `,"requestParameters":[1,{"x":null}]`), nil}, // no id: every kind of EC2
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := touched(t, tt.body)
			if tt.want == nil {
				if len(got) < 20 {
					t.Errorf("got %d kinds, want all of EC2's", len(got))
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnknownCall reads all kinds of the service after a call that is newer than our table.
func TestUnknownCall(t *testing.T) {
	got := touched(t, ec2("CreateTeleporter", ""))
	if len(got) != 27 || !slices.Contains(got, "111122223333/eu-west-1/security-group") || !slices.Contains(got, "111122223333/eu-west-1/instance") {
		t.Errorf("got %d kinds: %q", len(got), got)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(ec2("RunInstances", ""))
	tests := map[string]struct {
		body string
		want error
	}{
		"empty":       {"", event.ErrNotEvent},
		"not_json":    {"hello", event.ErrNotEvent},
		"no_account":  {strings.Replace(good, "111122223333", "", 1), event.ErrNotEvent},
		"account":     {strings.Replace(good, "111122223333", "1111222233334", 1), event.ErrNotEvent},
		"region":      {strings.Replace(good, `"region":"eu-west-1"`, `"region":"../etc"`, 1), event.ErrNotEvent},
		"no_time":     {strings.Replace(good, `"time":"2026-06-01T12:00:00Z",`, "", 1), event.ErrNotEvent},
		"detail_list": {strings.Replace(good, `"detail":{`, `"detail":[],"x":{`, 1), event.ErrNotEvent},
		"sns_text":    {`{"Type":"Notification","Message":"hello"}`, event.ErrNotEvent},
		"large":       {good + strings.Repeat(" ", event.MaxSize), event.ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := event.Parse([]byte(tt.body)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 8 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b := sample(f, filepath.Base(name))
		f.Add(b)
		if sns, err := json.Marshal(map[string]string{"Type": "Notification", "Message": string(b)}); err == nil {
			f.Add(sns)
		}
	}
	f.Add(ec2("CreateTags", `,"requestParameters":{"a":["i-01234567","sg-01234567"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := event.Parse(b)
		if err != nil {
			return
		}
		for _, x := range event.Touched(e) {
			if len(x.Account) != 12 || x.Kind == "" || x.Region == "" || len(x.IDs) > 100 {
				t.Errorf("touched %+v", x)
			}
			if x.Kind.Global() != (x.Region == asset.Global) {
				t.Errorf("%s in region %s", x.Kind, x.Region)
			}
		}
	})
}
