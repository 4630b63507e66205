package event_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/event"
)

// TestPatternsAreWhatIsKnown holds that the patterns send on exactly what Touched understands, and that each fits into a rule.
func TestPatternsAreWhatIsKnown(t *testing.T) {
	gotOwn, gotCallers, gotTypes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	names := map[string]bool{}
	for _, p := range event.Patterns() {
		if !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(p.Name) || p.About == "" || names[p.Name] {
			t.Errorf("pattern %+v has no name of its own or no purpose", p)
		}
		names[p.Name] = true
		switch {
		case len(p.Services) > 0:
			for _, s := range p.Services {
				gotCallers[s] = true
			}
		case len(p.ResourceTypes) > 0:
			for _, r := range p.ResourceTypes {
				gotTypes[r] = true
			}
		default:
			for _, s := range p.Sources {
				for _, d := range p.DetailTypes {
					gotOwn[s+"/"+d] = true
				}
			}
		}
		b, err := p.JSON("")
		if err != nil {
			t.Fatal(err)
		}
		var small bytes.Buffer
		if err := json.Compact(&small, b); err != nil {
			t.Fatal(err)
		}
		if small.Len() > event.MaxPattern {
			t.Errorf("%s has %d characters, a rule holds %d", p.Name, small.Len(), event.MaxPattern)
		}
	}
	own, callers, types := event.Known()
	for name, d := range map[string]string{"events": cmp.Diff(own, gotOwn), "services of calls": cmp.Diff(callers, gotCallers), "types of Config": cmp.Diff(types, gotTypes)} {
		if d != "" {
			t.Errorf("%s (-known +in patterns):\n%s", name, d)
		}
	}
}

// TestPatternsTouch makes an event as each pattern lets pass and asks for its effect: a pattern of what is not understood would have none.
func TestPatternsTouch(t *testing.T) {
	calls := map[string]string{
		"aws.ec2": "RunInstances", "aws.elasticloadbalancing": "CreateListener", "aws.iam": "CreateInstanceProfile", "aws.ssm": "PutInventory",
		"aws.network-firewall": "CreateFirewall", "aws.directconnect": "CreateDirectConnectGateway",
	}
	try := func(source, kind, detail string) {
		t.Helper()
		e := event.Envelope{ID: "1", Source: source, DetailType: kind, Account: "111122223333", Region: "us-east-1", Time: time.Unix(1, 0), Detail: json.RawMessage(detail)}
		if len(event.Touched(e)) == 0 {
			t.Errorf("%s, %s, %s: nothing follows", source, kind, detail)
		}
	}
	for _, p := range event.Patterns() {
		for _, kind := range p.DetailTypes {
			for i, source := range p.Sources {
				switch {
				case len(p.Services) > 0:
					if len(p.Services) != len(p.Sources) {
						t.Fatal("not one source for each service")
					}
					try(source, kind, `{"eventSource":"`+p.Services[i]+`","eventName":"`+calls[source]+`"}`)
				case len(p.ResourceTypes) > 0:
					for _, r := range p.ResourceTypes {
						try(source, kind, `{"configurationItem":{"resourceType":"`+r+`"}}`)
					}
				default:
					try(source, kind, `{}`)
				}
			}
		}
	}
}
