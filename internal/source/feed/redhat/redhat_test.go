package redhat_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/redhat"
)

// vex reads one document of testdata as an archive of one.
func vex(t *testing.T, name string) (*feedtest.Sink, form.Learnt) {
	t.Helper()
	return feedtest.Read(t, redhat.VEX(), "redhat/vex/vex.zip", feedtest.Zip(t, map[string][]byte{"2023/" + name: feedtest.Testdata(t, name)}))
}

func fixed(evr string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: evr}}}}
}

func since(evr string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: evr}}}}
}

var open = []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}}}}

// TestVEX holds the reader to real documents: what is fixed, open, not to be fixed and not affected.
func TestVEX(t *testing.T) {
	source := []string{"noarch", "src"}
	for _, c := range []struct {
		name, file, release, pkg string
		want                     advisory.Affected
	}{
		{"fixed_by_arch", "cve-2023-6228.json", "enterprise_linux:9::appstream", "libtiff", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("4.4.0-12.el9"), Arches: []string{"aarch64", "i686", "ppc64le", "s390x", "x86_64"}}},
		{"none_available_is_open", "cve-2023-6228.json", "enterprise_linux:8", "libtiff", advisory.Affected{State: advisory.StateOpen, Ranges: open, Arches: source}},
		{"no_fix_planned", "cve-2023-6228.json", "enterprise_linux:7", "libtiff", advisory.Affected{State: advisory.StateWillNotFix, Ranges: open, Arches: source}},
		{"epoch", "cve-2023-6237.json", "enterprise_linux:9::baseos", "openssl-libs", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("1:3.0.7-27.el9"), Arches: []string{"x86_64"}}},
		{"not_affected_since_a_version", "cve-2023-6237.json", "enterprise_linux:9::baseos", "openssl-fips-provider", advisory.Affected{State: advisory.StateNotAffected, Ranges: since("3.0.7-2.el9"), Arches: []string{"aarch64", "i686", "ppc64le", "s390x", "x86_64"}, Justification: advisory.CodeNotPresent}},
		{"source_not_affected_whatever_the_version", "cve-2023-6237.json", "enterprise_linux:8", "openssl", advisory.Affected{State: advisory.StateNotAffected, Arches: source, Justification: advisory.CodeNotPresent}},
		{"source_leaves_binaries", "cve-2023-6240.json", "enterprise_linux:9::baseos", "kernel", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("5.14.0-427.16.1.el9_4"), Arches: []string{"aarch64", "x86_64"}}},
		{"eus", "cve-2023-6240.json", "rhel_eus:9.2::realtime", "kernel-rt", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("5.14.0-284.62.1.rt14.347.el9_2"), Arches: []string{"x86_64"}}},
		{"module_open", "cve-2024-24786-illegal-module.json", "enterprise_linux:8", "go-toolset", advisory.Affected{State: advisory.StateOpen, Ranges: open, Arches: source, Module: "go-toolset:rhel8"}},
		{"module_without_stream", "cve-2024-24786-bad-rpmmod.json", "enterprise_linux:10::appstream", "firefox-flatpak", advisory.Affected{State: advisory.StateOpen, Ranges: open, Arches: source, Module: "rhel10"}},
		{"layered_product", "cve-2022-38752.json", "jboss_enterprise_application_platform:7.4::el9", "eap7-snakeyaml", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("1.33.0-2.SP1_redhat_00001.1.el9eap"), Arches: []string{"noarch"}}},
		{"version_plus", "rhsa-2023_3821.json", "enterprise_linux:8::appstream", "ruby", advisory.Affected{State: advisory.StateFixed, Ranges: fixed("2.7.8-139.module+el8.8.0+18745+f1bef313"), Arches: []string{"aarch64", "i686", "ppc64le", "s390x", "x86_64"}, Module: "ruby:2.7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l := vex(t, c.file)
			if len(l.Problems) != 0 {
				t.Fatalf("problems %v", l.Problems)
			}
			c.want.Ecosystem, c.want.Release, c.want.Package = "Red Hat", c.release, c.pkg
			if diff := cmp.Diff(c.want, s.Affected(t, s.Advisories[0].ID, c.release, c.pkg)); diff != "" {
				t.Error(diff)
			}
			if !slices.Contains(l.Ecosystems, "Red Hat:"+c.release) {
				t.Errorf("speaks for %q", l.Ecosystems)
			}
		})
	}
}

// TestDocument holds the reader to what a document says beside its packages.
func TestDocument(t *testing.T) {
	s, _ := vex(t, "cve-2023-6240.json")
	a := s.Named(t, "CVE-2023-6240")
	want := []advisory.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:L/A:N", Source: "Red Hat"}}
	if diff := cmp.Diff(want, a.Severity); diff != "" {
		t.Error(diff)
	}
	if a.Word != "moderate" || !slices.Equal(a.CVEs(), []string{"CVE-2023-6240"}) || !slices.Equal(a.CWEs, []string{"CWE-203"}) || a.Errata || a.Source != "redhat/vex" ||
		a.Modified.Format("2006-01-02") != "2024-06-20" || !strings.HasPrefix(a.Details, "A Marvin vulnerability") || a.Summary == "" {
		t.Errorf("got %+v", a)
	}
	if a.URLs[0] != "https://access.redhat.com/security/cve/CVE-2023-6240" || !slices.Contains(a.URLs, "https://access.redhat.com/errata/RHSA-2024:2758") {
		t.Errorf("addresses %q", a.URLs)
	}
	if s, _ = vex(t, "rhsa-2023_7434.json"); len(s.Advisories) != 1 {
		t.Fatalf("%d advisories, want one for CVEs that are fixed alike", len(s.Advisories))
	}
	if a = s.Named(t, "RHSA-2023:7434"); !a.Errata || len(a.CVEs()) != 4 || len(a.Severity) != 0 {
		t.Errorf("got CVEs %q, severity %v", a.CVEs(), a.Severity)
	}
}

// TestOnce keeps of rows that say the same under several parts of a product the one of the part that every host has.
func TestOnce(t *testing.T) {
	s, _ := vex(t, "cve-2023-6240.json")
	places := map[string][]string{}
	for _, f := range s.Named(t, "CVE-2023-6240").Affected {
		if strings.HasPrefix(f.Release, "enterprise_linux:9::") || strings.HasPrefix(f.Release, "rhel_eus:9.2::") {
			places[f.Package+" "+string(f.State)] = append(places[f.Package+" "+string(f.State)], f.Release)
		}
	}
	want := map[string][]string{
		"bpftool fixed":                     {"rhel_eus:9.2::baseos", "enterprise_linux:9::baseos"},
		"kernel fixed":                      {"enterprise_linux:9::baseos"},
		"kernel-rt fixed":                   {"rhel_eus:9.2::nfv", "rhel_eus:9.2::realtime"}, // one of the two is enabled
		"kernel-headers not_affected":       {"enterprise_linux:9::baseos"},
		"kernel-cross-headers not_affected": {"rhel_eus:9.2::baseos"},
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
}

// TestDangling names what a document does not explain, and keeps the rest.
func TestDangling(t *testing.T) {
	b := strings.Replace(string(feedtest.Testdata(t, "cve-2023-6228.json")), `"red_hat_enterprise_linux_8:libtiff"`, `"red_hat_enterprise_linux_8:libtiffany"`, 1)
	s := &feedtest.Sink{}
	files := map[string][]byte{"b.json": []byte(b)}
	for i := range 200 {
		files["c"+string(rune('a'+i%26))+string(rune('a'+i/26))+".json"] = feedtest.Testdata(t, "cve-2024-24786-illegal-module.json")
	}
	z := feedtest.Zip(t, files)
	l, err := form.Read(t.Context(), redhat.VEX(), form.Source{File: "redhat/vex/a.zip", At: strings.NewReader(string(z)), Size: int64(len(z)), Sink: s})
	if err != nil || len(l.Problems) != 1 || !strings.Contains(l.Problems[0].Reason, "is not in the tree") {
		t.Fatalf("got %v, %v", l.Problems, err)
	}
	if f := s.Affected(t, "CVE-2023-6228", "enterprise_linux:9::appstream", "libtiff"); f.State != advisory.StateFixed {
		t.Errorf("got %+v", f)
	}
}

// repositories keeps what the map of repositories says.
type repositories struct {
	feedtest.Sink
	got map[string]advisory.Repository
}

func (r *repositories) Repository(x advisory.Repository) error {
	r.got[x.ID] = x
	return nil
}

func TestRepositories(t *testing.T) {
	b := feedtest.Testdata(t, "repository-to-cpe.json")
	s := &repositories{got: map[string]advisory.Repository{}}
	l, err := form.Read(t.Context(), redhat.Repositories(), form.Source{File: "redhat/repository-to-cpe.json", At: strings.NewReader(string(b)), Size: int64(len(b)), Sink: s})
	if err != nil || l.Rows != 7 || len(l.Problems) != 0 {
		t.Fatalf("%d rows, problems %v, %v", l.Rows, l.Problems, err)
	}
	want := []string{"rhel_e4s:9.0::baseos", "rhel_e4s:9.2::baseos", "rhel_eus:9.0::baseos", "rhel_eus:9.2::baseos"}
	if diff := cmp.Diff(want, s.got["rhel-9-for-x86_64-baseos-e4s-rpms"].Releases); diff != "" {
		t.Error(diff)
	}
	_, err = form.Read(t.Context(), redhat.Repositories(), form.Source{File: "redhat/repository-to-cpe.json", At: strings.NewReader("{}"), Size: 2, Sink: s})
	if !errors.Is(err, form.ErrFormat) {
		t.Errorf("an empty map: %v", err)
	}
}

// TestWhole reads every real document that the shared data have, packed as Red Hat packs them, and counts.
func TestWhole(t *testing.T) {
	files := feedtest.Unzip(t, feedtest.Shared(t, "feeds/samples/redhat.zip"))
	for _, c := range []struct {
		file            string
		documents, rows int
	}{
		{"redhat/vex/v1/csaf_vex_2024-08-04.tar.zst", 5, 448},
		{"redhat/vex/v2/vex-archive.tar.zst", 5, 448},
		{"redhat/csaf/csaf_advisories_2024-08-11.tar.zst", 5, 309},
	} {
		_, l := feedtest.Read(t, redhat.VEX(), "redhat/vex/archive.tar.zst", files[c.file])
		if l.Documents != c.documents || l.Rows != c.rows || len(l.Problems) != 0 {
			t.Errorf("%s: %d documents, %d rows, problems %v; want %d, %d", c.file, l.Documents, l.Rows, l.Problems, c.documents, c.rows)
		}
	}
	s := &repositories{got: map[string]advisory.Repository{}}
	b := string(files["redhat/repository2cpe/repository-to-cpe.json"])
	l, err := form.Read(t.Context(), redhat.Repositories(), form.Source{File: "redhat/repository-to-cpe.json", At: strings.NewReader(b), Size: int64(len(b)), Sink: s})
	if err != nil || l.Rows != 8564 || len(l.Problems) != 0 {
		t.Errorf("%d repositories, problems %v, %v; want 8564", l.Rows, l.Problems, err)
	}
}

// FuzzDocument gives arbitrary bytes to the reader of one document.
func FuzzDocument(f *testing.F) {
	kind := form.Feed{
		ID: "document", Files: []string{"a.json"}, Name: form.Always("redhat/vex"),
		Read: func(_ context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return redhat.Document(in, "a.json", b)
		},
	}
	feedtest.Fuzz(f, kind, "a.json", "cve-2024-24786-bad-rpmmod.json", "cve-2024-24786-illegal-module.json", "cve-2023-6228.json", "rhsa-2023_3821.json")
}

func FuzzRepositories(f *testing.F) {
	feedtest.Fuzz(f, redhat.Repositories(), "redhat/repository-to-cpe.json", "repository-to-cpe.json")
}
