package distro

import (
	"strconv"
	"strings"

	"hinomi/internal/inventory"
)

// RedHat names a release by the CPEs of the repositories that a subscription enables (access.redhat.com, repository-to-cpe.json):
// BaseOS first, which every installation has, then what may come beside it.
func RedHat(os inventory.OS) []string {
	m := major(os)
	if m == nil {
		return nil
	}
	parts := []string{"baseos", "appstream", "crb", "highavailability", "nfv", "realtime", "resilientstorage", "sap", "sap_hana", "supplementary"}
	if m[0] == "7" || m[0] == "6" {
		parts = []string{"server", "client", "workstation", "computenode"}
	}
	var out []string
	for _, version := range redHatVersions(m[0], os.VersionID) {
		for _, p := range parts {
			out = append(out, "enterprise_linux:"+version+"::"+p)
		}
	}
	return append(out, RedHatWhole(os.VersionID)...)
}

// redHatVersions returns the releases whose fixes a host may lack. Since 10 the CPE carries the minor release, and what was fixed in an earlier
// one is not announced again.
func redHatVersions(major, versionID string) []string {
	n, _ := strconv.Atoi(major)
	_, minor, ok := strings.Cut(versionID, ".")
	last, err := strconv.ParseUint(minor, 10, 8)
	if n < 10 || !ok || err != nil || last > 20 {
		if n >= 10 {
			return []string{versionID}
		}
		return []string{major}
	}
	var out []string
	for i := int(last); i >= 0; i-- {
		out = append(out, major+"."+strconv.Itoa(i))
	}
	return out
}

// RedHatProduct reads the name of a repository: rhel-9-for-x86_64-appstream-eus-rpms, rhel-8-baseos-rhui-rpms (as on EC2),
// codeready-builder-for-rhel-9-x86_64-rpms, rhel-7-server-rpms. It is "" for others.
func RedHatProduct(repository, versionID string) string {
	major, _, _ := strings.Cut(versionID, ".")
	id := "-" + strings.TrimPrefix(repository, "rhui-") + "-"
	if !strings.Contains(id, "-rhel-"+major+"-") || major == "" {
		return ""
	}
	part := ""
	for _, p := range []struct{ word, part string }{
		{"-baseos-", "baseos"},
		{"-appstream-", "appstream"},
		{"-codeready-builder-", "crb"},
		{"-highavailability-", "highavailability"},
		{"-resilientstorage-", "resilientstorage"},
		{"-nfv-", "nfv"},
		{"-rt-", "realtime"},
		{"-sap-solutions-", "sap_hana"},
		{"-sap-hana-", "sap_hana"},
		{"-sap-netweaver-", "sap"},
		{"-sap-", "sap"},
		{"-supplementary-", "supplementary"},
		{"-server-", "server"},
		{"-client-", "client"},
		{"-workstation-", "workstation"},
		{"-hpc-node-", "computenode"},
	} {
		if strings.Contains(id, p.word) {
			part = p.part
			break
		}
	}
	if part == "" {
		return ""
	}
	for _, stream := range []string{"eus", "e4s", "aus", "tus"} {
		if strings.Contains(id, "-"+stream+"-") {
			return "rhel_" + stream + ":" + versionID + "::" + part
		}
	}
	return strings.TrimSuffix(RedHat(inventory.OS{VersionID: versionID})[0], redHatBase(major)) + part
}

// RedHatWhole names a release without a part of it: by that Red Hat's VEX documents speak of what is not fixed.
func RedHatWhole(versionID string) []string {
	major, _, _ := strings.Cut(versionID, ".")
	out := []string{"enterprise_linux:" + major}
	if versionID != major && len(major) > 1 { // since 10
		out = append(out, "enterprise_linux:"+versionID)
	}
	return out
}

// redHatBase is the part that RedHat names first.
func redHatBase(major string) string {
	if major == "7" || major == "6" {
		return "server"
	}
	return "baseos"
}

// RedHatRank is 0 for the products that every host has, which go first, and 1 for others.
func RedHatRank(name string) int {
	if strings.HasSuffix(name, "::baseos") || strings.HasSuffix(name, "::server") {
		return 0
	}
	return 1
}
