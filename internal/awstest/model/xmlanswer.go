package model

import (
	"slices"
	"strings"
)

// Result returns the element that holds the output's members: the root in EC2's protocol, the result wrapper in Query's.
func (s *Service) Result(op *Operation, root *Node) *Node {
	if op.Output.ResultWrapper == "" {
		return root
	}
	return root.Child(op.Output.ResultWrapper)
}

// ElementName is a member's element name in an XML answer.
func ElementName(name string, ref Ref) string {
	if ref.LocationName != "" {
		return ref.LocationName
	}
	return name
}

// XMLAnswer holds the XML answer of an EC2 or Query protocol operation against its output shape.
func (s *Service) XMLAnswer(op *Operation, root *Node) []Fault {
	c := s.check()
	if want := op.Name + "Response"; root.Name != want {
		c.add(Unknown, root.Name, "want root "+want)
		return c.faults
	}
	result := s.Result(op, root)
	if result == nil {
		if len(s.Output(op).Members) > 0 {
			c.add(Missing, op.Output.ResultWrapper, "")
		}
		return c.faults
	}
	skip := []string{"requestId"}
	if op.Output.ResultWrapper != "" {
		skip = nil
	} else if s.Metadata.Protocol == "query" {
		skip = []string{"ResponseMetadata"}
	}
	c.xmlStructure("", s.Output(op), result, skip)
	return c.faults
}

func (c *checker) xmlShape(path string, sh *Shape, n *Node) {
	switch sh.Type {
	case "structure":
		c.xmlStructure(path, sh, n, nil)
	case "list":
		item := sh.Member.LocationName
		if item == "" {
			item = "member"
		}
		if len(n.Children) == 0 && strings.TrimSpace(n.Text) != "" {
			c.add(Type, path, "a single value where the model has a list")
		}
		for _, e := range n.Children {
			if e.Name != item {
				c.add(Unknown, join(path, e.Name), "want "+item)
				continue
			}
			c.xmlShape(path+"[]", c.s.Shapes[sh.Member.Shape], e)
		}
	case "map":
		for _, e := range n.Children {
			c.xmlMapEntry(path, sh, e)
		}
	default:
		if len(n.Children) > 0 {
			c.add(Type, path, "elements where the model has a "+sh.Type)
			return
		}
		// An empty element of a string is the empty string; of a number, a boolean or a time it is not a value.
		if sh.Type == "string" && n.Text == "" {
			return
		}
		c.scalar(path, sh, strings.TrimSpace(n.Text))
	}
}

func (c *checker) xmlMapEntry(path string, sh *Shape, e *Node) {
	key, value := sh.Key.LocationName, sh.Value.LocationName
	if key == "" {
		key = "key"
	}
	if value == "" {
		value = "value"
	}
	if e.Child(key) == nil {
		c.add(Missing, path+"[]."+key, "")
	}
	if v := e.Child(value); v != nil {
		c.xmlShape(path+"[]", c.s.Shapes[sh.Value.Shape], v)
	}
}

func (c *checker) xmlStructure(path string, sh *Shape, n *Node, skip []string) {
	byWire := make(map[string]Ref, len(sh.Members))
	for name, ref := range sh.Members {
		wire := ElementName(name, ref)
		if m := c.s.Shapes[ref.Shape]; m.Type == "list" && m.Flattened && m.Member.LocationName != "" {
			wire = m.Member.LocationName
		}
		byWire[wire] = ref
		if slices.Contains(sh.Required, name) && n.Child(wire) == nil && !ref.XMLAttribute {
			c.add(Missing, join(path, wire), "")
		}
	}
	if len(n.Children) == 0 && strings.TrimSpace(n.Text) != "" {
		c.add(Type, path, "text where the model has a structure")
	}
	for _, e := range n.Children {
		ref, ok := byWire[e.Name]
		if !ok {
			if !slices.Contains(skip, e.Name) {
				c.add(Unknown, join(path, e.Name), "")
			}
			continue
		}
		m := c.s.Shapes[ref.Shape]
		if m.Type == "list" && (m.Flattened || ref.Flattened) {
			c.xmlShape(join(path, e.Name)+"[]", c.s.Shapes[m.Member.Shape], e)
			continue
		}
		c.xmlShape(join(path, e.Name), m, e)
	}
}
