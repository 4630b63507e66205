package model

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// param is a form's parameters as a tree: Filter.1.Value.2 is filter → 1 → value → 2.
type param struct {
	value string
	set   bool
	sub   map[string]*param
}

func (p *param) at(name string) *param {
	if p.sub == nil {
		p.sub = map[string]*param{}
	}
	if p.sub[name] == nil {
		p.sub[name] = &param{}
	}
	return p.sub[name]
}

func (p *param) names() []string {
	names := make([]string, 0, len(p.sub))
	for n := range p.sub {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// QueryRequest holds the form of an EC2 or Query protocol request against the input shape of its operation.
// Source: "Amazon EC2 Query protocol" and "AWS Query protocol", Smithy 2.0 specification.
func (s *Service) QueryRequest(op *Operation, form url.Values) []Fault {
	c := s.check()
	root := &param{}
	for k, v := range form {
		if k == "Action" || k == "Version" {
			continue
		}
		if len(v) != 1 {
			c.add(Type, k, "given more than once")
		}
		p := root
		for part := range strings.SplitSeq(k, ".") {
			p = p.at(part)
		}
		p.value, p.set = v[0], true
	}
	c.queryShape("", s.Input(op), root)
	return c.faults
}

func (c *checker) queryShape(path string, sh *Shape, p *param) {
	switch sh.Type {
	case "structure":
		c.queryStructure(path, sh, p)
	case "list":
		c.queryList(path, sh, p)
	case "map":
		c.queryMap(path, sh, p)
	default:
		if len(p.sub) > 0 {
			c.add(Unknown, join(path, p.names()[0]), "below a "+sh.Type)
			return
		}
		c.scalar(path, sh, p.value)
	}
}

// queryName is a member's name in a request: in EC2's protocol queryName, else locationName with a capital, else its own.
func (c *checker) queryName(name string, ref Ref) string {
	if c.s.Metadata.Protocol == "ec2" {
		if ref.QueryName != "" {
			return ref.QueryName
		}
		if ref.LocationName != "" {
			return strings.ToUpper(ref.LocationName[:1]) + ref.LocationName[1:]
		}
		return name
	}
	sh := c.s.Shapes[ref.Shape]
	if sh != nil && sh.Type == "list" && sh.Flattened && sh.Member.LocationName != "" {
		return sh.Member.LocationName
	}
	if ref.LocationName != "" {
		return ref.LocationName
	}
	return name
}

func (c *checker) queryStructure(path string, sh *Shape, p *param) {
	if p.set && p.value != "" {
		c.add(Type, path, "a single value where the model has a structure")
		return
	}
	known := map[string]bool{}
	for name, ref := range sh.Members {
		wire := c.queryName(name, ref)
		known[wire] = true
		sub := p.sub[wire]
		if sub == nil {
			if slices.Contains(sh.Required, name) {
				c.add(Missing, join(path, wire), "")
			}
			continue
		}
		c.queryShape(join(path, wire), c.s.Shapes[ref.Shape], sub)
	}
	for _, n := range p.names() {
		if !known[n] {
			c.add(Unknown, join(path, n), "")
		}
	}
}

func (c *checker) queryList(path string, sh *Shape, p *param) {
	if p.set {
		if p.value != "" { // an empty list is sent as an empty value
			c.add(Type, path, "a single value where the model has a list")
		}
		return
	}
	if c.s.Metadata.Protocol != "ec2" && !sh.Flattened {
		wrap := sh.Member.LocationName
		if wrap == "" {
			wrap = "member"
		}
		for _, n := range p.names() {
			if n != wrap {
				c.add(Unknown, join(path, n), "want "+wrap)
			}
		}
		if p = p.sub[wrap]; p == nil {
			return
		}
		path = join(path, wrap)
	}
	for _, n := range p.names() {
		if i, err := strconv.Atoi(n); err != nil || i < 1 {
			c.add(Unknown, join(path, n), "not a list position")
			continue
		}
		c.queryShape(path+"[]", c.s.Shapes[sh.Member.Shape], p.sub[n])
	}
}

func (c *checker) queryMap(path string, sh *Shape, p *param) {
	if !sh.Flattened {
		if p = p.sub["entry"]; p == nil {
			c.add(Unknown, path, "a map without entry")
			return
		}
	}
	key, value := sh.Key.LocationName, sh.Value.LocationName
	if key == "" {
		key = "key"
	}
	if value == "" {
		value = "value"
	}
	for _, n := range p.names() {
		e := p.sub[n]
		if e.sub[key] == nil {
			c.add(Missing, path+"[]."+key, "")
		}
		if v := e.sub[value]; v != nil {
			c.queryShape(path+"[]", c.s.Shapes[sh.Value.Shape], v)
		}
	}
}
