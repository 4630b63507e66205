package sbom

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory/lockfile/jsontree"
)

// spdxJSON reads an SPDX 2.2 or 2.3 document in JSON (ISO/IEC 5962), package by package.
func spdxJSON(b []byte, out *document) error {
	d := newSPDX(out)
	version := ""
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "spdxVersion":
			version, err = jsontree.Text(v)
		case "comment":
			var s string
			if s, err = jsontree.Text(v); err == nil {
				err = d.documentComment(s)
			}
		case "packages":
			err = jsontree.Elements(v, d.jsonPackage)
		case "documentDescribes":
			err = jsontree.Elements(v, func(v []byte) error {
				id, err := jsontree.Text(v)
				d.subjects[id] = true
				return err
			})
		case "relationships":
			err = jsontree.Elements(v, d.jsonRelationship)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := spdxVersion(version); err != nil {
		return err
	}
	return d.place()
}

func spdxVersion(v string) error {
	if !strings.HasPrefix(v, "SPDX-2.") {
		return fmt.Errorf("%w: SPDX version %q, of which 2.x and 3.x are read", ErrUnknown, clip(v))
	}
	return nil
}

func (d *spdxDocument) jsonPackage(b []byte) error {
	var p spdxPackage
	texts := map[string]*string{"SPDXID": &p.id, "name": &p.name, "versionInfo": &p.version, "primaryPackagePurpose": &p.purpose, "sourceInfo": &p.source}
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		if into, ok := texts[key]; ok {
			*into, err = jsontree.Text(v)
			return err
		}
		switch key {
		case "comment":
			var s string
			if s, err = jsontree.Text(v); err == nil {
				p.comment(s)
			}
			return err
		case "externalRefs":
			return jsontree.Elements(v, p.jsonRef)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.take(p)
}

func (p *spdxPackage) jsonRef(b []byte) error {
	var kind, locator string
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "referenceType":
			kind, err = jsontree.Text(v)
		case "referenceLocator":
			locator, err = jsontree.Text(v)
		}
		return err
	})
	p.reference(kind, locator)
	return err
}

// reference keeps an external reference that is a package URL. Its type is the word purl, or an address that ends with it.
func (p *spdxPackage) reference(kind, locator string) {
	if kind == "purl" || strings.HasSuffix(kind, "/purl") {
		p.purls = append(p.purls, locator)
	}
}

func (d *spdxDocument) jsonRelationship(b []byte) error {
	var kind, from, to string
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "relationshipType":
			kind, err = jsontree.Text(v)
		case "spdxElementId":
			from, err = jsontree.Text(v)
		case "relatedSpdxElement":
			to, err = jsontree.Text(v)
		}
		return err
	})
	d.relation(from, kind, to)
	return err
}

func (d *spdxDocument) relation(from, kind, to string) {
	switch kind {
	case "DESCRIBES":
		d.subjects[to] = true
	case "DESCRIBED_BY":
		d.subjects[from] = true
	}
}
