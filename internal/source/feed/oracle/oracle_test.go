package oracle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/oracle"
)

func fixed(evr string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: evr}}}}
}

func TestErrata(t *testing.T) {
	s, l := feedtest.Read(t, oracle.Feed(), "oracle/com.oracle.elsa-all.xml", feedtest.Testdata(t, "com.oracle.elsa-all.xml"))
	if l.Documents != 2 || l.Rows != 9 || len(l.Problems) != 0 || !cmp.Equal(l.Ecosystems, []string{"Oracle Linux:5", "Oracle Linux:8"}) {
		t.Fatalf("%d documents, %d rows for %q, problems %v", l.Documents, l.Rows, l.Ecosystems, l.Problems)
	}
	want := advisory.Affected{
		Ecosystem: "Oracle Linux", Release: "5", Package: "bind-libs", State: advisory.StateFixed, Ranges: fixed("30:9.3.3-8.el5"),
		Arches: []string{"i386", "i586", "i686", "x86_64"},
	}
	if diff := cmp.Diff(want, s.Affected(t, "ELSA-2007-0057", "5", "bind-libs")); diff != "" {
		t.Error(diff)
	}
	want = advisory.Affected{
		Ecosystem: "Oracle Linux", Release: "8", Package: "hivex", State: advisory.StateFixed, Ranges: fixed("1.3.18-21.module+el8.7.0+21037+8ee66348"),
		Arches: []string{"aarch64"}, Module: "virt:kvm_utils",
	}
	if diff := cmp.Diff(want, s.Affected(t, "ELSA-2023-12342", "8", "hivex")); diff != "" {
		t.Error(diff)
	}
	a := s.Named(t, "ELSA-2007-0057")
	if !a.Errata || !cmp.Equal(a.CVEs(), []string{"CVE-2007-0493", "CVE-2007-0494"}) || a.Word != "MODERATE" || a.Published.Format("2006-01-02") != "2007-06-26" ||
		a.URLs[0] != "https://linux.oracle.com/errata/ELSA-2007-0057.html" || !strings.HasPrefix(a.Summary, "ELSA-2007-0057: Moderate: bind") {
		t.Errorf("got %+v", a)
	}
}

// definition is ELSA-2021-9344 as Oracle writes it, with room for other packages and other tests.
func definition(evr, extra, comment string) string {
	return `<oval_definitions><definitions><definition id="oval:com.oracle.elsa:def:20219344" class="patch"><metadata><title>T</title>
<reference source="elsa" ref_id="ELSA-2021-9344" ref_url="https://linux.oracle.com/errata/ELSA-2021-9344.html"/><reference source="CVE" ref_id="CVE-2016-10228"/>
<advisory><cve cvss3="7.5/CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H">CVE-2016-10228</cve></advisory></metadata>
<criteria operator="AND"><criterion test_ref="t1" comment="Oracle Linux 8 is installed"/><criteria operator="OR"><criteria operator="AND">
<criterion test_ref="t2" comment="Oracle Linux arch is x86_64"/><criteria operator="OR"><criteria operator="AND">
<criterion test_ref="t3" comment="glibc is earlier than ` + evr + `"/><criterion test_ref="t4" comment="glibc is signed with the Oracle Linux 8 key"/>
<criterion test_ref="t5" comment="` + comment + `"/></criteria></criteria></criteria></criteria></criteria></definition></definitions>
<tests><rpminfo_test id="t1"><object object_ref="o1"/><state state_ref="s1"/></rpminfo_test><rpminfo_test id="t2"><object object_ref="o1"/><state state_ref="s2"/></rpminfo_test>
<rpminfo_test id="t3"><object object_ref="o2"/><state state_ref="s3"/></rpminfo_test><rpminfo_test id="t4"><object object_ref="o2"/><state state_ref="s4"/></rpminfo_test>` + extra + `</tests>
<objects><rpminfo_object id="o1"><name>oraclelinux-release</name></rpminfo_object><rpminfo_object id="o2"><name>glibc</name></rpminfo_object></objects>
<states><rpminfo_state id="s1"><version operation="pattern match">^8</version></rpminfo_state><rpminfo_state id="s2"><arch operation="pattern match">x86_64</arch></rpminfo_state>
<rpminfo_state id="s3"><evr operation="less than">` + evr + `</evr></rpminfo_state><rpminfo_state id="s4"><signature_keyid>82562ea9ad986da3</signature_keyid></rpminfo_state></states></oval_definitions>`
}

// TestFlavors keeps the lines of builds apart, whose epochs would make every ordinary build look old.
func TestFlavors(t *testing.T) {
	for _, c := range []struct{ evr, comment, want string }{
		{"2:2.28-151.0.1.ksplice2.el8", "glibc is ksplice-based", "ksplice"},
		{"10:3.6.16-4.0.1.el8_fips", "gnutls is fips patched", "fips"},
	} {
		s, l := feedtest.Read(t, oracle.Feed(), "oracle/a.xml", []byte(definition(c.evr, "", c.comment)))
		f := s.Affected(t, "ELSA-2021-9344", "8", "glibc")
		if f.Repo != c.want || len(l.Problems) != 0 || !cmp.Equal(f.Ranges, fixed(c.evr)) {
			t.Errorf("%s: got %+v, problems %v", c.evr, f, l.Problems)
		}
		if a := s.Named(t, "ELSA-2021-9344"); len(a.Severity) != 1 || a.Severity[0].Score != "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" {
			t.Errorf("got %+v", a.Severity)
		}
	}
	for evr, want := range map[string]string{"2.28-151.el8": "", "2:2.17-326.0.5.ksplice1.el7_9.3": "ksplice", "1:1.1.1k-6.el8_5_fips": "fips", "1.0-fipscheck.el8": ""} {
		if got := advisory.OracleFlavor(evr); got != want {
			t.Errorf("%s: got %q, want %q", evr, got, want)
		}
	}
}

// TestUnknownTest names a condition that is not understood, and keeps the package: it may be affected.
func TestUnknownTest(t *testing.T) {
	doc := definition("2.28-1.el8", `<rpminfo_test id="t5"><object object_ref="o2"/><state state_ref="s9"/></rpminfo_test>`, "glibc is wrapped in foil")
	s := &feedtest.Sink{}
	kind := oracle.Feed()
	var out strings.Builder
	out.WriteString(strings.Replace(doc, "</definitions>", strings.Repeat(inner(definition("2.28-1.el8", "", "glibc is ksplice-based")), 200)+"</definitions>", 1))
	l, err := form.Read(t.Context(), kind, form.Source{File: "oracle/a.xml", At: strings.NewReader(out.String()), Size: int64(out.Len()), Sink: s})
	if err != nil || len(l.Problems) != 1 || !strings.Contains(l.Problems[0].Reason, "glibc is wrapped in foil") {
		t.Fatalf("problems %v, %v", l.Problems, err)
	}
	if len(s.Advisories) != 201 || len(s.Advisories[0].Affected) != 1 {
		t.Errorf("%d advisories, the first %+v", len(s.Advisories), s.Advisories[0])
	}
}

// inner returns the definition of a document.
func inner(doc string) string {
	_, doc, _ = strings.Cut(doc, "<definitions>")
	doc, _, _ = strings.Cut(doc, "</definitions>")
	return doc
}

// TestPacked reads the document as Oracle packs it.
func TestPacked(t *testing.T) {
	files := feedtest.Unzip(t, feedtest.Shared(t, "feeds/samples/oracle.zip"))
	_, l := feedtest.Read(t, oracle.Feed(), "oracle/com.oracle.elsa-all.xml.bz2", files["oracle/linux/com.oracle.elsa-all.xml.bz2"])
	if l.Documents != 2 || l.Rows != 9 || len(l.Problems) != 0 {
		t.Errorf("%d documents, %d rows, problems %v", l.Documents, l.Rows, l.Problems)
	}
}

func FuzzFeed(f *testing.F) {
	feedtest.Fuzz(f, oracle.Feed(), "oracle/a.xml", "com.oracle.elsa-all.xml")
}
