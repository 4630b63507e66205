package updateinfo_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/updateinfo"
)

// TestRepositories: what an erratum needs to be about a host is the repository that it was published in.
func TestRepositories(t *testing.T) {
	for _, c := range []struct {
		name, folder, file, id, pkg string
		repo                        string
		speaksFor                   []string
	}{
		{"core_of_2", "2/core", "updateinfo_2.xml.gz", "", "", "", []string{"Amazon Linux:2"}},
		{"core_of_2023", "2023/core", "updateinfo_2023.xml.gz", "ALAS2023-2023-001", "rsyslog", "", []string{"Amazon Linux:2023"}},
		{"extras_topic", "2/kernel-5.15", "updateinfo_2_kernel-5.15.xml.gz", "ALAS2KERNEL-5.15-2022-001", "kernel", "kernel-5.15", nil},
		{"livepatch", "2023/kernel-livepatch", "updateinfo_2023_kernel-livepatch.xml.gz", "ALAS2023LIVEPATCH-2023-001", "", "kernel-livepatch", nil},
		{"nvidia", "2023/nvidia", "updateinfo_2023_nvidia.xml.gz", "ALAS2023NVIDIA-2025-001", "libnvidia-container1", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l := feedtest.Read(t, updateinfo.Feed(), "updateinfo/Amazon Linux/"+c.folder+"/updateinfo.xml.gz", feedtest.Testdata(t, c.file))
			if diff := cmp.Diff(c.speaksFor, l.Ecosystems); diff != "" || len(l.Problems) != 0 {
				t.Errorf("speaks for %s problems %v", diff, l.Problems)
			}
			for _, a := range s.Advisories {
				for _, f := range a.Affected {
					if f.Repo != c.repo || f.Ecosystem != "Amazon Linux" || len(f.Arches) == 0 {
						t.Errorf("%s: %+v", a.ID, f)
					}
				}
			}
			if c.id == "" {
				return
			}
			a := s.Named(t, c.id)
			if !a.Errata || len(a.CVEs()) == 0 {
				t.Errorf("CVEs %q", a.CVEs())
			}
			if c.pkg != "" && !slices.ContainsFunc(a.Affected, func(f advisory.Affected) bool { return f.Package == c.pkg }) {
				t.Errorf("no row for %s: %+v", c.pkg, a.Affected)
			}
		})
	}
}

func TestErratum(t *testing.T) {
	s, _ := feedtest.Read(t, updateinfo.Feed(), "updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz", feedtest.Testdata(t, "updateinfo_2023.xml.gz"))
	a := s.Named(t, "ALAS2023-2023-001")
	if diff := cmp.Diff([]string{"CVE-2014-3634", "CVE-2022-24903"}, a.CVEs()); diff != "" || a.Word != "Important" {
		t.Errorf("CVEs %s, word %q", diff, a.Word)
	}
	i := slices.IndexFunc(a.Affected, func(f advisory.Affected) bool { return f.Package == "rsyslog" })
	want := advisory.Affected{
		Ecosystem: "Amazon Linux", Release: "2023", Package: "rsyslog", State: advisory.StateFixed, Arches: []string{"aarch64", "i686", "x86_64"},
		Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "8.2204.0-3.amzn2023.0.2"}}}},
	}
	if i < 0 {
		t.Fatal("no rsyslog")
	}
	if diff := cmp.Diff(want, a.Affected[i]); diff != "" {
		t.Error(diff)
	}
}

// TestCompact: one package built for several architectures is one row.
func TestCompact(t *testing.T) {
	doc := `<updates><update><id>X</id><pkglist><collection><package name="a" version="1" release="2" arch="x86_64"/><package name="a" version="1" release="2" arch="aarch64"/>` +
		`<package name="a" version="1" release="3" arch="i686" epoch="0"/><package name="a" version="1" release="3" arch="i686" epoch="4"/></collection></pkglist></update></updates>`
	s, _ := feedtest.Read(t, updateinfo.Feed(), "updateinfo/Amazon Linux/2/core/updateinfo.xml", []byte(doc))
	var got []string
	for _, f := range s.Named(t, "X").Affected {
		got = append(got, f.Ranges[0].Events[1].Fixed+" "+f.Arches[0])
	}
	if diff := cmp.Diff([]string{"1-2 aarch64", "1-3 i686", "4:1-3 i686"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestNameless: a package without a name or a version is a problem, not a row.
func TestNameless(t *testing.T) {
	doc := "<updates>"
	for range 200 {
		doc += `<update><id>X</id></update>`
	}
	doc += `<update><id>Y</id><pkglist><collection><package version="1"/><package name="a"/><package name="b" version="1"/></collection></pkglist></update></updates>`
	s, l := feedtest.Read(t, updateinfo.Feed(), "updateinfo/Amazon Linux/2/core/updateinfo.xml", []byte(doc))
	if a := s.Named(t, "Y"); len(a.Affected) != 1 || a.Affected[0].Ranges[0].Events[1].Fixed != "1" || len(l.Problems) != 1 || l.Problems[0].Document != "Y" {
		t.Errorf("got %+v, problems %+v", a.Affected, l.Problems)
	}
}

func FuzzUpdateinfo(f *testing.F) {
	feedtest.Fuzz(f, updateinfo.Feed(), "updateinfo/Amazon Linux/2/core/updateinfo.xml",
		"updateinfo_2.xml.gz", "updateinfo_2_kernel-5.15.xml.gz", "updateinfo_2023_kernel-livepatch.xml.gz")
}
