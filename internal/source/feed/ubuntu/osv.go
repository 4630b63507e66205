// Package ubuntu reads what Canonical's security team publishes: OSV documents of every CVE and notice, and OpenVEX statements.
package ubuntu

import (
	"context"
	"fmt"
	"strings"

	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/osv"
)

// OSV reads security-metadata.canonical.com/osv/osv-all.tar.xz: one OSV document per CVE (UBUNTU-CVE-…, with Ubuntu's priority), security
// notice (USN-…) and kernel live-patch notice (LSN-…). What Expanded Security Maintenance fixed stands under the release "Pro:22.04:LTS",
// and "Pro:FIPS-updates:22.04:LTS" and the like under their own.
func OSV() form.Feed {
	return form.Feed{
		ID: "ubuntu-osv", Title: "Ubuntu OSV, by Canonical", Files: []string{"ubuntu/osv-all.tar.xz", "ubuntu/osv-all.tar.gz", "ubuntu/osv-all.tar.zst", "ubuntu/osv-all.zip"},
		Name: form.Always("ubuntu/osv"),
		Read: func(ctx context.Context, in *form.Document) error {
			return atLeastOne(in, in.Entries(ctx, func(name string, b []byte) error {
				a, err := osv.Parse(b, in.Feed)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				return osv.HandOn(in, a, "Ubuntu")
			}, ".json"))
		},
	}
}

// atLeastOne refuses an archive without documents: it is a lost feed, not one that has nothing to say.
func atLeastOne(in *form.Document, err error) error {
	if err == nil && in.Documents() == 0 {
		return fmt.Errorf("%w: no documents", form.ErrFormat)
	}
	return err
}

// release returns the name that a "distro" qualifier of Canonical's purls has among OSV's releases: "jammy" is "22.04:LTS",
// "esm-apps/jammy" and "esm-infra-legacy/trusty" are "Pro:…", "fips-updates/jammy" is "Pro:FIPS-updates:22.04:LTS"
// (documentation.ubuntu.com/security, "OSV"). Names that are not known are kept as they are: no host has them.
func release(distro string) string {
	pocket, codename, ok := strings.Cut(distro, "/")
	if !ok {
		pocket, codename = "", distro
	}
	if codename == "esm" { // "trusty/esm", as it was written before 2024
		pocket, codename = "esm-infra", pocket
	}
	version := numberOf(codename)
	if version == "" {
		return distro
	}
	switch {
	case pocket == "":
		return version
	case strings.HasPrefix(pocket, "esm-"):
		return "Pro:" + version
	case strings.HasPrefix(pocket, "fips"):
		return "Pro:FIPS" + strings.TrimPrefix(pocket, "fips") + ":" + version
	case strings.HasPrefix(pocket, "realtime"):
		return "Pro:Realtime" + strings.TrimPrefix(pocket, "realtime") + ":" + version
	}
	return distro
}

// numberOf returns the version of a release by its codename, with ":LTS" where it has long-term support (wiki.ubuntu.com/Releases).
func numberOf(codename string) string {
	for _, r := range [][2]string{
		{"resolute", "26.04:LTS"},
		{"questing", "25.10"},
		{"plucky", "25.04"},
		{"oracular", "24.10"},
		{"noble", "24.04:LTS"},
		{"mantic", "23.10"},
		{"lunar", "23.04"},
		{"kinetic", "22.10"},
		{"jammy", "22.04:LTS"},
		{"impish", "21.10"},
		{"hirsute", "21.04"},
		{"groovy", "20.10"},
		{"focal", "20.04:LTS"},
		{"eoan", "19.10"},
		{"disco", "19.04"},
		{"cosmic", "18.10"},
		{"bionic", "18.04:LTS"},
		{"artful", "17.10"},
		{"zesty", "17.04"},
		{"yakkety", "16.10"},
		{"xenial", "16.04:LTS"},
		{"wily", "15.10"},
		{"vivid", "15.04"},
		{"utopic", "14.10"},
		{"trusty", "14.04:LTS"},
		{"saucy", "13.10"},
		{"precise", "12.04:LTS"},
	} {
		if r[0] == codename {
			return r[1]
		}
	}
	return ""
}
