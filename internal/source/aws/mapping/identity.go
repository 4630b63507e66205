package mapping

import (
	"time"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"hinomi/internal/asset"
)

// The forms of IAM's answers here leave out the roles' trust policies: external IDs stand in them, nothing here reads them, and the CLI
// prints as an object what the API and the SDK have as text.
type (
	// InstanceProfile is one element of iam list-instance-profiles.
	InstanceProfile struct {
		Path                *string
		InstanceProfileName *string
		InstanceProfileId   *string //nolint:revive // the CLI's spelling
		Arn                 *string
		CreateDate          *time.Time
		Roles               []ProfileRole
		Tags                []iamtypes.Tag
	}
	// ProfileRole is a role of an instance profile.
	ProfileRole struct {
		Path                *string
		RoleName            *string
		RoleId              *string //nolint:revive // the CLI's spelling
		Arn                 *string
		CreateDate          *time.Time
		Description         *string
		MaxSessionDuration  *int32
		PermissionsBoundary *iamtypes.AttachedPermissionsBoundary
		Tags                []iamtypes.Tag
		RoleLastUsed        *iamtypes.RoleLastUsed
	}
)

// InstanceProfileOf returns the form that the part InstanceProfiles takes of what the SDK answers.
func InstanceProfileOf(v *iamtypes.InstanceProfile) InstanceProfile {
	p := InstanceProfile{
		Path: v.Path, InstanceProfileName: v.InstanceProfileName, InstanceProfileId: v.InstanceProfileId, Arn: v.Arn, CreateDate: v.CreateDate,
		Roles: make([]ProfileRole, 0, len(v.Roles)), Tags: v.Tags,
	}
	for i := range v.Roles {
		role := &v.Roles[i]
		p.Roles = append(p.Roles, ProfileRole{
			Path: role.Path, RoleName: role.RoleName, RoleId: role.RoleId, Arn: role.Arn, CreateDate: role.CreateDate, Description: role.Description,
			MaxSessionDuration: role.MaxSessionDuration, PermissionsBoundary: role.PermissionsBoundary, Tags: role.Tags, RoleLastUsed: role.RoleLastUsed,
		})
	}
	return p
}

// putInstanceProfile keeps the profile, so that details (what its role may do) can complete it, and so that a profile that
// several files of a dump list counts once.
func putInstanceProfile(r *Region, v *InstanceProfile) {
	o := r.of(asset.KindInstanceProfile, v.InstanceProfileId)
	var tags map[string]string // of old and other listings: IAM's own leaves them out (IAM API Reference, ListInstanceProfiles)
	for _, t := range v.Tags {
		if tags == nil {
			tags = map[string]string{}
		}
		tags[r.text(t.Key)] = r.text(t.Value)
	}
	p := &asset.InstanceProfile{
		Meta:        r.meta(asset.KindInstanceProfile, v.InstanceProfileId, r.text(v.Arn), tags),
		ProfileName: r.text(v.InstanceProfileName),
		Path:        r.text(v.Path),
		CreatedAt:   deref(v.CreateDate),
	}
	if p.ARN == "" || p.ProfileName == "" {
		o.fault("the instance profile has no ARN or no name")
	}
	for _, role := range v.Roles {
		ref := asset.RoleRef{ARN: r.text(role.Arn), Name: r.text(role.RoleName), ID: r.text(role.RoleId), CreatedAt: deref(role.CreateDate)}
		if ref.ARN == "" {
			o.fault("a role of the instance profile has no ARN")
		}
		p.Roles = append(p.Roles, ref)
	}
	keep(r, p)
}
