package run

import "hinomi/internal/asset"

// The kinds of what is made for scanning with the agent, beside EBS snapshots. They are no assets: they live as Resources alone.
const (
	KindAssociation asset.Kind = "ssm-association"
	KindDocument    asset.Kind = "ssm-document"
	KindDataSync    asset.Kind = "ssm-resource-data-sync"
	KindBucket      asset.Kind = "s3-bucket"
)
