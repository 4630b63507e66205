package export_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"hinomi/internal/action/export"
	"hinomi/internal/finding"
)

// words are the packages whose types the JSON is made of.
var words = []string{"finding", "asset", "advisory", "inventory", "action/export"}

// source is what the code says beside its types: comments of fields, and the values of named texts.
type source struct {
	comment map[string]string   // by package, type and field: "finding.Finding.ID"
	values  map[string][]string // by package and type: "finding.Severity"
}

func readSource(tb testing.TB) source {
	tb.Helper()
	s := source{map[string]string{}, map[string][]string{}}
	for _, dir := range words {
		names, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*.go"))
		if err != nil || len(names) == 0 {
			tb.Fatal(dir, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				tb.Fatal(err)
			}
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok {
					s.declaration(f.Name.Name, g)
				}
			}
		}
	}
	return s
}

func (s *source) declaration(pkg string, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			st, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range st.Fields.List {
				text := strings.TrimSpace(f.Comment.Text())
				if text == "" {
					text = strings.TrimSpace(f.Doc.Text())
				}
				for _, n := range f.Names {
					s.comment[pkg+"."+spec.Name.Name+"."+n.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
		case *ast.ValueSpec:
			t, ok := spec.Type.(*ast.Ident)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						s.values[pkg+"."+t.Name] = append(s.values[pkg+"."+t.Name], text)
					}
				}
			}
		}
	}
}

// schema makes a JSON Schema of a type, with the types that it is made of in defs.
func (s *source) schema(t reflect.Type, defs map[string]any) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return s.schema(t.Elem(), defs)
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": s.schema(t.Elem(), defs)}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.schema(t.Elem(), defs)}
	case t.Kind() == reflect.Struct:
		name := t.String()
		if _, ok := defs[name]; !ok {
			defs[name] = nil // a type that holds itself
			defs[name] = s.object(t, defs)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	case t.Kind() == reflect.String:
		out := map[string]any{"type": "string"}
		if v := s.values[t.String()]; len(v) > 0 {
			slices.Sort(v)
			out["enum"] = slices.Compact(v)
		}
		return out
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Float64:
		return map[string]any{"type": "number"}
	default:
		return map[string]any{"type": "integer"}
	}
}

func (s *source) object(t reflect.Type, defs map[string]any) map[string]any {
	props, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		p := s.schema(f.Type, defs)
		if c := s.comment[t.String()+"."+f.Name]; c != "" {
			p["description"] = c
		}
		if p["enum"] != nil && name == "kind" && t.Name() == "Ref" {
			delete(p, "enum") // a finding of a scan without an installation is on no asset
		}
		props[name] = p
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return map[string]any{"type": "object", "properties": props, "required": required}
}

// TestReportSchema holds docs/schema against the types, and what is written against docs/schema.
func TestReportSchema(t *testing.T) {
	src := readSource(t)
	for name, c := range map[string]struct {
		title string
		of    reflect.Type
		value any
	}{
		"scan.schema.json": {"What hinomi scan and hinomi match show with --output json", reflect.TypeFor[export.Report](), export.NewReport(export.Report{
			Target: "/", Kind: "host", OS: sampleInventory().OS, Packages: 5, Findings: sampleFindings(), NotAssessed: sample().NotAssessed, Feeds: sample().Feeds,
		})},
		"findings.schema.json": {"What hinomi findings shows with --output json", reflect.TypeFor[[]finding.Finding](), sampleFindings()},
	} {
		t.Run(name, func(t *testing.T) {
			defs := map[string]any{}
			s := src.schema(c.of, defs)
			s["$schema"], s["title"], s["$defs"] = "https://json-schema.org/draft/2020-12/schema", c.title, defs
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(s); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("..", "..", "..", "docs", "schema", name)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(kept), b.String()); diff != "" {
				t.Errorf("the types have changed: go test ./internal/action/export -update\n%s", diff)
			}
			checkReport(t, kept, c.value)
		})
	}
}

// checkReport holds a value against a schema, and one that lacks what is required.
func checkReport(t *testing.T, schema []byte, value any) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		text string
		ok   bool
	}{
		{string(b), true},
		{strings.ReplaceAll(string(b), `"severity":"CRITICAL"`, `"severity":"SEVERE"`), false},
		{strings.ReplaceAll(string(b), `"title":`, `"titel":`), false},
		{strings.ReplaceAll(string(b), `"firstObservedAt":"2026`, `"firstObservedAt":"in 2026`), false},
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(try.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(v); (err == nil) != try.ok {
			t.Errorf("valid: want %v, got %v", try.ok, err)
		}
	}
}
