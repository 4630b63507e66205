package sbom

import (
	"fmt"
	"strings"

	"hinomi/internal/inventory/lockfile/jsontree"
)

// spdx3 reads an SPDX 3.0 document in JSON-LD, as its own serialization writes it: a flat @graph.
func spdx3(b []byte, out *document) error {
	d := newSPDX(out)
	spdx := false
	err := jsontree.Members(b, func(key string, v []byte) error {
		switch key {
		case "@context":
			spdx = strings.Contains(string(v[:min(len(v), 4096)]), "spdx.org/rdf/3.")
		case "@graph":
			return jsontree.Elements(v, d.element)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !spdx {
		return fmt.Errorf("%w: a JSON-LD document whose context is not SPDX 3", ErrUnknown)
	}
	return d.place()
}

// element reads one element of the graph: packages, and which elements the document and its bills are about.
func (d *spdxDocument) element(b []byte) error {
	var kind, purl string
	var p spdxPackage
	var roots, ids []byte
	texts := map[string]*string{
		"type": &kind, "@type": &kind, "spdxId": &p.id, "@id": &p.id, "name": &p.name, "software_packageVersion": &p.version, "software_packageUrl": &purl,
		"software_primaryPurpose": &p.purpose, "software_sourceInfo": &p.source,
	}
	comment := ""
	texts["comment"] = &comment
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		into, ok := texts[key]
		switch {
		case ok && len(v) > 0 && v[0] == '"':
			*into, err = jsontree.Text(v)
		case key == "rootElement":
			roots = v
		case key == "externalIdentifier":
			ids = v
		}
		return err
	})
	if err != nil {
		return err
	}
	switch kind {
	case "SpdxDocument", "software_Sbom", "Bom":
		if kind == "SpdxDocument" {
			if err := d.documentComment(comment); err != nil {
				return err
			}
		}
		return jsontree.Elements(orNull(roots), func(v []byte) error {
			id, err := jsontree.Text(v)
			d.subjects[id] = true
			return err
		})
	case "software_Package", "ai_AIPackage", "dataset_DatasetPackage":
		p.comment(comment)
		if purl != "" {
			p.purls = append(p.purls, purl)
		} else if err := jsontree.Elements(orNull(ids), p.identifier); err != nil {
			return err
		}
		return d.take(p)
	}
	return nil
}

// identifier keeps an external identifier that is a package URL.
func (p *spdxPackage) identifier(b []byte) error {
	var e struct {
		Kind string `json:"externalIdentifierType"`
		ID   string `json:"identifier"`
	}
	if err := jsontree.Decode(b, &e); err != nil {
		return err
	}
	if (e.Kind == "packageUrl" || e.Kind == "purl") && len(p.purls) == 0 {
		p.purls = append(p.purls, e.ID)
	}
	return nil
}

// orNull makes an absent list an empty one.
func orNull(b []byte) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}
