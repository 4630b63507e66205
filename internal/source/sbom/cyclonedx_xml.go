package sbom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// cycloneNamespace begins the namespace of CycloneDX in XML; the version follows it.
const cycloneNamespace = "http://cyclonedx.org/schema/bom/"

func isCycloneXML(h *head) bool {
	return strings.HasPrefix(h.line, "<") && bytes.Contains(h.b[:min(len(h.b), 8<<10)], []byte(cycloneNamespace))
}

// maxDepth bounds elements inside elements.
const maxDepth = 200

// cycloneXML reads a CycloneDX bill of materials in XML, token by token.
func cycloneXML(b []byte, out *document) error {
	r := &cycloneReader{d: &cycloneDocument{document: out}}
	x := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := x.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			err = r.start(t)
		case xml.CharData:
			if r.text.Len()+len(t) <= 1<<20 {
				r.text.Write(t)
			}
		case xml.EndElement:
			err = r.end()
		}
		if err != nil {
			return err
		}
	}
	if !r.seen {
		return fmt.Errorf("%w: it has no bom element", ErrFormat)
	}
	return r.d.place()
}

// cycloneReader follows the elements of a document.
type cycloneReader struct {
	d        *cycloneDocument
	path     []string // local names from the root
	parts    []xmlComponent
	seen     bool
	text     strings.Builder
	property string // the name of the property at hand
	hash     string // the algorithm of the hash at hand
}

// xmlComponent is a component that has begun.
type xmlComponent struct {
	component

	depth   int // of its element in the path
	subject bool
}

func (r *cycloneReader) parent(n int) string {
	if len(r.path) <= n {
		return ""
	}
	return r.path[len(r.path)-1-n]
}

func (r *cycloneReader) start(e xml.StartElement) error {
	if len(r.path) == 0 {
		v, ok := strings.CutPrefix(e.Name.Space, cycloneNamespace)
		if e.Name.Local != "bom" || !ok {
			return fmt.Errorf("%w: the root element is %q", ErrFormat, clip(e.Name.Local))
		}
		if err := cycloneVersion(v); err != nil {
			return err
		}
		r.seen = true
	}
	if len(r.path) >= maxDepth {
		return fmt.Errorf("%w: elements nested more than %d deep", ErrFormat, maxDepth)
	}
	r.path = append(r.path, e.Name.Local)
	r.text.Reset()
	switch {
	case e.Name.Local == "component" && (r.parent(1) == "components" || r.parent(1) == "metadata" && len(r.path) == 3) && !r.inside("tools") && !r.inside("dependencies"):
		r.parts = append(r.parts, xmlComponent{depth: len(r.path), subject: r.parent(1) == "metadata", component: component{kind: attribute(e, "type")}})
	case e.Name.Local == "property":
		r.property = attribute(e, "name")
	case e.Name.Local == "hash":
		r.hash = attribute(e, "alg")
	}
	return nil
}

// inside reports whether an element of that name is open.
func (r *cycloneReader) inside(name string) bool {
	for _, p := range r.path {
		if p == name {
			return true
		}
	}
	return false
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (r *cycloneReader) end() error {
	name, text := r.parent(0), strings.TrimSpace(r.text.String())
	defer func() {
		r.path = r.path[:len(r.path)-1]
		r.text.Reset()
	}()
	if name == "property" && len(r.path) == 4 && r.path[1] == "metadata" && r.path[2] == "properties" {
		r.d.metadata(r.property, text)
		return nil
	}
	if len(r.parts) == 0 {
		return nil
	}
	c := &r.parts[len(r.parts)-1]
	switch below := len(r.path) - c.depth; {
	case below == 0:
		r.parts = r.parts[:len(r.parts)-1]
		return r.d.take(c.component, c.subject)
	case below == 1:
		c.field(name, text)
	case below == 2 && name == "property":
		c.setProperty(r.property, text)
	case below == 2 && name == "hash" && r.hash == "SHA-1":
		c.sha1 = text
	case below == 4 && name == "location" && r.parent(1) == "occurrence" && len(c.locations) < maxLocations:
		c.locations = append(c.locations, text)
	}
	return nil
}

// field sets a field by the name of its element.
func (c *component) field(name, text string) {
	switch name {
	case "group":
		c.group = text
	case "name":
		c.name = text
	case "version":
		c.version = text
	case "description":
		c.description = text
	case "purl":
		c.purl = text
	case "cpe":
		c.cpe = text
	}
}
