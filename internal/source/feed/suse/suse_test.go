package suse_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/suse"
)

// vex reads one document of testdata as an archive of one.
func vex(t *testing.T, name string) (*feedtest.Sink, form.Learnt) {
	t.Helper()
	return feedtest.Read(t, suse.VEX(), "suse/vex/vex.zip", feedtest.Zip(t, map[string][]byte{"csaf-vex/" + name: feedtest.Testdata(t, name)}))
}

func fixed(evr string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: evr}}}}
}

func TestVEX(t *testing.T) {
	for _, c := range []struct {
		name, file, id string
		want           advisory.Affected
	}{
		{"recommended_is_fixed", "cve-2023-5568.json", "CVE-2023-5568", advisory.Affected{Ecosystem: "openSUSE", Release: "Tumbleweed", Package: "ctdb-pcp-pmda", State: advisory.StateFixed, Ranges: fixed("4.19.2+git.322.7e9201cef5-1.1")}},
		{"micro", "cve-2023-5568.json", "CVE-2023-5568", advisory.Affected{Ecosystem: "SUSE", Release: "Linux Enterprise Micro 6.0", Package: "samba-client-libs", State: advisory.StateFixed, Ranges: fixed("4.19.4+git.339.acf1ccaa02-1.22")}},
		{"not_affected_by_module", "cve-2023-5568.json", "CVE-2023-5568", advisory.Affected{Ecosystem: "SUSE", Release: "Linux Enterprise Module for Basesystem 15 SP5", Package: "libsamba-policy-devel", State: advisory.StateNotAffected}},
		{"architectures_of_file_names", "suse-su-2015_0011-2.json", "SUSE-SU-2015:0011-2", advisory.Affected{Ecosystem: "SUSE", Release: "Linux Enterprise Server 11 SP2-LTSS", Package: "bind", State: advisory.StateFixed, Ranges: fixed("9.9.4P2-0.6.1"), Arches: []string{"i586", "ia64", "ppc64", "s390x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l := vex(t, c.file)
			if len(l.Problems) != 0 {
				t.Fatalf("problems %v", l.Problems)
			}
			if diff := cmp.Diff(c.want, s.Affected(t, c.id, c.want.Release, c.want.Package)); diff != "" {
				t.Error(diff)
			}
		})
	}
	s, l := vex(t, "cve-2023-5568.json")
	for _, f := range s.Named(t, "CVE-2023-5568").Affected {
		if f.State == advisory.StateNotAffected && f.Release == "CaaS Platform 4.0" {
			t.Errorf("kept what is said of no host: %+v", f)
		}
	}
	s, l = vex(t, "cve-1999-0003.json") // a CVE of which no product is known
	if a := s.Named(t, "CVE-1999-0003"); len(a.Affected) != 0 || a.Word != "critical" || len(l.Problems) != 0 {
		t.Errorf("got %+v, problems %v", a, l.Problems)
	}
	s, _ = vex(t, "suse-su-2015_0011-2.json")
	if a := s.Named(t, "SUSE-SU-2015:0011-2"); !a.Errata || len(a.CVEs()) != 7 {
		t.Errorf("got CVEs %q", a.CVEs())
	}
}

func TestRelease(t *testing.T) {
	for name, want := range map[string][2]string{
		"SUSE Linux Enterprise Server 15 SP5": {"SUSE", "Linux Enterprise Server 15 SP5"}, "openSUSE Leap 15.6": {"openSUSE", "Leap 15.6"},
		"openSUSE Tumbleweed": {"openSUSE", "Tumbleweed"}, "HPE Helion OpenStack 8": {"SUSE", "HPE Helion OpenStack 8"}, "": {"SUSE", ""},
	} {
		if e, r := suse.Release(name); e != want[0] || r != want[1] {
			t.Errorf("%s: got %q, %q", name, e, r)
		}
	}
}

// TestWhole reads every real document that the shared data have, packed as SUSE packs them, and counts.
func TestWhole(t *testing.T) {
	files := feedtest.Unzip(t, feedtest.Shared(t, "feeds/samples/suse.zip"))
	for _, c := range []struct {
		kind            form.Feed
		file, in        string
		documents, rows int
	}{
		{suse.VEX(), "suse/vex/csaf-vex.tar.bz2", "suse/csaf_vex/csaf-vex.tar.bz2", 2, 680},
		{suse.Advisories(), "suse/csaf/csaf.tar.bz2", "suse/csaf/csaf.tar.bz2", 3, 163},
		{suse.OSV(), "suse/osv/osv.tar.bz2", "suse/osv/osv.tar.bz2", 4, 58},
	} {
		_, l := feedtest.Read(t, c.kind, c.file, files[c.in])
		if l.Documents != c.documents || l.Rows != c.rows || len(l.Problems) != 0 {
			t.Errorf("%s: %d documents, %d rows, problems %v; want %d, %d", c.in, l.Documents, l.Rows, l.Problems, c.documents, c.rows)
		}
	}
}

// FuzzDocument gives arbitrary bytes to the reader of one document.
func FuzzDocument(f *testing.F) {
	kind := form.Feed{
		ID: "document", Files: []string{"a.json"}, Name: form.Always("suse/vex"),
		Read: func(_ context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return suse.Document(in, "a.json", b)
		},
	}
	feedtest.Fuzz(f, kind, "a.json", "cve-1999-0003.json", "suse-su-2015_0011-2.json", "cve-2023-5568.json")
}
