package csaf

import (
	"fmt"
	"strings"

	"hinomi/internal/source/feed/form"
)

// tree finds products by their id.
type tree struct {
	products map[string]*Product
	parts    map[string][2]string // of a relationship: component and platform
}

// maxDepth bounds how far branches and relationships are followed. Publishers use three levels of branches and two of relationships.
const maxDepth = 32

// index builds the tree of a document.
func (d *document) index() (*tree, faults) {
	t := &tree{products: map[string]*Product{}, parts: make(map[string][2]string, len(d.Tree.Relationships))}
	var f faults
	for i := range d.Tree.Names {
		t.add(&d.Tree.Names[i], "product_name")
	}
	t.branches(d.Tree.Branches, 0, &f)
	for i := range d.Tree.Relationships {
		r := &d.Tree.Relationships[i]
		t.parts[r.Name.ID] = [2]string{r.Component, r.Platform}
	}
	return t, f
}

func (t *tree) add(p *product, category string) {
	t.products[p.ID] = &Product{ID: p.ID, Name: p.Name, Category: category, CPE: p.Helper.CPE, PURL: p.Helper.PURL}
}

func (t *tree) branches(l []branch, depth int, f *faults) {
	if depth > maxDepth {
		f.add("the product tree is deeper than %d", maxDepth)
		return
	}
	for i := range l {
		if l[i].Product != nil {
			t.add(l[i].Product, l[i].Category)
		}
		t.branches(l[i].Branches, depth+1, f)
	}
}

// resolve takes a product id apart into a package, its module and the system they are for. component is nil for a product that is no part
// of another; then platform is the product itself. ok is false if an id has no meaning in the document.
func (t *tree) resolve(id string) (component, module, platform *Product, ok bool) {
	parts, related := t.parts[id]
	if !related {
		platform = t.products[id]
		return nil, nil, platform, platform != nil
	}
	if component = t.product(parts[0]); component == nil {
		return nil, nil, nil, false
	}
	for range maxDepth {
		above := parts[1]
		if platform = t.products[above]; platform != nil {
			return component, module, platform, true
		}
		if parts, related = t.parts[above]; !related {
			return nil, nil, nil, false
		}
		if m := t.product(parts[0]); m != nil {
			module = m
		}
	}
	return nil, nil, nil, false
}

// product finds a component, which may itself be named by a relationship.
func (t *tree) product(id string) *Product {
	for range maxDepth {
		if p := t.products[id]; p != nil {
			return p
		}
		parts, ok := t.parts[id]
		if !ok {
			return nil
		}
		id = parts[0]
	}
	return nil
}

// faults collects what was not understood of a document.
type faults struct {
	first []string
	n     int
}

// maxFaults is how many are named.
const maxFaults = 8

func (f *faults) add(format string, args ...any) {
	f.n++
	if len(f.first) < maxFaults {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *faults) err() error {
	switch {
	case f.n == 0:
		return nil
	case f.n > len(f.first):
		return fmt.Errorf("%w: %s; and %d more", form.ErrFormat, strings.Join(f.first, "; "), f.n-len(f.first))
	}
	return fmt.Errorf("%w: %s", form.ErrFormat, strings.Join(f.first, "; "))
}
