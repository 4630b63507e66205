package organisation

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// global is the folder of what belongs to an account as a whole.
const global = "global"

// profileARN and profileID name an account's instance profile as EC2 and IAM do.
func profileARN(account, name string) string {
	return "arn:aws:iam::" + account + ":instance-profile/" + name
}

func profileID(account, name string) string { return identityID("AIPA", "profile", account, name) }

// identityID is an id of IAM's form: a prefix for the kind, then 17 characters.
func identityID(prefix string, key ...string) string {
	return prefix + strings.ToUpper(hexOf(17, key...))
}

// writeProfiles adds each account's list of instance profiles to out: one for each role that its instances carry, in any region.
func writeProfiles(out map[string][]byte, regions ...*region) error {
	roles := map[string][]string{} // account → names
	for _, r := range regions {
		roles[r.account] = append(roles[r.account], r.roles...)
	}
	for account, names := range roles {
		slices.Sort(names)
		list := []object{}
		for _, name := range slices.Compact(names) {
			list = append(list, profile(account, name))
		}
		raw, err := indented(object{"InstanceProfiles": list})
		if err != nil {
			return fmt.Errorf("instance profiles of %s: %w", account, err)
		}
		out[path.Join("organisation", "accounts", account, global, "InstanceProfiles.json")] = raw
	}
	return nil
}

func profile(account, name string) object {
	return object{
		"Path": "/", "InstanceProfileName": name, "InstanceProfileId": profileID(account, name), "Arn": profileARN(account, name), "CreateDate": daysAgo(650, account+name),
		"Roles": []object{{
			"Path": "/", "RoleName": name, "RoleId": identityID("AROA", "role", account, name), "Arn": "arn:aws:iam::" + account + ":role/" + name, "CreateDate": daysAgo(650, account+name),
			"AssumeRolePolicyDocument": object{
				"Version":   "2012-10-17",
				"Statement": []object{{"Effect": "Allow", "Principal": object{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}},
			},
		}},
	}
}
