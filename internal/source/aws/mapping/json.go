package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeOptions read the AWS CLI's JSON into the SDK's types: member names in any case (Direct Connect prints lower camel), times in
// the forms that CLI versions print, and what else real dumps hold.
var decodeOptions = json.JoinOptions(
	json.MatchCaseInsensitiveNames(true),
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true),
	json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(readTime),
		json.UnmarshalFromFunc(readInt[int32]),
		json.UnmarshalFromFunc(readInt[int64]),
		json.UnmarshalFromFunc(readBool),
	)),
)

// timeForms are how times are printed: by CLI version 2 and version 1 with iso8601, by version 1 as EC2 sends them, and by tools
// that print Python's str(datetime), with a space.
var timeForms = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999-0700",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02",
}

// ParseTime reads a time as any version of the AWS CLI and as common tools print it. A time without a zone is UTC, as AWS's are.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	if secs, err := strconv.ParseFloat(s, 64); err == nil {
		return epoch(secs)
	}
	return time.Time{}, fmt.Errorf("%q is not a time", clip(s))
}

// epoch reads seconds since 1970, as CLI version 1 prints the times of JSON services. Years 1 to 9999 are accepted.
func epoch(f float64) (time.Time, error) {
	if !(f > -62135596800 && f < 253402300800) {
		return time.Time{}, fmt.Errorf("%g is not a time in seconds since 1970", f)
	}
	secs := int64(f)
	return time.Unix(secs, int64((f-float64(secs))*1e3)*1e6).UTC(), nil
}

func readTime(d *jsontext.Decoder, t *time.Time) error {
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case 'n':
		*t = time.Time{}
		return nil
	case '"':
		*t, err = ParseTime(tok.String())
		return err
	case '0':
		secs, err := tok.Float()
		if err != nil {
			return err
		}
		*t, err = epoch(secs)
		return err
	default:
		return fmt.Errorf("a time is wanted, not %s", tok.Kind())
	}
}

// readInt also takes numbers in quotes, which some tools write.
func readInt[T int32 | int64](d *jsontext.Decoder, n *T) error {
	if d.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	v, err := strconv.ParseInt(strings.TrimSpace(tok.String()), 10, 64)
	if err != nil || int64(T(v)) != v {
		return fmt.Errorf("%q is not a number that fits", clip(tok.String()))
	}
	*n = T(v)
	return nil
}

// readBool also takes booleans in quotes, which some tools write.
func readBool(d *jsontext.Decoder, b *bool) error {
	if d.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	*b, err = strconv.ParseBool(strings.ToLower(tok.String()))
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", clip(tok.String()))
	}
	return nil
}

// encodeOptions write the SDK's types as the AWS CLI prints them: absent members are left out, empty lists are kept.
var encodeOptions = json.JoinOptions(
	json.OmitZeroStructFields(true),
	json.Deterministic(true),
	jsontext.AllowInvalidUTF8(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
		form := "2006-01-02T15:04:05-07:00" // CLI version 2, cli_timestamp_format iso8601
		if t.Nanosecond() >= 1000 {
			form = "2006-01-02T15:04:05.000000-07:00"
		}
		return e.WriteToken(jsontext.String(t.UTC().Format(form)))
	})),
)

// CLI returns an element of the part's list as the AWS CLI prints it, without what is secret: pre-shared keys and BGP keys.
func (p *Part) CLI(item any) ([]byte, error) {
	if p.scrub != nil {
		item = p.scrub(item)
	}
	b, err := json.Marshal(item, encodeOptions)
	if err != nil {
		return nil, fmt.Errorf("write an element of %s: %w", p.Name, err)
	}
	if p.lower {
		return lowerNames(b)
	}
	return b, nil
}

// lowerNames writes every member's name with a small first letter.
func lowerNames(b []byte) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	var out bytes.Buffer
	e := jsontext.NewEncoder(&out)
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return bytes.TrimSpace(out.Bytes()), eofIsNil(err)
		}
		if kind, n := d.StackIndex(d.StackDepth()); tok.Kind() == '"' && kind == '{' && n%2 == 1 {
			s := tok.String()
			tok = jsontext.String(strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):])
		}
		if err := e.WriteToken(tok); err != nil {
			return nil, err
		}
	}
}

func eofIsNil(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// clip bounds text from outside for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
