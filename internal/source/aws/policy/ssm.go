package policy

import "hinomi/internal/run"

// inventory returns the statements for reading what Systems Manager's agent found.
func inventory() []Statement {
	return []Statement{
		{
			Sid: "SoftwareInventory", Resources: everywhere, Actions: []string{"ssm:DescribeInstanceInformation", "ssm:ListInventoryEntries"},
			Reason: "Read which instances Systems Manager manages and what its agent found installed there.",
		},
		{
			Sid: "WhyUnmanaged", Resources: everywhere, Actions: []string{"iam:ListAttachedRolePolicies", "ssm:GetServiceSetting"},
			Reason: "Say why an instance is not managed: whether its role has AmazonSSMManagedInstanceCore, and whether Default Host Management is on. May be left out: then it is not said.",
		},
	}
}

// manageSSM returns the statements for making and removing what scanning with the agent needs: associations, documents, a data sync and
// its bucket. Each is bound to our tag, or to our names where Systems Manager and S3 know no tag at that call (Service Authorization
// Reference, AWS Systems Manager and Amazon S3).
func manageSSM(n Need) []Statement {
	ssm := func(resource string) string { return "arn:" + n.Type.Partition() + ":ssm:*:*:" + resource }
	bucket := "arn:" + n.Type.Partition() + ":s3:::hinomi-*"
	ours := func(key string) []Condition {
		return []Condition{{"StringEquals", key + "/" + run.TagInstallation, []string{n.Installation}}}
	}
	documents := []string{ssm("document/Hinomi*"), "arn:" + n.Type.Partition() + ":ssm:*::document/AWS-GatherSoftwareInventory"}
	return []Statement{
		{
			Sid: "SeeSystemsManager", Resources: everywhere,
			Actions: []string{
				"ssm:DescribeAssociation", "ssm:DescribeAssociationExecutionTargets", "ssm:DescribeAssociationExecutions", "ssm:DescribeDocument", "ssm:ListAssociations",
				"ssm:ListDocumentVersions", "ssm:ListResourceDataSync", "ssm:ListTagsForResource",
			},
			Reason: "See what of ours is there, and what of others can be used instead of making it again.",
		},
		{
			Sid: "MakeTagged", Resources: []string{ssm("association/*"), ssm("document/Hinomi*")}, Conditions: ours("aws:RequestTag"),
			Actions: []string{"ssm:AddTagsToResource", "ssm:CreateAssociation", "ssm:CreateDocument"},
			Reason:  "Make associations and documents, each with this installation's tag.",
		},
		{
			Sid: "AssociateDocuments", Actions: []string{"ssm:CreateAssociation", "ssm:DeleteAssociation", "ssm:UpdateAssociation"},
			Resources: append(documents, "arn:"+n.Type.Partition()+":ec2:*:*:instance/*", ssm("managed-instance/*")),
			Reason:    "Have associations run our documents, and AWS's that gathers inventory, on the instances.",
		},
		{
			Sid: "ChangeOurs", Resources: []string{ssm("association/*"), ssm("document/Hinomi*")}, Conditions: ours("aws:ResourceTag"),
			Actions: []string{"ssm:DeleteAssociation", "ssm:DeleteDocument", "ssm:UpdateAssociation", "ssm:UpdateDocument", "ssm:UpdateDocumentDefaultVersion"},
			Reason:  "Repair and remove associations and documents with this installation's tag, and no other.",
		},
		{
			Sid: "DataSync", Resources: []string{ssm("resource-data-sync/HinomiResourceDataSync-*")}, Actions: []string{"ssm:CreateResourceDataSync", "ssm:DeleteResourceDataSync"},
			Reason: "Make and remove the data sync of inventories, which knows no tags, by its name.",
		},
		{
			Sid: "OurBucket", Resources: []string{bucket, bucket + "/*"},
			Actions: []string{
				"s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "s3:GetObject", "s3:ListBucket",
				"s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutObject",
			},
			Reason: "Make, fill, read and remove the private bucket for the data sync, large results and the collector's package; its name begins with hinomi-.",
		},
	}
}
