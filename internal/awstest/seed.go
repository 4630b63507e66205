package awstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"hinomi/internal/awstest/model"
)

// Seeded is an instance that SeedInstances made.
type Seeded struct {
	ID      string
	Volumes []string // the root volume first
	Subnet  string
	VPC     string
}

// rootDevice is the root volume's name of seeded images.
const rootDevice = "/dev/xvda"

// SeedInstances runs n instances of an account in a region, in the default VPC, each with a root volume of 8 GiB, all in one reservation.
// It goes to moto directly: no call is recorded, no permission asked.
func (a *AWS) SeedInstances(account, region string, n int) []Seeded {
	a.t.Helper()
	return a.seed(account, region, n, 0)
}

// SeedInstance runs one instance with a root volume and further data volumes.
func (a *AWS) SeedInstance(account, region string, dataVolumes int) Seeded {
	a.t.Helper()
	return a.seed(account, region, 1, dataVolumes)[0]
}

func (a *AWS) seed(account, region string, n, dataVolumes int) []Seeded {
	a.t.Helper()
	p := url.Values{
		"ImageId": {a.seedImage(account, region)}, "InstanceType": {"m5.large"},
		"MinCount": {strconv.Itoa(n)}, "MaxCount": {strconv.Itoa(n)},
	}
	for i := range dataVolumes + 1 {
		name := rootDevice
		if i > 0 {
			name = "/dev/xvd" + string(rune('a'+i)) // b, c, …
		}
		m := "BlockDeviceMapping." + strconv.Itoa(i+1)
		p.Set(m+".DeviceName", name)
		p.Set(m+".Ebs.VolumeSize", "8")
		p.Set(m+".Ebs.DeleteOnTermination", "true")
	}
	run := a.form(account, region, "ec2", ec2Version, "RunInstances", p)
	var ids []Seeded
	for _, i := range run.Child("instancesSet").Children {
		s := Seeded{ID: i.Path("instanceId"), Subnet: i.Path("subnetId"), VPC: i.Path("vpcId")}
		if set := i.Child("blockDeviceMapping"); set != nil {
			for _, d := range set.Children {
				v := d.Path("ebs", "volumeId")
				if d.Path("deviceName") == rootDevice {
					s.Volumes = append([]string{v}, s.Volumes...)
				} else {
					s.Volumes = append(s.Volumes, v)
				}
			}
		}
		ids = append(ids, s)
	}
	return ids
}

// seedImage is an AMI of the account's own in the region, made once.
func (a *AWS) seedImage(account, region string) string {
	a.t.Helper()
	key := account + "/" + region
	a.mu.Lock()
	id := a.images[key]
	a.mu.Unlock()
	if id != "" {
		return id
	}
	n := a.form(account, region, "ec2", ec2Version, "RegisterImage", url.Values{
		"Name": {"seed"}, "RootDeviceName": {rootDevice}, "Architecture": {"x86_64"}, "VirtualizationType": {"hvm"},
	})
	id = n.Path("imageId")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.images[key] = id
	return id
}

// EC2 does any EC2 action as an account, past recording, hooks and permissions, and returns the answer; for worlds that no seed makes.
// It fails the test if moto refuses.
func (a *AWS) EC2(account, region, action string, params url.Values) *model.Node {
	a.t.Helper()
	return a.form(account, region, "ec2", ec2Version, action, params)
}

// SeedOrganization makes an organisation with member accounts of these names, and in each the role that Organizations makes there, trusting the management
// account. It returns the members' account numbers, which moto chooses.
func (a *AWS) SeedOrganization(management, roleName string, members ...string) []string {
	a.t.Helper()
	a.organizations(management, "CreateOrganization", map[string]string{"FeatureSet": "ALL"}, nil)
	var ids []string
	for _, m := range members {
		var out struct {
			CreateAccountStatus struct{ AccountId string } //nolint:revive // the field's name on the wire
		}
		a.organizations(management, "CreateAccount", map[string]string{"AccountName": m, "Email": m + "@example.org", "RoleName": roleName}, &out)
		id := out.CreateAccountStatus.AccountId
		a.memberRole("us-east-1", management, id, roleName)
		ids = append(ids, id)
	}
	return ids
}

func (a *AWS) organizations(account, action string, in, out any) {
	a.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		a.t.Fatalf("awstest: encode %s: %v", action, err)
	}
	rep, err := a.moto.Send(a.t.Context(), account, http.MethodPost, "/", http.Header{
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIASEEDSEEDSEEDSEED/20200101/us-east-1/organizations/aws4_request, SignedHeaders=host, Signature=0"},
		"Content-Type":  {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AWSOrganizationsV20161128." + action},
	}, "", body)
	if err != nil {
		a.t.Fatalf("awstest: %s: %v", action, err)
	}
	if rep.Status != http.StatusOK {
		a.t.Fatalf("awstest: %s: %d %s", action, rep.Status, rep.Body)
	}
	if out != nil {
		if err := json.Unmarshal(rep.Body, out); err != nil {
			a.t.Fatalf("awstest: %s: %v", action, err)
		}
	}
}
