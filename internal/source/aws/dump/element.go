package dump

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxElement bounds one element of a list: a reservation of a thousand instances is 5 MB.
const maxElement = 64 << 20

var (
	errElement = fmt.Errorf("one element is larger than %d MiB", maxElement>>20)
	errUTF16   = errors.New("the file is UTF-16, as PowerShell's > writes; save it as UTF-8")
)

// elements calls put for each element of a file's list, one at a time, so that the memory used does not grow with the file.
// more says that the file itself tells of pages that are not in it. An element that does not fit its type is left out and
// the rest is read; the first such fault is the error.
func (l *loader) elements(ctx context.Context, f file, put func(any)) (more bool, err error) {
	r, err := l.fsys.Open(f.name)
	if err != nil {
		return false, &Error{File: f.name, Err: err}
	}
	defer func() { _ = r.Close() }()
	in := &meteredReader{r: r, left: maxElement}
	buf, err := skipMark(in)
	if err != nil {
		return false, &Error{File: f.name, Err: err}
	}
	e := elements{ctx: ctx, l: l, file: f, in: in, put: put, d: jsontext.NewDecoder(buf, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	err = e.read()
	if err == nil && e.first != nil {
		if e.bad > 1 {
			e.first.Err = fmt.Errorf("%w; and %d more elements", e.first.Err, e.bad-1)
		}
		err = e.first
	}
	if err == nil && !e.found {
		err = &Error{File: f.name, Err: fmt.Errorf("the file has no member %s", f.part.Key)}
	}
	return e.more, err
}

// skipMark skips a UTF-8 byte order mark and refuses UTF-16.
func skipMark(in io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	head, err := b.Peek(3)
	if err != nil && len(head) == 0 {
		return nil, errors.New("the file is empty")
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err = b.Discard(3)
		return b, err
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errUTF16
	}
	return b, nil
}

// elements is the reading of one file.
type elements struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call of loader.elements
	l     *loader
	file  file
	in    *meteredReader
	d     *jsontext.Decoder
	put   func(any)
	first *Error // of the elements that did not fit
	bad   int
	more  bool
	found bool
}

func (e *elements) read() error {
	switch e.d.PeekKind() {
	case '[': // --query Reservations, say
		if err := e.list(); err != nil {
			return err
		}
	case '{':
		if err := e.object(); err != nil {
			return err
		}
	default:
		if _, err := e.d.ReadToken(); err != nil {
			return e.at(err)
		}
		return e.at(errors.New("neither an object nor a list"))
	}
	e.in.left = maxElement
	if _, err := e.d.ReadToken(); !errors.Is(err, io.EOF) {
		return e.at(errors.New("something follows the answer; a file holds one"))
	}
	return nil
}

func (e *elements) object() error {
	if _, err := e.d.ReadToken(); err != nil {
		return e.at(err)
	}
	for e.d.PeekKind() == '"' {
		e.in.left = maxElement
		tok, err := e.d.ReadToken()
		if err != nil {
			return e.at(err)
		}
		switch name := tok.String(); {
		case strings.EqualFold(name, e.file.part.Key) || strings.EqualFold(name, e.file.part.Name):
			err = e.values()
		case strings.EqualFold(name, "NextToken") || strings.EqualFold(name, "NextMarker"):
			err = e.token()
		case strings.EqualFold(name, "IsTruncated"): // IAM
			err = e.truncated()
		default:
			err = e.at(e.d.SkipValue())
		}
		if err != nil {
			return err
		}
	}
	_, err := e.d.ReadToken() // the closing brace, or what is wrong with it
	return e.at(err)
}

func (e *elements) values() error {
	switch kind := e.d.PeekKind(); {
	case e.file.part.Object && kind == '{':
		e.found = true
		return e.element()
	case e.file.part.Object && kind == 'n': // there is none
		e.found = true
		return e.at(e.d.SkipValue())
	case kind == '[':
		return e.list()
	default:
		if _, err := e.d.ReadToken(); err != nil {
			return e.at(err)
		}
		return e.at(fmt.Errorf("%s is no list", e.file.part.Key))
	}
}

func (e *elements) list() error {
	if _, err := e.d.ReadToken(); err != nil {
		return e.at(err)
	}
	e.found = true
	for k := e.d.PeekKind(); k != ']'; k = e.d.PeekKind() {
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
		e.in.left = maxElement
		if err := e.element(); err != nil {
			return err
		}
	}
	_, err := e.d.ReadToken()
	return e.at(err)
}

// element reads one element. Broken JSON ends the reading of the file; a value that does not fit its type only loses the element.
func (e *elements) element() error {
	raw, err := e.d.ReadValue()
	if err != nil {
		return e.at(err)
	}
	item, err := e.file.part.Decode(raw)
	if err == nil {
		e.put(item)
		return nil
	}
	e.bad++
	if e.first == nil {
		offset := e.d.InputOffset() - int64(len(raw))
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			offset += semantic.ByteOffset
		}
		e.first = e.place(offset, plain(err))
	}
	return nil
}

func (e *elements) token() error {
	tok, err := e.d.ReadToken()
	if err == nil && tok.Kind() == '"' && tok.String() != "" {
		e.more = true
	}
	return e.at(err)
}

func (e *elements) truncated() error {
	if e.d.PeekKind() == 't' {
		e.more = true
	}
	return e.at(e.d.SkipValue())
}

// at gives an error its place, unless it has one.
func (e *elements) at(err error) error {
	var placed *Error
	if err == nil || errors.As(err, &placed) {
		return err
	}
	offset := e.d.InputOffset()
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		offset = syntactic.ByteOffset
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the file ends in the middle")
	}
	return e.place(offset, plain(err))
}

// plain drops from a JSON error what the place already says.
func plain(err error) error {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.Err != nil {
		return fmt.Errorf("broken JSON: %w", syntactic.Err)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		s := fmt.Sprintf("%s does not fit", cmp.Or(string(semantic.JSONPointer), "the element"))
		if semantic.Err != nil {
			return fmt.Errorf("%s: %w", s, semantic.Err)
		}
		return fmt.Errorf("%s: a JSON %s is there", s, semantic.JSONKind)
	}
	return err
}

// place finds the line of a byte by reading the file again up to it.
func (e *elements) place(offset int64, err error) *Error {
	out := &Error{File: e.file.name, Line: 1, Offset: offset, Err: err}
	r, openErr := e.l.fsys.Open(e.file.name)
	if openErr != nil {
		out.Line = 0
		return out
	}
	defer func() { _ = r.Close() }()
	buf := make([]byte, 64<<10)
	for left := offset; left > 0; {
		n, readErr := r.Read(buf[:min(int64(len(buf)), left)])
		out.Line += bytes.Count(buf[:n], []byte("\n"))
		left -= int64(n)
		if readErr != nil {
			break
		}
	}
	return out
}

// meteredReader fails when one element takes more than maxElement bytes.
type meteredReader struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (m *meteredReader) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errElement
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	return n, err
}
