package sbom

import (
	"fmt"
	"slices"

	"hinomi/internal/inventory/lockfile/jsontree"
)

// maxNesting bounds components inside components. Documents of scanners have two levels.
const maxNesting = 16

// cycloneVersion says whether we read a version of CycloneDX (ECMA-424 is 1.6).
func cycloneVersion(v string) error {
	if !slices.Contains([]string{"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"}, v) {
		return fmt.Errorf("%w: CycloneDX version %q, of which 1.0 to 1.7 are read", ErrFormat, clip(v))
	}
	return nil
}

// cycloneJSON reads a CycloneDX bill of materials in JSON, component by component: a whole tree of one of 100 MB would need gigabytes.
func cycloneJSON(b []byte, out *document) error {
	d := &cycloneDocument{document: out}
	var form, version string
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "bomFormat":
			form, err = jsontree.Text(v)
		case "specVersion":
			version, err = jsontree.Text(v)
		case "metadata":
			err = d.readMetadata(v)
		case "components":
			err = d.components(v, 1)
		}
		return err
	})
	if err != nil {
		return err
	}
	if form != "CycloneDX" {
		return fmt.Errorf("%w: bomFormat %q", ErrFormat, clip(form))
	}
	if err := cycloneVersion(version); err != nil {
		return err
	}
	return d.place()
}

func (d *cycloneDocument) readMetadata(b []byte) error {
	return jsontree.Members(b, func(key string, v []byte) error {
		switch key {
		case "component":
			return d.readComponent(v, 1, true)
		case "properties":
			return properties(v, d.metadata)
		}
		return nil
	})
}

func (d *cycloneDocument) components(b []byte, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("%w: components nested more than %d deep", ErrFormat, maxNesting)
	}
	return jsontree.Elements(b, func(v []byte) error { return d.readComponent(v, depth, false) })
}

// readComponent reads one component and those inside it.
func (d *cycloneDocument) readComponent(b []byte, depth int, subject bool) error {
	var c component
	texts := map[string]*string{
		"type": &c.kind, "group": &c.group, "name": &c.name, "version": &c.version, "description": &c.description, "purl": &c.purl, "cpe": &c.cpe,
	}
	err := jsontree.Members(b, func(key string, v []byte) (err error) {
		if into, ok := texts[key]; ok {
			*into, err = jsontree.Text(v)
			return err
		}
		switch key {
		case "properties":
			return properties(v, c.setProperty)
		case "evidence":
			return jsontree.Members(v, func(key string, v []byte) error {
				if key != "occurrences" {
					return nil
				}
				return c.occurrences(v)
			})
		case "hashes":
			return c.hashes(v)
		case "components":
			return d.components(v, depth+1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.take(c, subject)
}

func (c *component) occurrences(b []byte) error {
	return jsontree.Elements(b, func(v []byte) error {
		return jsontree.Members(v, func(key string, v []byte) error {
			if key != "location" || len(c.locations) >= maxLocations {
				return nil
			}
			s, err := jsontree.Text(v)
			c.locations = append(c.locations, s)
			return err
		})
	})
}

func (c *component) hashes(b []byte) error {
	return jsontree.Elements(b, func(v []byte) error {
		var alg, content string
		err := jsontree.Members(v, func(key string, v []byte) (err error) {
			switch key {
			case "alg":
				alg, err = jsontree.Text(v)
			case "content":
				content, err = jsontree.Text(v)
			}
			return err
		})
		if alg == "SHA-1" {
			c.sha1 = content
		}
		return err
	})
}

// properties calls do with each property of a list of them.
func properties(b []byte, do func(name, value string)) error {
	return jsontree.Elements(b, func(v []byte) error {
		var name, value string
		err := jsontree.Members(v, func(key string, v []byte) (err error) {
			switch key {
			case "name":
				name, err = jsontree.Text(v)
			case "value":
				value, err = jsontree.Text(v)
			}
			return err
		})
		do(name, value)
		return err
	})
}
