// Package secret keeps secrets out of sight: text that never prints itself, and sealing of what is stored, under a key from a file,
// a value handed in, or a data key wrapped by a key service.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every way of printing shows instead.
const redacted = "[redacted]"

// Text is secret text. Printing, formatting, logging and marshalling it show a placeholder; only Reveal returns it.
type Text struct{ s string }

// NewText takes text into keeping.
func NewText(s string) Text { return Text{s} }

// Reveal returns the secret itself, for the one call that needs it.
func (t Text) Reveal() string { return t.s }

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t.s == "" }

// String returns a placeholder.
func (t Text) String() string { return redacted }

// GoString returns a placeholder, for %#v.
func (t Text) GoString() string { return redacted }

// Format writes a placeholder whatever the verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder, for slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder: JSON, YAML and XML encoders use it.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns a placeholder.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// UnmarshalText takes a secret from a document: a request's body may carry one, an answer never does.
func (t *Text) UnmarshalText(b []byte) error {
	t.s = string(b)
	return nil
}
