package model

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds the nesting of an answer; the deepest shape of EC2's model has nine levels.
const maxDepth = 64

// Node is one element of an XML answer: its local name, its children in order and, if it has none, its text.
type Node struct {
	Name     string
	Space    string // the name space as it was written on this element, or empty
	Children []*Node
	Text     string
}

// ParseXML reads one document.
func ParseXML(b []byte) (*Node, error) {
	dec := xml.NewDecoder(bytes.NewReader(b))
	var root *Node
	var stack []*Node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parse XML: %w", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &Node{Name: tok.Name.Local}
			for _, a := range tok.Attr {
				if a.Name.Local == "xmlns" && a.Name.Space == "" {
					n.Space = a.Value
				}
			}
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.Children = append(top.Children, n)
			case root != nil:
				return nil, errors.New("parse XML: two roots")
			default:
				root = n
			}
			if stack = append(stack, n); len(stack) > maxDepth {
				return nil, fmt.Errorf("parse XML: nested deeper than %d", maxDepth)
			}
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(tok)
			}
		}
	}
	if root == nil {
		return nil, errors.New("parse XML: no element")
	}
	return root, nil
}

// Child returns the first child of that name, or nil.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Path follows children by name and returns the last one's text, or "".
func (n *Node) Path(names ...string) string {
	for _, name := range names {
		if n = n.Child(name); n == nil {
			return ""
		}
	}
	return strings.TrimSpace(n.Text)
}

// Set gives the child of that name this text, adding the child if there is none. An empty text removes it.
func (n *Node) Set(name, text string) {
	c := n.Child(name)
	if text == "" {
		n.Remove(name)
		return
	}
	if c == nil {
		c = &Node{Name: name}
		n.Children = append(n.Children, c)
	}
	c.Text, c.Children = text, nil
}

// Remove takes away the children of that name.
func (n *Node) Remove(name string) {
	kept := n.Children[:0]
	for _, c := range n.Children {
		if c.Name != name {
			kept = append(kept, c)
		}
	}
	n.Children = kept
}

// Bytes writes the document.
func (n *Node) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	n.write(&b)
	return b.Bytes()
}

func (n *Node) write(b *bytes.Buffer) {
	b.WriteString("<" + n.Name)
	if n.Space != "" {
		b.WriteString(` xmlns="`)
		_ = xml.EscapeText(b, []byte(n.Space)) // a bytes.Buffer does not fail
		b.WriteString(`"`)
	}
	if len(n.Children) == 0 && n.Text == "" {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	if len(n.Children) == 0 {
		_ = xml.EscapeText(b, []byte(n.Text)) // as above
	}
	for _, c := range n.Children {
		c.write(b)
	}
	b.WriteString("</" + n.Name + ">")
}
