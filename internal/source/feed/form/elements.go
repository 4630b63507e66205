package form

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// Pages calls do with each element of the list of that name, in a file that is one page of an API or a zip archive of several ("*.json"). A page
// of an archive without the list is a Problem. singular names an element for people: "update".
func (in *Document) Pages(ctx context.Context, list, singular string, do func(name string, value json.RawMessage) error) error {
	if path.Ext(in.File) != ".zip" {
		n := 0
		return in.Elements(ctx, list, func(value json.RawMessage) error {
			n++
			return do(fmt.Sprintf("%s %d", singular, n), value)
		}, nil)
	}
	return in.Entries(ctx, func(name string, b []byte) error {
		var members map[string]json.RawMessage
		var page []json.RawMessage
		if json.Unmarshal(b, &members) != nil || json.Unmarshal(members[list], &page) != nil || page == nil {
			in.Problem(name, fmt.Errorf("%w: no page of %s", ErrFormat, list))
			return nil
		}
		for i, value := range page {
			if err := do(fmt.Sprintf("%s, %s %d", name, singular, i+1), value); err != nil {
				return err
			}
		}
		return nil
	}, ".json")
}

// Elements calls do with each element of one list of the JSON object that a file is, one at a time, for lists that are too large to hold:
// {"name": […], …}. rest is called with the other members; it may be nil. An object without the list is ErrFormat.
func (in *Document) Elements(ctx context.Context, list string, do func(value json.RawMessage) error, rest func(name string, value json.RawMessage) error) error {
	s, err := in.Stream()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	part := NewPart(s, in.limits.Document)
	d := json.NewDecoder(part)
	if err := delim(d, '{'); err != nil {
		return err
	}
	seen := false
	for d.More() {
		part.Next()
		t, err := d.Token()
		if err != nil {
			return Format(err)
		}
		if t == list {
			seen = true
			if err := in.elements(ctx, d, part, do); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Format(err)
		}
		if name, ok := t.(string); ok && rest != nil {
			if err := rest(name, value); err != nil {
				return err
			}
		}
	}
	if err := delim(d, '}'); err != nil {
		return err
	}
	if !seen {
		return fmt.Errorf("%w: no %s", ErrFormat, list)
	}
	part.Next()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one object", ErrFormat)
	}
	return nil
}

// elements calls do with each element of the array that comes next.
func (in *Document) elements(ctx context.Context, d *json.Decoder, part *Part, do func(value json.RawMessage) error) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for n := 0; d.More(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.Next()
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Format(err)
		}
		if err := do(value); err != nil {
			return err
		}
		if n%256 == 0 {
			in.Progress()
		}
	}
	return delim(d, ']')
}
