package feed

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstNVDYear is the first of the NVD's yearly feeds: it holds 1999 to 2002 (nvd.nist.gov/vuln/data-feeds).
const firstNVDYear = 2002

// yearly returns files with one for each year in the place of those that are published by year.
func yearly(files []Remote, now time.Time) []Remote {
	out := make([]Remote, 0, len(files))
	for _, r := range files {
		if r.FirstYear == 0 {
			out = append(out, r)
			continue
		}
		for year := r.FirstYear; year <= now.UTC().Year(); year++ {
			y := r
			y.FirstYear, y.File, y.URL = 0, strings.ReplaceAll(r.File, "{year}", strconv.Itoa(year)), strings.ReplaceAll(r.URL, "{year}", strconv.Itoa(year))
			out = append(out, y)
		}
	}
	return out
}

// native returns where the distributions that are wanted publish what OSV does not say (what is not fixed, module streams, Oracle Linux), and
// the NVD. Red Hat: security.access.redhat.com/data. SUSE: ftp.suse.com/pub/projects/security. Oracle: linux.oracle.com/security. AlmaLinux:
// errata.almalinux.org.
func native(ecosystems []string) []Remote {
	const (
		redHat = "https://security.access.redhat.com/data/"
		suse   = "https://ftp.suse.com/pub/projects/security/"
	)
	var out []Remote
	add := func(ecosystem string, l ...Remote) {
		if slices.Contains(ecosystems, ecosystem) {
			out = append(out, l...)
		}
	}
	add("Red Hat",
		Remote{File: "redhat/vex/archive.tar.zst", URL: redHat + "csaf/v2/vex-feed/archive_latest.txt", Latest: true, Licence: "CC-BY-4.0, Red Hat", Complete: true},
		Remote{File: "redhat/vex/changes.zip", Licence: "CC-BY-4.0, Red Hat", URL: redHat + "csaf/v2/vex-feed/", Changes: &Changes{Archive: "redhat/vex/archive.tar.zst", Deletions: true}},
		Remote{File: "redhat/repository-to-cpe.json", URL: redHat + "meta/v1/repository-to-cpe.json", Complete: true},
	)
	add("SUSE",
		Remote{File: "suse/vex/csaf-vex.tar.bz2", URL: suse + "csaf-vex.tar.bz2", Licence: "CC-BY-4.0, SUSE LLC", Complete: true},
		Remote{File: "suse/vex/changes.zip", Licence: "CC-BY-4.0, SUSE LLC", URL: suse + "csaf-vex/", Changes: &Changes{Archive: "suse/vex/csaf-vex.tar.bz2"}},
	)
	for _, release := range []string{"8", "9", "10"} {
		add("AlmaLinux", Remote{File: "almalinux/" + release + "/errata.full.json", URL: "https://errata.almalinux.org/" + release + "/errata.full.json", Complete: true})
	}
	add(oracleLinux, Remote{File: "oracle/com.oracle.elsa-all.xml.bz2", URL: "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2", Complete: true})
	for _, release := range []string{"43", "44"} { // what Amazon Inspector lists (user guide, "Supported operating systems")
		add(fedoraLinux, Remote{
			File: "updateinfo/Fedora/" + release + "/core/updateinfo.xml.zst", Repository: true, Complete: true,
			URL: "https://dl.fedoraproject.org/pub/fedora/linux/updates/" + release + "/Everything/x86_64/",
		})
	}
	out = append(out, systems(ecosystems)...)
	const nvd = "https://nvd.nist.gov/feeds/json/cve/2.0/"
	return append(out,
		Remote{File: "nvd/nvdcve-2.0-modified.json.gz", URL: nvd + "nvdcve-2.0-modified.json.gz", Licence: "public domain"},
		Remote{File: "nvd/nvdcve-2.0-{year}.json.gz", URL: nvd + "nvdcve-2.0-{year}.json.gz", Licence: "public domain", Complete: true, FirstYear: firstNVDYear},
	)
}

// systems returns where Debian (security-tracker.debian.org), Canonical (security-metadata.canonical.com), Alpine (secdb.alpinelinux.org), Bottlerocket,
// Microsoft (api.msrc.microsoft.com) and, for Apple, SOFA (sofa.macadmins.io) publish. Canonical's OSV documents are those of the ecosystem's archive;
// from its own address come the statements that OSV has no words for.
func systems(ecosystems []string) []Remote {
	const (
		tracker = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/"
		secdb   = "https://secdb.alpinelinux.org/"
	)
	var out []Remote
	add := func(ecosystem string, l ...Remote) {
		if slices.Contains(ecosystems, ecosystem) {
			out = append(out, l...)
		}
	}
	add("Debian",
		Remote{File: "debian/tracker.json", URL: "https://security-tracker.debian.org/tracker/data/json", Complete: true},
		Remote{File: "debian/DSA.list", URL: tracker + "DSA/list", Complete: true},
		Remote{File: "debian/DLA.list", URL: tracker + "DLA/list", Complete: true},
	)
	add("Ubuntu", Remote{File: "ubuntu/vex-all.tar.xz", URL: "https://security-metadata.canonical.com/vex/vex-all.tar.xz", Complete: true})
	for _, release := range []string{"v3.20", "v3.21", "v3.22", "v3.23", "v3.24"} { // with security support in 2026 (alpinelinux.org/releases)
		for _, repo := range []string{"main", "community"} {
			add("Alpine", Remote{File: "alpine/" + release + "/" + repo + ".json", URL: secdb + release + "/" + repo + ".json", Complete: true})
		}
	}
	add(bottlerocketOS, Remote{File: "bottlerocket/updateinfo.xml.gz", URL: "https://advisories.bottlerocket.aws/updateinfo.xml.gz", Licence: "Apache-2.0 OR MIT", Complete: true})
	add(windows, Remote{File: "microsoft/cvrf/*.xml", URL: "https://api.msrc.microsoft.com/cvrf/v3.0/updates", Index: MicrosoftMonths, Complete: true})
	add(macOS, Remote{File: "apple/macos_data_feed.json", URL: "https://sofafeed.macadmins.io/v2/macos_data_feed.json", Licence: "Apache-2.0", Complete: true})
	return out
}
