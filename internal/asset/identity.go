package asset

import "time"

// InstanceProfile is what hands an IAM role's credentials to an instance (IAM API: InstanceProfile). It belongs to the account, so
// its region is Global. IAM's listing leaves its tags out.
type InstanceProfile struct {
	Meta                  // the ID is AIPA…: a profile that is deleted and made anew has another, and the same ARN
	ProfileName string    `json:"profileName"`
	Path        string    `json:"path,omitempty"` // "/" unless the account sorts its profiles
	CreatedAt   time.Time `json:"createdAt,omitzero"`
	Roles       []RoleRef `json:"roles,omitempty"` // at most one (IAM User Guide, "IAM and AWS STS quotas"); none: the profile gives nothing
}

// Kind returns KindInstanceProfile.
func (*InstanceProfile) Kind() Kind { return KindInstanceProfile }

// RoleRef names an IAM role (IAM API: Role). What the role may do is not in it.
type RoleRef struct {
	ARN       string    `json:"arn"`
	Name      string    `json:"name"`
	ID        string    `json:"id,omitempty"` // AROA…
	CreatedAt time.Time `json:"createdAt,omitzero"`
}
