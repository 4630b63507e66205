package vex

import (
	"cmp"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// openHead is what an OpenVEX document says once for all its statements (OpenVEX 0.2.0, "Document").
type openHead struct {
	author, timestamp, updated string
	statements                 []byte
}

// openVEX reads an OpenVEX document. Author and time of the document hold for statements that give none ("Inheritance / Cascading").
func (d *reader) openVEX(b []byte) error {
	var h openHead
	texts := map[string]*string{"author": &h.author, "timestamp": &h.timestamp, "last_updated": &h.updated}
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		if into, ok := texts[key]; ok {
			*into, err = jsontree.Text(v)
			return err
		}
		if key == "statements" {
			h.statements = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if h.statements == nil {
		return fmt.Errorf("%w: it has no statements", ErrFormat)
	}
	return jsontree.Elements(h.statements, func(v []byte) error { return d.openStatement(v, &h) })
}

// openStatement reads one statement, which becomes one of ours for each product that it names.
func (d *reader) openStatement(b []byte, h *openHead) error {
	s := advisory.Statement{Author: h.author}
	var status, justification, timestamp, updated, notes string
	var products []byte
	texts := map[string]*string{
		"status": &status, "justification": &justification, "impact_statement": &s.Impact, "timestamp": &timestamp, "last_updated": &updated, "status_notes": &notes,
		"supplier": new(string),
	}
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		if into, ok := texts[key]; ok {
			*into, err = jsontree.Text(v)
			return err
		}
		switch key {
		case "vulnerability":
			err = openVulnerability(v, &s)
		case "products":
			products = v
		}
		return err
	})
	if err != nil {
		return err
	}
	s.Status, s.Justification = advisory.Status(status), advisory.Justification(justification)
	if s.Impact == "" && s.Status == advisory.NotAffected {
		s.Impact = notes
	}
	s.At = when(cmp.Or(updated, timestamp, h.updated, h.timestamp))
	switch {
	case s.Vulnerability == "":
		d.problem("a statement", "it names no vulnerability")
		return nil
	case !known(s.Status):
		d.problem(s.Vulnerability, fmt.Sprintf("its status %q is none of OpenVEX", clip(status)))
		return nil
	case products == nil:
		d.problem(s.Vulnerability, "it names no product")
		return nil
	}
	n := 0
	err = jsontree.Elements(products, func(v []byte) error {
		n++
		return d.openProduct(v, s)
	})
	if err == nil && n == 0 {
		d.problem(s.Vulnerability, "it names no product")
	}
	return err
}

func known(s advisory.Status) bool {
	switch s {
	case advisory.NotAffected, advisory.AffectedStatus, advisory.FixedStatus, advisory.UnderInvestigation:
		return true
	}
	return false
}

// openVulnerability reads the vulnerability: an object since 0.2.0, a text before. Its @id may be an address whose last part is the id.
func openVulnerability(b []byte, s *advisory.Statement) error {
	if len(b) > 0 && b[0] == '"' {
		var err error
		s.Vulnerability, err = jsontree.Text(b)
		return err
	}
	id := ""
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "name":
			s.Vulnerability, err = jsontree.Text(v)
		case "@id":
			id, err = jsontree.Text(v)
		case "aliases":
			err = jsontree.Elements(v, func(v []byte) error {
				a, err := jsontree.Text(v)
				if a != "" && len(s.Aliases) < 100 {
					s.Aliases = append(s.Aliases, a)
				}
				return err
			})
		}
		return err
	})
	if s.Vulnerability == "" {
		s.Vulnerability = id[strings.LastIndexByte(id, '/')+1:]
	}
	return err
}

// openProduct adds a statement for one product. Of a product with subcomponents the statement is about these inside it: inside an instance that
// is a package there; inside anything else it says nothing of other places, and is not heard.
func (d *reader) openProduct(b []byte, s advisory.Statement) error {
	id, parts, err := openComponent(b)
	if err != nil {
		return err
	}
	if !place(&s, id) {
		d.problem(s.Vulnerability+" in "+id, "the product is neither a package URL nor an instance")
		return nil
	}
	if parts == nil {
		return d.add(s)
	}
	n := 0
	err = jsontree.Elements(parts, func(v []byte) error {
		n++
		part, _, err := openComponent(v)
		if err != nil {
			return err
		}
		inside := advisory.Statement{}
		if s.Asset == "" || !place(&inside, part) || inside.Product == "" {
			d.problem(s.Vulnerability+" in "+part, "it is said of a part of "+id+" only")
			return nil
		}
		t := s
		t.Product = inside.Product
		return d.add(t)
	})
	if err == nil && n == 0 {
		return d.add(s)
	}
	return err
}

// openComponent reads a product or subcomponent: a text before 0.2.0, else an object whose package URL, if it has one, names it best.
func openComponent(b []byte) (id string, parts []byte, err error) {
	if len(b) > 0 && b[0] == '"' {
		id, err = jsontree.Text(b)
		return id, nil, err
	}
	purl := ""
	err = jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "@id":
			id, err = jsontree.Text(v)
		case "identifiers":
			err = jsontree.Members(v, func(key string, v []byte) (err error) {
				if key == "purl" {
					purl, err = jsontree.Text(v)
				}
				return err
			})
		case "subcomponents":
			parts = v
		}
		return err
	})
	return cmp.Or(purl, id), parts, err
}
