// Package event is what happened in an account, as EventBridge tells it, and what of the world must be read again for it. An event is
// never evidence: it names an account, a region and kinds of assets, and the truth is what AWS answers when they are read.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Envelope is one event of EventBridge (EventBridge User Guide, "Events", the structure of an event).
type Envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"` // unique per event and bus; deliveries of the same event share it
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"` // aws.ec2, aws.config …
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"` // ARNs; may be empty
	Detail     json.RawMessage `json:"detail"`
}

// MaxSize is the most bytes of a message: SQS's own limit, 1 MiB (SQS Developer Guide, "Message quotas").
const MaxSize = 1 << 20

// Errors of Parse.
var (
	ErrTooLarge = errors.New("larger than a message can be")
	ErrNotEvent = errors.New("not an event of EventBridge")
)

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$`)
)

// maxField bounds the identifying fields; EventBridge's own are much shorter (source and detail-type 256 at most: API Reference, PutEventsRequestEntry).
const maxField = 512

// notification is the envelope of SNS around what it delivers to a queue (SNS Developer Guide, "Amazon SNS message and JSON formats").
type notification struct {
	Type    string
	Message *string
}

// Parse reads an event from a message's body: EventBridge's own JSON, or that within an SNS notification. What names the event (source, kind,
// account, region, detail) must be there; fields that are not known are ignored. It returns ErrTooLarge or ErrNotEvent.
func Parse(body []byte) (Envelope, error) {
	if len(body) > MaxSize {
		return Envelope{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	var n notification
	if err := json.Unmarshal(body, &n); err == nil && n.Type == "Notification" && n.Message != nil {
		body = []byte(*n.Message) // SNS does not nest
	}
	var w struct {
		plain
		Time json.RawMessage `json:"time"`
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrNotEvent, err)
	}
	e := Envelope(w.plain)
	e.Time = timeOf(w.Time)
	return e, e.check()
}

type plain Envelope

// timeOf reads a time as EventBridge writes it, RFC 3339, or in seconds since 1970, as forwarders and emulators do; zero if it is neither.
func timeOf(raw json.RawMessage) time.Time {
	var at time.Time
	if json.Unmarshal(raw, &at) == nil {
		return at
	}
	var secs float64
	if json.Unmarshal(raw, &secs) == nil && secs > 0 && secs < 1e11 {
		return time.Unix(int64(secs), 0).UTC()
	}
	return time.Time{}
}

func (e *Envelope) check() error {
	bad := func(field string) error { return fmt.Errorf("%w: its %s is missing or wrong", ErrNotEvent, field) }
	switch {
	case e.Source == "" || len(e.Source) > maxField:
		return bad("source")
	case e.DetailType == "" || len(e.DetailType) > maxField:
		return bad("detail-type")
	case e.ID == "" || len(e.ID) > maxField:
		return bad("id")
	case !accountID.MatchString(e.Account):
		return bad("account")
	case !regionName.MatchString(e.Region):
		return bad("region")
	case e.Time.IsZero():
		return bad("time")
	case len(e.Detail) == 0 || e.Detail[0] != '{':
		return bad("detail")
	}
	return nil
}
