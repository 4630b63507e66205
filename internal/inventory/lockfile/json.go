package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// members calls fn with each member of a JSON object. The values are parts of b: nothing of the object is held but the one member. null has none.
func members(b []byte, fn func(key string, value []byte) error) error {
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

// elements calls fn with each element of a JSON array, as members does.
func elements(b []byte, fn func(value []byte) error) error {
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
		return fmt.Errorf("%w: a JSON %s where %s is wanted", ErrFormat, start.Kind(), kind)
	}
	for {
		switch d.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			if _, err := d.ReadToken(); err != nil {
				return malformed(err)
			}
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: something follows the JSON value", ErrFormat)
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

// decode reads one small value.
func decode(b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return malformed(err)
	}
	return nil
}
