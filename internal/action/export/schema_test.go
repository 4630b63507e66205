package export_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"hinomi/internal/awstest/model"
	"hinomi/internal/finding"
)

// schemas are the formats whose publishers have a JSON Schema.
func schemas() map[string]string {
	return map[string]string{"sarif": "sarif-schema-2.1.0.json", "cyclonedx": "bom-1.6.schema.json", "spdx": "spdx-2.3.schema.json"}
}

func unpacked(tb testing.TB, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", "schema", name+".gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// offline knows the schemas that others refer to and fetches nothing.
type offline struct{ tb testing.TB }

func (o offline) Load(url string) (any, error) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if name != "spdx.schema.json" && name != "jsf-0.82.schema.json" {
		return nil, fmt.Errorf("no schema %s here", url)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(unpacked(o.tb, name)))
}

func validate(tb testing.TB, schema string, document []byte) {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(offline{tb})
	s, err := jsonschema.UnmarshalJSON(bytes.NewReader(unpacked(tb, schema)))
	if err != nil {
		tb.Fatal(err)
	}
	const at = "http://cyclonedx.org/schema/document.json"
	if err := c.AddResource(at, s); err != nil {
		tb.Fatal(err)
	}
	compiled, err := c.Compile(at)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		tb.Fatal(err)
	}
	if err := compiled.Validate(v); err != nil {
		tb.Error(err)
	}
}

// TestSchemas holds what is written against the publishers' own schemas, and shows that these refuse what is wrong.
func TestSchemas(t *testing.T) {
	for id, schema := range schemas() {
		t.Run(id, func(t *testing.T) {
			validate(t, schema, write(t, id, sample()))
			d := sample()
			d.Inventory, d.Target = nil, ""
			validate(t, schema, write(t, id, d))
		})
	}
}

// ocsfModel is the part of OCSF's schema that lies in testdata.
type ocsfModel struct {
	Classes map[string]ocsfType
	Objects map[string]ocsfType
}

type ocsfType struct {
	UID         int
	Attributes  map[string]ocsfAttribute
	Constraints map[string][]string
}

type ocsfAttribute struct {
	Type, Object    string
	Array, Required bool
	Enum            map[string]string
}

// TestOCSF holds every event against the classes and objects of OCSF 1.8.0: unknown, missing and mistyped attributes, values outside an
// enumeration, captions that are not those of their numbers, and constraints.
func TestOCSF(t *testing.T) {
	var m ocsfModel
	if err := json.Unmarshal(unpacked(t, "ocsf-1.8.0.json"), &m); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range bytes.Lines(write(t, "ocsf", sample())) {
		var ev map[string]any
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatal(err)
		}
		class := map[float64]string{2002: "vulnerability_finding", 2003: "compliance_finding"}[ev["class_uid"].(float64)]
		seen[class]++
		for _, fault := range m.check(m.Classes[class], ev, class) {
			t.Errorf("%s in %s", fault, line)
		}
		if ev["type_uid"].(float64) != ev["class_uid"].(float64)*100+ev["activity_id"].(float64) {
			t.Errorf("type_uid %v", ev["type_uid"])
		}
	}
	if seen["vulnerability_finding"] != 6 || seen["compliance_finding"] != 3 {
		t.Errorf("events by class: %v", seen)
	}
}

// TestOCSFModel shows that the check refuses what is wrong.
func TestOCSFModel(t *testing.T) {
	var m ocsfModel
	if err := json.Unmarshal(unpacked(t, "ocsf-1.8.0.json"), &m); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"unknown", `{"uid":"x","nonsense":1}`, "nonsense: unknown"},
		{"missing", `{}`, "uid: missing"},
		{"type", `{"uid":7}`, "uid: 7 is no string_t"},
		{"deep", `{"uid":"x","cvss":[{"base_score":"9","version":"3.1"}]}`, "cvss.base_score: 9 is no float_t"},
	} {
		var v map[string]any
		if err := json.Unmarshal([]byte(c.text), &v); err != nil {
			t.Fatal(err)
		}
		if got := m.check(m.Objects["cve"], v, ""); !slices.Contains(got, c.want) {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
	if got := m.check(m.Objects["vulnerability"], map[string]any{"cve": map[string]any{"uid": "x"}, "cwe": map[string]any{"uid": "y"}}, ""); len(got) != 1 {
		t.Errorf("two names: got %v", got)
	}
}

func (m *ocsfModel) check(t ocsfType, v map[string]any, at string) (faults []string) {
	join := func(k string) string { return strings.TrimPrefix(at+"."+k, ".") }
	for k, a := range t.Attributes {
		if _, ok := v[k]; a.Required && !ok {
			faults = append(faults, join(k)+": missing")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(v)) {
		a, ok := t.Attributes[k]
		if !ok {
			faults = append(faults, join(k)+": unknown")
			continue
		}
		list := []any{v[k]}
		if a.Array {
			if list, ok = v[k].([]any); !ok {
				faults = append(faults, join(k)+": no list")
				continue
			}
		}
		for _, e := range list {
			faults = append(faults, m.value(a, e, join(k))...)
		}
		if name, ok := strings.CutSuffix(k, "_id"); ok && a.Enum != nil && v[name] != nil {
			if want := a.Enum[fmt.Sprint(v[k])]; want != v[name] {
				faults = append(faults, fmt.Sprintf("%s: %v is called %q, want %q", join(k), v[k], v[name], want))
			}
		}
	}
	for kind, names := range t.Constraints {
		n := 0
		for _, k := range names {
			if _, ok := v[k]; ok {
				n++
			}
		}
		if n == 0 || kind == "just_one" && n != 1 {
			faults = append(faults, fmt.Sprintf("%s: %s of %v, there are %d", at, kind, names, n))
		}
	}
	return faults
}

func (m *ocsfModel) value(a ocsfAttribute, v any, at string) []string {
	ok := false
	switch a.Type {
	case "object":
		o, is := v.(map[string]any)
		if !is {
			break
		}
		t, known := m.Objects[a.Object]
		if !known {
			return []string{at + ": object " + a.Object + " is not in the model"}
		}
		return m.check(t, o, at)
	case "string_t":
		_, ok = v.(string)
	case "boolean_t":
		_, ok = v.(bool)
	case "integer_t", "long_t":
		n, is := v.(float64)
		ok = is && n == float64(int64(n))
	case "float_t":
		_, ok = v.(float64)
	default:
		ok = true
	}
	if !ok {
		return []string{fmt.Sprintf("%s: %v is no %s", at, v, a.Type)}
	}
	if a.Enum != nil {
		if _, in := a.Enum[fmt.Sprint(v)]; !in {
			return []string{fmt.Sprintf("%s: %v is none of the enumeration", at, v)}
		}
	}
	return nil
}

// TestASFF holds each line against the model of BatchImportFindings that AWS publishes.
func TestASFF(t *testing.T) {
	lib, err := model.Find(t.Context())
	if err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: ", err)
	}
	s, err := lib.Service("securityhub")
	if err != nil {
		t.Fatal(err)
	}
	op := s.Operations["BatchImportFindings"]
	if op == nil {
		t.Fatal("the model has no BatchImportFindings")
	}
	d := sample()
	for len(d.Findings) < 230 {
		d.Findings = append(d.Findings, sampleFindings()...)
	}
	lines, findings := 0, 0
	for line := range bytes.Lines(write(t, "asff", d)) {
		lines++
		for _, f := range s.RESTRequest(op, nil, nil, nil, line) {
			t.Errorf("line %d: %s", lines, f)
		}
		var r struct{ Findings []json.RawMessage }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > 100 {
			t.Errorf("%d findings in one request", len(r.Findings))
		}
		findings += len(r.Findings)
	}
	if lines != 3 || findings != len(d.Findings) {
		t.Errorf("%d requests with %d findings of %d", lines, findings, len(d.Findings))
	}
	bad := write(t, "asff", d)
	if faults := s.RESTRequest(op, nil, nil, nil, bytes.Replace(bad[:bytes.IndexByte(bad, '\n')], []byte(`"GeneratorId"`), []byte(`"Generator"`), 1)); len(faults) == 0 {
		t.Error("the model takes what is wrong")
	}
	if d.Findings[0].Status != finding.Active {
		t.Error("the sample has changed")
	}
}
