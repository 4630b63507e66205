package advisorydb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"hinomi/internal/advisory"
)

// Ask names a key of the index: what a verdict that looked it up depends on. It is the same in every file.
type Ask int64

// AskPackage returns the ask for the rows of one package of one release.
func AskPackage(at advisory.Coordinate) Ask {
	var buf [160]byte
	return askOf(packageKey(buf[:0], at.Ecosystem, at.Release, at.Package))
}

// AskCVE returns the ask for what is known of a CVE beside the advisories.
func AskCVE(id string) Ask { return askOf(idKey(keyCVE, id)) }

// AskRepository returns the ask for the products of a repository.
func AskRepository(ecosystem, id string) Ask { return askOf(repositoryKey(ecosystem, id)) }

// AskLifecycle returns the ask for a product's support dates.
func AskLifecycle(product string) Ask { return askOf(idKey(keyLifecycle, product)) }

func askOf(key []byte) Ask { return Ask(xxhash.Sum64(key)) } //nolint:gosec // the same 64 bits

// printOf hashes what a key says of documents, with their contents instead of their numbers, so that two files can be compared. It is false
// for a key that names no documents.
func (b *Builder) printOf(key []byte, values [][]byte) (uint64, bool) {
	if key[0] != keyPackage && key[0] != keyID {
		return 0, false
	}
	h := xxhash.New()
	var says [8]byte
	for _, v := range values {
		doc, n := binary.Uvarint(v)
		binary.LittleEndian.PutUint64(says[:], b.says[doc])
		_, _ = h.Write(says[:]) // a hash takes everything
		_, _ = h.Write(v[n:])
	}
	return h.Sum64(), true
}

// Change is one key under which two databases say something else.
type Change struct {
	Ask        Ask
	Coordinate advisory.Coordinate // of a package; Package is "" for other keys
	CVE        string              // id, for what is known of a CVE
	Product    string              // for support dates
	Repository string              // id, for the products of a repository
}

// Changed calls visit for every key that one database has and the other has not, or under which they say something else: for the packages of
// releases whose advisories are new, changed or gone, for CVEs, for products and for repositories; not for ids of documents, of which the packages speak. It walks both tables of keys once, side by side, reads the
// records of changed keys only and keeps nothing: 300,000 keys that are the same take a few milliseconds. visit's error ends it.
func Changed(ctx context.Context, before, after *DB, visit func(Change) error) error {
	x, y := newWalk(before), newWalk(after)
	for n := 0; x.more() || y.more(); n++ {
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		var from *walk
		switch {
		case !y.more() || x.more() && x.hash() < y.hash():
			from = x
		case !x.more() || y.hash() < x.hash():
			from = y
		case x.print() != y.print():
			from = y
		}
		if from != nil {
			c, err := from.change()
			if err != nil {
				return from.db.fault(err, "compare advisories")
			}
			if c != (Change{Ask: c.Ask}) {
				if err := visit(c); err != nil {
					return err
				}
			}
		}
		switch { // of equal keys both go on
		case from == x:
			x.at++
		case from == y && (!x.more() || x.hash() != y.hash()):
			y.at++
		default:
			x.at++
			y.at++
		}
	}
	return nil
}

// walk goes through a table of keys in order.
type walk struct {
	db              *DB
	entries, prints []byte
	at, n           int
}

func newWalk(db *DB) *walk {
	e := db.section(sectEntries)
	return &walk{db: db, entries: e, prints: db.section(sectPrints), n: len(e) / 16}
}

func (w *walk) more() bool    { return w.at < w.n }
func (w *walk) hash() uint64  { return binary.LittleEndian.Uint64(w.entries[16*w.at:]) }
func (w *walk) print() uint64 { return binary.LittleEndian.Uint64(w.prints[8*w.at:]) }

// change says what the key at hand is of.
func (w *walk) change() (Change, error) {
	body, err := w.db.blob(binary.LittleEndian.Uint64(w.entries[16*w.at+8:]))
	if err != nil {
		return Change{}, err
	}
	d := decoder{b: body}
	key := d.bytes()
	if d.err != nil || len(key) == 0 {
		return Change{}, fmt.Errorf("%w: a key is cut short", ErrCorrupt)
	}
	c := Change{Ask: askOf(key)}
	switch name := string(key[1:]); key[0] {
	case keyPackage:
		parts := bytes.SplitN(key[1:], []byte{0}, 3)
		if len(parts) != 3 {
			return c, fmt.Errorf("%w: the key of a package", ErrCorrupt)
		}
		c.Coordinate = advisory.Coordinate{Ecosystem: string(parts[0]), Release: string(parts[1]), Package: string(parts[2])}
	case keyCVE:
		c.CVE = name
	case keyLifecycle:
		c.Product = name
	case keyRepository:
		_, c.Repository, _ = strings.Cut(name, "\x00")
	}
	return c, nil
}
