package form

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Members calls do with each member of the JSON object that a file is, one at a time, for objects that are too large to hold. do gets the
// member's bytes, at most Limits.Document of them. An error of do ends it.
func (in *Document) Members(ctx context.Context, do func(name string, value json.RawMessage) error) error {
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
	for n := 0; d.More(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.Next()
		t, err := d.Token()
		if err != nil {
			return Format(err)
		}
		name, ok := t.(string)
		if !ok {
			return fmt.Errorf("%w: member %v", ErrFormat, t)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Format(err)
		}
		if err := do(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n%64 == 0 {
			in.Progress()
		}
	}
	if err := delim(d, '}'); err != nil {
		return err
	}
	part.Next()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one object", ErrFormat)
	}
	return nil
}

// delim reads one bracket.
func delim(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return Format(err)
	}
	if t != want {
		return fmt.Errorf("%w: %v, want %v", ErrFormat, t, want)
	}
	return nil
}
