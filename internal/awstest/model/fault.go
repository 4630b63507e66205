package model

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Kind says how a request or an answer departs from the model.
type Kind string

// The kinds of fault. Enum is a warning: AWS adds values before models follow.
const (
	Unknown Kind = "unknown member"
	Missing Kind = "missing required member"
	Type    Kind = "wrong type"
	Enum    Kind = "value not in enum"
)

// Fault is one departure from the model, at Path (member names joined by dots, list elements as []).
type Fault struct {
	Kind   Kind
	Path   string
	Detail string
}

func (f Fault) String() string {
	if f.Detail == "" {
		return fmt.Sprintf("%s: %s", f.Kind, f.Path)
	}
	return fmt.Sprintf("%s: %s (%s)", f.Kind, f.Path, f.Detail)
}

// checker gathers faults, each kind and path once.
type checker struct {
	s      *Service
	faults []Fault
	seen   map[string]bool
}

func (s *Service) check() *checker { return &checker{s: s, seen: map[string]bool{}} }

func (c *checker) add(k Kind, path, detail string) {
	if key := string(k) + path; !c.seen[key] {
		c.seen[key] = true
		c.faults = append(c.faults, Fault{k, path, detail})
	}
}

// scalar holds a value as written in a form, an XML text, a header or a query against a shape.
func (c *checker) scalar(path string, sh *Shape, v string) {
	var err error
	switch sh.Type {
	case "string":
		if len(sh.Enum) > 0 && !slices.Contains(sh.Enum, v) {
			c.add(Enum, path, v)
		}
	case "boolean":
		if v != "true" && v != "false" {
			c.add(Type, path, "not a boolean: "+v)
		}
	case "integer":
		_, err = strconv.ParseInt(v, 10, 32)
	case "long":
		_, err = strconv.ParseInt(v, 10, 64)
	case "float", "double":
		_, err = strconv.ParseFloat(v, 64)
	case "timestamp":
		_, err = time.Parse(time.RFC3339Nano, v)
	case "blob":
		_, err = base64.StdEncoding.DecodeString(v)
	default:
		c.add(Type, path, "a single value where the model has a "+sh.Type)
	}
	if err != nil {
		c.add(Type, path, fmt.Sprintf("not a %s: %.60s", sh.Type, v))
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
