package advisorydb

import (
	"errors"
	"slices"

	"hinomi/internal/advisory"
)

// Repository adds which products' packages a repository consists of.
func (b *Builder) Repository(r advisory.Repository) error {
	if r.ID == "" {
		return errors.New("add a repository: it has no id")
	}
	b.e.b = b.e.b[:0]
	b.e.strings(r.Releases)
	b.e.strings(r.Paths)
	return b.sort.add(repositoryKey(r.Ecosystem, r.ID), b.e.b)
}

// Repository returns what is known of a repository, from all feeds that speak of it; ok is false if nothing is.
func (db *DB) Repository(ecosystem, id string) (r advisory.Repository, ok bool, err error) {
	payload, err := db.find(repositoryKey(ecosystem, id))
	if err != nil || payload == nil {
		return r, false, db.fault(err, "look up repository "+id)
	}
	r.Ecosystem, r.ID = ecosystem, id
	d := decoder{b: payload}
	for n := d.count(); n > 0 && d.err == nil; n-- {
		for _, list := range []struct{ to *[]string }{{&r.Releases}, {&r.Paths}} {
			for _, s := range d.strings() {
				if !slices.Contains(*list.to, s) {
					*list.to = append(*list.to, s)
				}
			}
		}
	}
	return r, d.err == nil, db.fault(d.err, "look up repository "+id)
}

// repositoryKey returns the key of one repository of an ecosystem.
func repositoryKey(ecosystem, id string) []byte {
	return append(append(append([]byte{keyRepository}, ecosystem...), 0), id...)
}
