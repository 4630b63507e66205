package csaf_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/csaf"
	"hinomi/internal/source/feed/form"
)

// publisher names things as they stand in the tree.
func publisher() csaf.Publisher {
	return csaf.Publisher{Scorer: "us", Subject: func(component, module, platform *csaf.Product, _ bool) (csaf.Subject, bool, error) {
		p, ok, err := csaf.ParseRPM(component.PURL)
		s := csaf.Subject{Ecosystem: "E", Release: platform.Name, Package: p.Name, EVR: p.EVR, Arch: p.Arch}
		if module != nil {
			s.Module = module.Name
		}
		return s, ok, err
	}}
}

// document is a document with two levels of relationships, as Red Hat wrote them for modules until 2024, and two scores.
const document = `{"document": {"category": "CATEGORY", "csaf_version": "2.0", "title": "T", "tracking": {"id": "X-1", "current_release_date": "2024-01-02T03:04:05Z"}},
"product_tree": {"branches": [{"category": "vendor", "branches": [
  {"category": "product_name", "product": {"name": "OS 8", "product_id": "os8"}},
  {"category": "product_version", "product": {"name": "m:1", "product_id": "mod"}},
  {"category": "product_version", "product": {"name": "a", "product_id": "a-1", "product_identification_helper": {"purl": "pkg:rpm/x/a@1-1?arch=x86_64"}}},
  {"category": "product_version", "product": {"name": "b", "product_id": "b-1", "product_identification_helper": {"purl": "pkg:rpm/x/b%2B%2B@1-1?arch=noarch&epoch=2"}}},
  {"category": "product_version", "product": {"name": "jar", "product_id": "jar", "product_identification_helper": {"purl": "pkg:maven/x/y@1"}}}]}],
 "relationships": [
  {"category": "default_component_of", "product_reference": "mod", "relates_to_product_reference": "os8", "full_product_name": {"product_id": "os8:mod"}},
  {"category": "default_component_of", "product_reference": "a-1", "relates_to_product_reference": "os8:mod", "full_product_name": {"product_id": "os8:mod:a-1"}},
  {"category": "default_component_of", "product_reference": "b-1", "relates_to_product_reference": "os8", "full_product_name": {"product_id": "os8:b-1"}},
  {"category": "default_component_of", "product_reference": "jar", "relates_to_product_reference": "os8", "full_product_name": {"product_id": "os8:jar"}},
  {"category": "default_component_of", "product_reference": "loop", "relates_to_product_reference": "loop", "full_product_name": {"product_id": "loop"}}]},
"vulnerabilities": [{"cve": "CVE-2024-0001", "product_status": {"fixed": ["os8:mod:a-1", "os8:jar", "os8"], "STATUS": ["os8:b-1"]},
 "scores": [{"cvss_v3": {"vectorString": "V3a"}, "products": ["os8:mod:a-1"]}, {"cvss_v2": {"vectorString": "V2"}, "cvss_v4": {"vectorString": "V4"}, "products": ["os8:b-1"]}],
 "remediations": [{"category": "fix_planned", "product_ids": ["os8:b-1"]}]}]}`

func TestParse(t *testing.T) {
	row := func(pkg string, state advisory.State, events ...advisory.Event) advisory.Affected {
		return advisory.Affected{Ecosystem: "E", Release: "OS 8", Package: pkg, State: state, Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: events}}}
	}
	a := row("a", advisory.StateFixed, advisory.Event{Introduced: "0"}, advisory.Event{Fixed: "1-1"})
	a.Module, a.Arches, a.Severity = "m:1", []string{"x86_64"}, []advisory.Severity{{Type: "CVSS_V3", Score: "V3a", Source: "us"}}
	b := row("b++", advisory.StatePending, advisory.Event{Introduced: "0"})
	b.Arches, b.Severity = []string{"noarch"}, []advisory.Severity{{Type: "CVSS_V4", Score: "V4", Source: "us"}, {Type: "CVSS_V2", Score: "V2", Source: "us"}}
	undecided := b
	undecided.State = advisory.StateUndecided
	unaffected := b
	unaffected.State, unaffected.Ranges = advisory.StateNotAffected, []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "2:1-1"}}}}
	later := row("b++", advisory.StateFixed, advisory.Event{Introduced: "0"}, advisory.Event{Fixed: "2:1-1"})
	later.Arches, later.Severity = b.Arches, b.Severity
	for _, c := range []struct {
		status string
		want   advisory.Affected
	}{
		{"known_affected", b}, {"last_affected", b}, {"under_investigation", undecided}, {"known_not_affected", unaffected}, {"first_fixed", later}, {"recommended", later},
	} {
		doc := strings.Replace(strings.Replace(document, "STATUS", c.status, 1), "CATEGORY", "csaf_vex", 1)
		got, err := csaf.Parse([]byte(doc), "s", publisher())
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %d advisories, %v", c.status, len(got), err)
		}
		if diff := cmp.Diff([]advisory.Affected{a, c.want}, got[0].Affected); diff != "" {
			t.Errorf("%s: %s", c.status, diff)
		}
		if got[0].Severity[0].Score != "V3a" || !got[0].Withdrawn.IsZero() || !cmp.Equal(got[0].Related, []string{"CVE-2024-0001"}) {
			t.Errorf("%s: got %+v", c.status, got[0])
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"loop", "os8:b-1\"]}", "loop\"]}", "not in the tree"},
		{"unknown_product", "os8:b-1\"]}", "os9:b-1\"]}", "not in the tree"},
		{"fixed_in_nothing", "a@1-1", "a", "fixed in no version"},
		{"purl", "b%2B", "b%zz", "invalid URL escape"},
		{"version", `"2.0"`, `"1.2"`, "CSAF version"},
		{"id", "X-1", "", "no tracking id"},
		{"no_document", `{"document": {`, `{"other": {`, "no CSAF document"},
		{"cut", "]}]}", "", "unexpected end"},
	} {
		doc := strings.Replace(document, "STATUS", "known_affected", 1)
		_, err := csaf.Parse([]byte(strings.Replace(doc, c.from, c.to, 1)), "s", publisher())
		if !errors.Is(err, form.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	doc := strings.Replace(strings.Replace(document, "STATUS", "known_affected", 1), "CATEGORY", "csaf_withdrawn", 1)
	if got, err := csaf.Parse([]byte(doc), "s", publisher()); err != nil || got[0].Withdrawn.Year() != 2024 {
		t.Errorf("withdrawn: got %v, %v", got, err)
	}
}

func TestStream(t *testing.T) {
	for in, want := range map[string]string{"ruby:2.7:8080020230427102918:63b34585": "ruby:2.7", "virt:rhel": "virt:rhel", "rhel10": "rhel10", "": ""} {
		if got := csaf.Stream(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
