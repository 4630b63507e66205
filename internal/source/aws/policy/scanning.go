package policy

import (
	"cmp"

	"hinomi/internal/run"
)

func (n Need) arn(service, kind string) string {
	return "arn:" + n.Type.Partition() + ":" + service + ":*:*:" + kind + "/*"
}

// ours is the condition that something bears this installation's tag, or is to bear it.
func (n Need) ours(key string) []Condition {
	return []Condition{{"StringEquals", key + "/" + run.TagInstallation, []string{n.Installation}}}
}

// scanning returns the statements for reading disks by snapshots. Everything but the making of a snapshot is bound to the tag with this
// installation's id (Service Authorization Reference, EC2 and EBS: aws:RequestTag, aws:ResourceTag, ec2:CreateAction).
func scanning(n Need) []Statement {
	scanTag := Condition{"Null", "aws:RequestTag/" + cmp.Or(n.ScanTag, run.TagScan), []string{"false"}}
	out := []Statement{
		{
			Sid: "FindVolumes", Resources: everywhere, Actions: []string{"ec2:DescribeSnapshots", "ec2:DescribeVolumes"},
			Reason: "Wait until a snapshot is complete, and find strays of a scan that was cut off.",
		},
		{
			Sid: "SnapshotFrom", Resources: []string{n.arn("ec2", "instance"), n.arn("ec2", "volume")}, Actions: []string{"ec2:CreateSnapshot", "ec2:CreateSnapshots"},
			Reason: "Make snapshots of an instance's volumes.",
		},
		{
			Sid: "SnapshotTagged", Resources: []string{n.arn("ec2", "snapshot")}, Actions: []string{"ec2:CreateSnapshot", "ec2:CreateSnapshots"},
			Conditions: append(n.ours("aws:RequestTag"), scanTag),
			Reason:     "Every snapshot made must bear this installation's tag and its scan's.",
		},
		{
			Sid: "TagNewSnapshots", Resources: []string{n.arn("ec2", "snapshot")}, Actions: []string{"ec2:CreateTags"},
			Conditions: append(n.ours("aws:RequestTag"), Condition{"StringEquals", "ec2:CreateAction", []string{"CreateSnapshot", "CreateSnapshots"}}),
			Reason:     "Set the tags while a snapshot is made, and at no other time.",
		},
		readOurs(n),
	}
	encrypted := Statement{
		Sid: "ReadEncrypted", Resources: []string{n.arn("kms", "key")}, Actions: []string{"kms:Decrypt", "kms:DescribeKey", "kms:ListResourceTags"},
		Reason: "Read snapshots of encrypted volumes, unless a tag of their key excludes them. Name the keys here if not all volumes are to be scanned; the keys' own policies must allow the role too.",
	}
	if n.Reader != "" {
		encrypted.Sid, encrypted.Actions = "KeysOfVolumes", []string{"kms:DescribeKey", "kms:ListResourceTags"}
		encrypted.Reason = "Leave out volumes whose key carries an exclusion tag. What is encrypted is read by account " + n.Reader + ", which the keys' own policies must allow."
		out = append(out, share(n))
	}
	return append(out, encrypted)
}

// readOurs is the reading and deleting of our own snapshots. Those that a reader account reads need not be read by their own.
func readOurs(n Need) Statement {
	s := Statement{Resources: []string{n.arn("ec2", "snapshot")}, Conditions: n.ours("aws:ResourceTag")}
	switch {
	case n.Reader != "":
		s.Sid, s.Actions = "DeleteOurs", []string{"ec2:DeleteSnapshot"}
		s.Reason = "Delete snapshots with this installation's tag, and no other."
	case n.Baseline:
		s.Sid, s.Actions = "ReadAndDeleteOurs", []string{"ebs:GetSnapshotBlock", "ebs:ListChangedBlocks", "ebs:ListSnapshotBlocks", "ec2:DeleteSnapshot"}
		s.Reason = "Read, compare and delete snapshots with this installation's tag, and no other."
	default:
		s.Sid, s.Actions = "ReadAndDeleteOurs", []string{"ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks", "ec2:DeleteSnapshot"}
		s.Reason = "Read and delete snapshots with this installation's tag, and no other."
	}
	return s
}

// share lets a reader account read our snapshots: that one and nobody else, not the public (Service Authorization Reference, EC2:
// ec2:Add/userId, ec2:Add/group).
func share(n Need) Statement {
	return Statement{
		Sid: "ShareOurs", Resources: []string{n.arn("ec2", "snapshot")}, Actions: []string{"ec2:ModifySnapshotAttribute"},
		Conditions: append(n.ours("aws:ResourceTag"),
			Condition{"StringEqualsIfExists", "ec2:Add/userId", []string{n.Reader}}, Condition{"Null", "ec2:Add/group", []string{"true"}}),
		Reason: "Share snapshots with this installation's tag with account " + n.Reader + ", which reads them, and take that back.",
	}
}

// readOthers is what the reader of other accounts' snapshots needs. A snapshot's tags are its own account's: no condition can ask for them here.
func readOthers(n Need) []Statement {
	return []Statement{
		{
			Sid: "ReadShared", Resources: []string{n.arn("ec2", "snapshot")}, Actions: []string{"ebs:GetSnapshotBlock", "ebs:ListChangedBlocks", "ebs:ListSnapshotBlocks"},
			Reason: "Read the snapshots that other accounts share with this one. Their tags are not seen from here, so this holds for the snapshots of this account too.",
		},
		{
			Sid: "DecryptShared", Resources: []string{n.arn("kms", "key")}, Actions: []string{"kms:Decrypt", "kms:DescribeKey"},
			Reason: "Read those of encrypted volumes. The keys' own policies, in their accounts, must allow this role too.",
		},
	}
}
