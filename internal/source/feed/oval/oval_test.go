package oval_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/oval"
)

const limit = 1 << 20

// leaves returns every criterion of a tree.
func leaves(c *oval.Criteria) []oval.Criterion {
	out := c.Tests
	for i := range c.Criteria {
		out = append(out, leaves(&c.Criteria[i])...)
	}
	return out
}

// TestPublishers reads the OVAL of five publishers. The numbers were counted with another XML reader (Python's ElementTree).
func TestPublishers(t *testing.T) {
	for _, c := range []struct {
		archive, file                string
		definitions, packages, lower int // lower: tests for a version below another
	}{
		{"oracle", "oracle/linux/com.oracle.elsa-all.xml.bz2", 2, 39, 17},
		{"alma", "alma/oval/org.almalinux.alsa-9.xml.bz2", 2, 18, 9},
		{"suse", "suse/oval/suse.linux.enterprise.15-affected.xml.gz", 2, 10, 0},
		{"suse", "suse/oval/suse.linux.enterprise.16-patch.xml.gz", 2, 2, 2},
		{"redhat", "redhat/oval/v2/oval/v2/RHEL9/rhel-9-including-unpatched.oval.xml.bz2", 4, 14, 2},
		{"debian", "debian/oval/oval-definitions-bullseye.xml.bz2", 4, 4, 4},
	} {
		b := feedtest.Unzip(t, feedtest.Shared(t, "feeds/samples/"+c.archive+".zip"))[c.file]
		b = unpack(t, c.file, b)
		tests, err := oval.Index(t.Context(), bytes.NewReader(b), limit)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		definitions, packages, lower := 0, 0, 0
		err = oval.Definitions(t.Context(), bytes.NewReader(b), limit, func(d *oval.Definition) error {
			definitions++
			for _, l := range leaves(&d.Criteria) {
				v, ok := tests.Of(l)
				if ok && v.Object != "" {
					packages++
				}
				for _, s := range v.States {
					if s.EVROp == "less than" && s.EVR != "" {
						lower++
					}
				}
			}
			return nil
		})
		if err != nil || definitions != c.definitions || packages != c.packages || lower != c.lower {
			t.Errorf("%s: %d definitions, %d tests of packages, %d of versions, %v; want %d, %d, %d", c.file, definitions, packages, lower, err, c.definitions, c.packages, c.lower)
		}
	}
}

// unpack returns the bytes of a packed file.
func unpack(t *testing.T, file string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	feedtest.Read(t, form.Feed{
		ID: "unpack", Files: []string{file}, Name: form.Always("unpack"),
		Read: func(_ context.Context, in *form.Document) error {
			r, err := in.Stream()
			if err == nil {
				_, err = io.Copy(&out, r)
			}
			return err
		},
	}, file, b)
	return out.Bytes()
}

func TestDefinition(t *testing.T) {
	doc := `<oval_definitions><definitions><definition id="d" class="patch"><metadata><title> T </title><affected><platform>P</platform></affected>
<reference source="CVE" ref_id="CVE-2024-0001" ref_url="u"/><advisory><severity>Low</severity><issued date="2024-01-02"/><cve cvss3="7.0/CVSS:3.1/AV:L" cwe="CWE-1">CVE-2024-0001</cve></advisory></metadata>
<criteria operator="OR"><criterion test_ref="a" comment="c" negate="true"/><criteria><criterion test_ref="b"/></criteria></criteria></definition></definitions>
<tests><x:rpminfo_test xmlns:x="l" id="a"><object object_ref="o"/><state state_ref="s"/><state state_ref="none"/></x:rpminfo_test></tests>
<objects><rpminfo_object id="o"><name>bash</name></rpminfo_object></objects><states><rpminfo_state id="s"><evr operation="less than"> 0:1-1 </evr><arch>x86_64</arch></rpminfo_state></states></oval_definitions>`
	tests, err := oval.Index(t.Context(), strings.NewReader(doc), limit)
	if err != nil || tests.Len() != 1 {
		t.Fatalf("%v", err)
	}
	err = oval.Definitions(t.Context(), strings.NewReader(doc), limit, func(d *oval.Definition) error {
		if d.ID != "d" || d.Platforms[0] != "P" || d.References[0].ID != "CVE-2024-0001" || d.CVEs[0].CWE != "CWE-1" || d.Issued.Day != "2024-01-02" || !oval.Negated(d.Criteria.Tests[0].Negate) {
			t.Errorf("got %+v", d)
		}
		got, ok := tests.Of(d.Criteria.Tests[0])
		want := oval.Test{Kind: "rpminfo", Object: "bash", States: []oval.State{{EVR: "0:1-1", EVROp: "less than", Arch: "x86_64"}}}
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Error(diff)
		}
		if _, ok := tests.Of(d.Criteria.Criteria[0].Tests[0]); ok {
			t.Error("a test that the document does not hold was found")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	stop := errors.New("stop")
	if err := oval.Definitions(t.Context(), strings.NewReader(doc), limit, func(*oval.Definition) error { return stop }); !errors.Is(err, stop) || errors.Is(err, form.ErrFormat) {
		t.Errorf("a caller's error came back as %v", err)
	}
	for _, bad := range []string{"", "<html/>", doc[:len(doc)-40]} {
		if _, err := oval.Index(t.Context(), strings.NewReader(bad), limit); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%.20q: got %v", bad, err)
		}
	}
	if err := oval.Definitions(t.Context(), strings.NewReader(doc), 64, func(*oval.Definition) error { return nil }); !errors.Is(err, form.ErrLimit) {
		t.Errorf("a large element: got %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`<oval_definitions><definitions><definition id="d"><criteria><criterion test_ref="a"/></criteria></definition></definitions><tests><rpminfo_test id="a"/></tests></oval_definitions>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tests, err := oval.Index(t.Context(), bytes.NewReader(b), limit)
		if err != nil {
			return
		}
		_ = oval.Definitions(t.Context(), bytes.NewReader(b), limit, func(d *oval.Definition) error { // its errors are Index's
			for _, l := range leaves(&d.Criteria) {
				tests.Of(l)
			}
			return nil
		})
	})
}
