package ec2_test

import (
	"net/netip"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/evaluate/rule/ec2"
	"hinomi/internal/snapshot"
)

var at = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

func meta(id string) asset.Meta {
	return asset.Meta{Account: "111122223333", Region: "ap-northeast-1", ID: id}
}

func group(name string, rules ...asset.Rule) *asset.SecurityGroup {
	return &asset.SecurityGroup{Meta: meta("sg-1"), GroupName: name, Rules: rules}
}

func tcp(from, to int, cidr string) asset.Rule {
	return asset.Rule{Protocol: 6, FromPort: from, ToPort: to, CIDR: netip.MustParsePrefix(cidr)}
}

func list(read bool, entries ...string) *asset.PrefixList {
	l := &asset.PrefixList{Meta: meta("pl-1"), EntriesRead: read}
	for _, e := range entries {
		l.Entries = append(l.Entries, netip.MustParsePrefix(e))
	}
	return l
}

func instance(change func(*asset.Instance)) *asset.Instance {
	i := &asset.Instance{Meta: meta("i-1"), State: "running", HTTPTokens: "required", HTTPEndpoint: "enabled"}
	change(i)
	return i
}

func TestRules(t *testing.T) {
	viaList := asset.Rule{Protocol: 6, FromPort: 22, ToPort: 22, PrefixList: "pl-1"}
	for _, c := range []struct {
		name, id string
		subject  asset.Asset
		others   []asset.Asset
		want     rule.Status
	}{
		{"ssh_open_v4", "INCOMING_SSH_DISABLED", group("web", tcp(22, 22, "0.0.0.0/0")), nil, rule.StatusNonCompliant},
		{"ssh_open_v6", "INCOMING_SSH_DISABLED", group("web", tcp(22, 22, "::/0")), nil, rule.StatusNonCompliant},
		{"ssh_in_range", "INCOMING_SSH_DISABLED", group("web", tcp(0, 1024, "0.0.0.0/0")), nil, rule.StatusNonCompliant},
		{"ssh_all_traffic", "INCOMING_SSH_DISABLED", group("web", asset.Rule{Protocol: -1, ToPort: 65535, CIDR: netip.MustParsePrefix("0.0.0.0/0")}), nil, rule.StatusNonCompliant},
		{"ssh_office_only", "INCOMING_SSH_DISABLED", group("web", tcp(22, 22, "203.0.113.0/24")), nil, rule.StatusCompliant},
		{"ssh_udp_is_not_ssh", "INCOMING_SSH_DISABLED", group("web", asset.Rule{Protocol: 17, FromPort: 22, ToPort: 22, CIDR: netip.MustParsePrefix("0.0.0.0/0")}), nil, rule.StatusCompliant},
		{"ssh_egress_is_no_way_in", "INCOMING_SSH_DISABLED", group("web", asset.Rule{Egress: true, Protocol: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}), nil, rule.StatusCompliant},
		{"ssh_list_open", "INCOMING_SSH_DISABLED", group("web", viaList), []asset.Asset{list(true, "10.0.0.0/8", "0.0.0.0/0")}, rule.StatusNonCompliant},
		{"ssh_list_unread", "INCOMING_SSH_DISABLED", group("web", viaList), []asset.Asset{list(false)}, rule.StatusInsufficient},
		{"ssh_list_absent", "INCOMING_SSH_DISABLED", group("web", viaList), nil, rule.StatusInsufficient},
		{"ssh_open_beside_unread_list", "INCOMING_SSH_DISABLED", group("web", viaList, tcp(22, 22, "0.0.0.0/0")), nil, rule.StatusNonCompliant},
		{"mysql_open", "RESTRICTED_INCOMING_TRAFFIC", group("db", tcp(3306, 3306, "0.0.0.0/0")), nil, rule.StatusNonCompliant},
		{"https_open", "RESTRICTED_INCOMING_TRAFFIC", group("web", tcp(443, 443, "0.0.0.0/0")), nil, rule.StatusCompliant},
		{"risky_list_unread", "RESTRICTED_INCOMING_TRAFFIC", group("web", asset.Rule{Protocol: 6, FromPort: 3389, ToPort: 3389, PrefixList: "pl-1"}), nil, rule.StatusInsufficient},
		{"default_with_rules", "VPC_DEFAULT_SECURITY_GROUP_CLOSED", group("default", tcp(1, 1, "10.0.0.0/8")), nil, rule.StatusNonCompliant},
		{"default_closed", "VPC_DEFAULT_SECURITY_GROUP_CLOSED", group("default"), nil, rule.StatusCompliant},
		{"not_default", "VPC_DEFAULT_SECURITY_GROUP_CLOSED", group("web", tcp(1, 1, "10.0.0.0/8")), nil, rule.StatusNotApplicable},
		{"v1_open", "EC2_IMDSV2_CHECK", instance(func(i *asset.Instance) { i.HTTPTokens = "optional" }), nil, rule.StatusNonCompliant},
		{"v2_only", "EC2_IMDSV2_CHECK", instance(func(*asset.Instance) {}), nil, rule.StatusCompliant},
		{"imds_off", "EC2_IMDSV2_CHECK", instance(func(i *asset.Instance) { i.HTTPTokens, i.HTTPEndpoint = "optional", "disabled" }), nil, rule.StatusCompliant},
		{"imds_unread", "EC2_IMDSV2_CHECK", instance(func(i *asset.Instance) { i.HTTPTokens = "" }), nil, rule.StatusInsufficient},
		{"imds_terminated", "EC2_IMDSV2_CHECK", instance(func(i *asset.Instance) { i.State = "terminated" }), nil, rule.StatusNotApplicable},
		{"public_address", "EC2_INSTANCE_NO_PUBLIC_IP", instance(func(i *asset.Instance) { i.PublicIP = netip.MustParseAddr("203.0.113.9") }), nil, rule.StatusNonCompliant},
		{
			"public_on_second_interface", "EC2_INSTANCE_NO_PUBLIC_IP", instance(func(i *asset.Instance) { i.NetworkInterfaces = []string{"eni-2"} }),
			[]asset.Asset{&asset.NetworkInterface{Meta: meta("eni-2"), Addresses: []asset.PrivateIP{{Private: netip.MustParseAddr("10.0.0.5"), Public: netip.MustParseAddr("203.0.113.9")}}}},
			rule.StatusNonCompliant,
		},
		{"interface_unread", "EC2_INSTANCE_NO_PUBLIC_IP", instance(func(i *asset.Instance) { i.NetworkInterfaces = []string{"eni-2"} }), nil, rule.StatusInsufficient},
		{"private_only", "EC2_INSTANCE_NO_PUBLIC_IP", instance(func(*asset.Instance) {}), nil, rule.StatusCompliant},
		{"volume_plain", "ENCRYPTED_VOLUMES", &asset.Volume{Meta: meta("vol-1"), Attachments: []asset.Attachment{{InstanceID: "i-1"}}}, nil, rule.StatusNonCompliant},
		{"volume_encrypted", "ENCRYPTED_VOLUMES", &asset.Volume{Meta: meta("vol-1"), Encrypted: true, Attachments: []asset.Attachment{{InstanceID: "i-1"}}}, nil, rule.StatusCompliant},
		{"volume_loose", "ENCRYPTED_VOLUMES", &asset.Volume{Meta: meta("vol-1")}, nil, rule.StatusNotApplicable},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := snapshot.NewBuilder()
			b.Add(c.subject)
			b.Add(c.others...)
			got, found := evaluate(b.Build(at), c.id)
			if !found {
				t.Fatalf("rule %s is not in the list", c.id)
			}
			if got.Status != c.want {
				t.Errorf("got %s (%s), want %s", got.Status, got.Detail, c.want)
			}
		})
	}
}

// evaluate returns what one rule says of the snapshot's only asset of its kind.
func evaluate(s *snapshot.Snapshot, id string) (rule.Result, bool) {
	for _, e := range rule.Evaluate(s, ec2.All(), nil) {
		if e.Rule.ID == id {
			return e.Result, true
		}
	}
	return rule.Result{}, false
}

func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range ec2.All() {
		if seen[r.ID] {
			t.Errorf("%s stands twice", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Source == "" || r.Mend == "" || r.Severity.Rank() < 0 || r.Kind == "" {
			t.Errorf("%s lacks a title, source, remedy, severity or kind", r.ID)
		}
	}
}

func TestFindings(t *testing.T) {
	b := snapshot.NewBuilder()
	b.Add(group("web", tcp(22, 22, "0.0.0.0/0")))
	evals := rule.Evaluate(b.Build(at), ec2.All(), nil)
	found := rule.Findings(evals)
	if len(found) != 1 || found[0].Rule.ID != "INCOMING_SSH_DISABLED" || found[0].Rule.Detail != "tcp 22 from 0.0.0.0/0" {
		t.Fatalf("got %+v, want one finding of INCOMING_SSH_DISABLED", found)
	}
	again := rule.Findings(rule.Evaluate(b.Build(at), ec2.All(), nil))
	if len(again) == 1 && again[0].ID != found[0].ID {
		t.Errorf("fingerprint changed from %s to %s", found[0].ID, again[0].ID)
	}
	if none := rule.Evaluate(b.Build(at), ec2.All(), func(asset.Ref) bool { return false }); len(none) != 0 {
		t.Errorf("nothing selected, got %d evaluations", len(none))
	}
}

func TestNeedsInsideGap(t *testing.T) {
	r := rule.Rule{
		ID: "X", Kind: asset.KindInstance, Needs: []asset.Kind{asset.KindVolume},
		Check: func(*snapshot.Snapshot, asset.Asset) rule.Result { return rule.Compliant() },
	}
	b := snapshot.NewBuilder()
	b.Add(instance(func(*asset.Instance) {}))
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: "111122223333", Region: "ap-northeast-1", Kind: asset.KindVolume}, Reason: snapshot.AccessDenied})
	got := rule.Evaluate(b.Build(at), []rule.Rule{r}, nil)
	if len(got) != 1 || got[0].Result.Status != rule.StatusInsufficient || len(rule.Undecided(got)) != 1 {
		t.Errorf("got %+v, want INSUFFICIENT_DATA inside the gap", got)
	}
}
