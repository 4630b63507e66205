package model

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// JSONRequest holds the body of a JSON protocol request against the input shape of its operation.
func (s *Service) JSONRequest(op *Operation, body []byte) []Fault {
	return s.jsonBody(s.Input(op), body)
}

// JSONAnswer holds the body of a JSON protocol answer against the output shape of its operation.
func (s *Service) JSONAnswer(op *Operation, body []byte) []Fault {
	return s.jsonBody(s.Output(op), body)
}

func (s *Service) jsonBody(sh *Shape, body []byte) []Fault {
	c := s.check()
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		c.add(Type, "", "not JSON: "+err.Error())
		return c.faults
	}
	c.jsonShape("", sh, v)
	return c.faults
}

func (c *checker) jsonShape(path string, sh *Shape, v any) {
	if v == nil || sh.Document {
		return
	}
	wrong := func() { c.add(Type, path, fmt.Sprintf("%T where the model has a %s", v, sh.Type)) }
	switch sh.Type {
	case "structure":
		m, ok := v.(map[string]any)
		if !ok {
			wrong()
			return
		}
		c.jsonStructure(path, sh, m)
	case "list":
		l, ok := v.([]any)
		if !ok {
			wrong()
			return
		}
		for _, e := range l {
			c.jsonShape(path+"[]", c.s.Shapes[sh.Member.Shape], e)
		}
	case "map":
		m, ok := v.(map[string]any)
		if !ok {
			wrong()
			return
		}
		for _, e := range m {
			c.jsonShape(path+"[]", c.s.Shapes[sh.Value.Shape], e)
		}
	default:
		if !c.jsonScalar(path, sh, v) {
			wrong()
		}
	}
}

// jsonScalar reports whether v has the JSON type of the shape.
func (c *checker) jsonScalar(path string, sh *Shape, v any) bool {
	switch v := v.(type) {
	case string:
		switch sh.Type {
		case "string":
			c.scalar(path, sh, v)
			return true
		case "blob":
			_, err := base64.StdEncoding.DecodeString(v)
			return err == nil
		case "timestamp":
			_, err := time.Parse(time.RFC3339Nano, v)
			return sh.Timestamp == "iso8601" && err == nil
		}
	case bool:
		return sh.Type == "boolean"
	case json.Number:
		f, err := v.Float64()
		switch sh.Type {
		case "integer":
			_, ierr := v.Int64()
			return ierr == nil && f >= math.MinInt32 && f <= math.MaxInt32
		case "long":
			_, ierr := v.Int64()
			return ierr == nil
		case "float", "double", "timestamp":
			return err == nil
		}
	}
	return false
}

func (c *checker) jsonStructure(path string, sh *Shape, m map[string]any) {
	known := map[string]bool{}
	for name, ref := range sh.Members {
		if ref.Location != "" || sh.Payload == name {
			continue
		}
		wire := ElementName(name, ref)
		known[wire] = true
		if v, ok := m[wire]; ok {
			c.jsonShape(join(path, wire), c.s.Shapes[ref.Shape], v)
		} else if slices.Contains(sh.Required, name) {
			c.add(Missing, join(path, wire), "")
		}
	}
	for n := range m {
		if !known[n] && n != "__type" {
			c.add(Unknown, join(path, n), "")
		}
	}
}

// Route finds the operation of a REST protocol request by method and path, with the path's labels.
func (s *Service) Route(method, path string) (*Operation, map[string]string) {
	var best *Operation
	var labels map[string]string
	for _, op := range s.Operations {
		uri, _, _ := strings.Cut(op.HTTP.RequestURI, "?")
		if op.HTTP.Method != method || (best != nil && len(uri) < len(best.HTTP.RequestURI)) {
			continue
		}
		if l, ok := matchURI(uri, path); ok {
			best, labels = op, l
		}
	}
	return best, labels
}

var label = regexp.MustCompile(`^\{(\w+)\}$`)

func matchURI(uri, path string) (map[string]string, bool) {
	want, got := strings.Split(uri, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	labels := map[string]string{}
	for i, w := range want {
		if m := label.FindStringSubmatch(w); m != nil && got[i] != "" {
			v, err := url.PathUnescape(got[i])
			if err != nil {
				return nil, false
			}
			labels[m[1]] = v
		} else if w != got[i] {
			return nil, false
		}
	}
	return labels, true
}

// RESTRequest holds a REST-JSON request against the input shape: labels, query, headers and body.
func (s *Service) RESTRequest(op *Operation, labels map[string]string, query url.Values, h http.Header, body []byte) []Fault {
	sh := s.Input(op)
	c := s.check()
	known := map[string]bool{}
	for name, ref := range sh.Members {
		var v string
		var ok bool
		wire := ElementName(name, ref)
		switch ref.Location {
		case "uri":
			v, ok = labels[wire]
		case "querystring":
			known[wire] = true
			v, ok = query.Get(wire), query.Has(wire)
		case "header":
			v, ok = h.Get(wire), h.Get(wire) != ""
		default:
			continue
		}
		if ok {
			c.scalar(wire, s.Shapes[ref.Shape], v)
		} else if slices.Contains(sh.Required, name) {
			c.add(Missing, wire, "")
		}
	}
	for q := range query {
		if !known[q] && !strings.HasPrefix(q, "X-Amz-") {
			c.add(Unknown, q, "in the query")
		}
	}
	if sh.Payload == "" && len(body) > 0 {
		c.faults = append(c.faults, s.jsonBody(sh, body)...)
	}
	return c.faults
}

// RESTAnswer holds a REST-JSON answer against the output shape: headers and body.
func (s *Service) RESTAnswer(op *Operation, h http.Header, body []byte) []Fault {
	sh := s.Output(op)
	c := s.check()
	for name, ref := range sh.Members {
		if ref.Location != "header" {
			continue
		}
		if v := h.Get(ref.LocationName); v != "" {
			c.scalar(ref.LocationName, s.Shapes[ref.Shape], v)
		} else if slices.Contains(sh.Required, name) {
			c.add(Missing, ref.LocationName, "")
		}
	}
	if sh.Payload == "" {
		c.faults = append(c.faults, s.jsonBody(sh, body)...)
	}
	return c.faults
}
