package oval

import (
	"context"
	"encoding/xml"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"hinomi/internal/source/feed/form"
)

// Test is what one test asks, as far as packages are concerned (linux-def:rpminfo_test, linux-def:dpkginfo_test).
type Test struct {
	Kind   string // "rpminfo", "dpkginfo", "textfilecontent54" …
	Object string // the package's name; "" for what is no package
	States []State
}

// State is what the package must be; empty fields say nothing.
type State struct {
	EVR     string // with the operation EVROp
	EVROp   string // "less than", "greater than or equal" …
	Version string // a pattern, of a release package: "^8"
	Release string // a pattern
	Arch    string // a pattern: "x86_64|aarch64"
	Key     string // the id of the key it is signed with
}

// Tests is an index of a document's tests by their id.
type Tests struct {
	seed    maphash.Seed
	tests   map[uint64]entry
	objects map[uint64]string
	states  map[uint64]State
	words   map[string]string // names and versions, each once
}

type entry struct {
	kind   string
	object uint64
	states []uint64
}

// maxTests bounds the index; Oracle's document, the largest known, has about a million tests.
const maxTests = 16 << 20

// element is any test, object or state: their contents do not overlap.
type element struct {
	ID     string `xml:"id,attr"`
	Object struct {
		Ref string `xml:"object_ref,attr"`
	} `xml:"object"`
	States []struct {
		Ref string `xml:"state_ref,attr"`
	} `xml:"state"`
	Name string `xml:"name"`
	EVR  struct {
		Text string `xml:",chardata"`
		Op   string `xml:"operation,attr"`
	} `xml:"evr"`
	Version string `xml:"version"`
	Release string `xml:"release"`
	Arch    string `xml:"arch"`
	Key     string `xml:"signature_keyid"`
}

// Index reads the tests, objects and states of a document and leaves its definitions out.
func Index(ctx context.Context, r io.Reader, limit int64) (*Tests, error) {
	t := &Tests{
		seed: maphash.MakeSeed(), tests: map[uint64]entry{}, objects: map[uint64]string{}, states: map[uint64]State{}, words: map[string]string{},
	}
	err := elements(ctx, r, limit, func(d *xml.Decoder, start *xml.StartElement) error {
		if !suffix(start, "test") && !suffix(start, "object") && !suffix(start, "state") {
			return d.Skip()
		}
		var e element
		if err := d.DecodeElement(&e, start); err != nil {
			return err
		}
		if len(t.tests)+len(t.objects)+len(t.states) >= maxTests {
			return errStop{fmt.Errorf("%w: more than %d tests", form.ErrLimit, maxTests)}
		}
		t.add(start, &e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Tests) add(start *xml.StartElement, e *element) {
	id := t.hash(e.ID)
	switch {
	case suffix(start, "test"):
		n := entry{kind: t.word(strings.TrimSuffix(start.Name.Local, "_test")), object: t.hash(e.Object.Ref)}
		for _, s := range e.States {
			n.states = append(n.states, t.hash(s.Ref))
		}
		t.tests[id] = n
	case suffix(start, "object"):
		if name := strings.TrimSpace(e.Name); name != "" {
			t.objects[id] = t.word(name)
		}
	default:
		t.states[id] = State{
			EVR: t.word(e.EVR.Text), EVROp: t.word(e.EVR.Op), Version: t.word(e.Version), Release: t.word(e.Release), Arch: t.word(e.Arch),
			Key: t.word(e.Key),
		}
	}
}

func (t *Tests) hash(id string) uint64 { return maphash.String(t.seed, id) }

// word keeps each text once: a hundred packages of an erratum share one version.
func (t *Tests) word(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if w, ok := t.words[s]; ok {
		return w
	}
	s = strings.Clone(s)
	t.words[s] = s
	return s
}

// Of returns the test that a criterion refers to; ok is false if the document has none of that id.
func (t *Tests) Of(c Criterion) (out Test, ok bool) {
	e, ok := t.tests[t.hash(c.Ref)]
	if !ok {
		return Test{}, false
	}
	out = Test{Kind: e.kind, Object: t.objects[e.object]}
	for _, s := range e.states {
		if st, ok := t.states[s]; ok {
			out.States = append(out.States, st)
		}
	}
	return out, true
}

// Len returns how many tests there are.
func (t *Tests) Len() int { return len(t.tests) }
