// Package jsontree walks a JSON document part by part: nothing of it is held but the bytes that were given and the part at hand, so that a
// document of a hundred megabytes needs no tree of a gigabyte.
package jsontree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrSyntax is what errors.Is finds in an error about bytes that are not the JSON value that is wanted.
var ErrSyntax = errors.New("malformed JSON")

// syntaxError is an ErrSyntax whose text is the reason alone: the reader of a format says what is malformed.
type syntaxError struct{ err error }

func (e syntaxError) Error() string        { return e.err.Error() }
func (e syntaxError) Unwrap() error        { return e.err }
func (e syntaxError) Is(target error) bool { return target == ErrSyntax }

// Members calls fn with each member of a JSON object, in order and duplicates too. The values are parts of b. null has none. An error of fn
// ends the walk and is returned as it is.
func Members(b []byte, fn func(key string, value []byte) error) error {
	return walk(b, '{', func(d *jsontext.Decoder) error {
		name, err := d.ReadToken()
		if err != nil {
			return malformed(err)
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return malformed(err)
		}
		return fn(key, value)
	})
}

// Elements calls fn with each element of a JSON array, as Members does.
func Elements(b []byte, fn func(value []byte) error) error {
	return walk(b, '[', func(d *jsontext.Decoder) error {
		value, err := d.ReadValue()
		if err != nil {
			return malformed(err)
		}
		return fn(value)
	})
}

// walk enters an object or an array, calls next for each that is in it, and makes sure that nothing follows.
func walk(b []byte, kind jsontext.Kind, next func(d *jsontext.Decoder) error) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	start, err := d.ReadToken()
	switch {
	case err != nil:
		return malformed(err)
	case start.Kind() == 'n':
		return nil
	case start.Kind() != kind:
		return malformed(fmt.Errorf("a JSON %s where %s is wanted", start.Kind(), kind))
	}
	for {
		switch d.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			if _, err := d.ReadToken(); err != nil {
				return malformed(err)
			}
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return malformed(errors.New("something follows the JSON value"))
			}
			return nil
		case jsontext.KindInvalid:
			_, err := d.ReadToken()
			return malformed(err)
		default:
			if err := next(d); err != nil {
				return err
			}
		}
	}
}

// Text reads a string. null is "".
func Text(b []byte) (string, error) {
	var s string
	return s, Decode(b, &s)
}

// Decode reads one small value into a variable of its form. What it makes of b may be ten times as large: b is bounded by the caller.
func Decode(b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(err error) error { return syntaxError{err} }
