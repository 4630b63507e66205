package event

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/asset"
)

// Touch says what must be read again: a kind of assets of an account in a region. IDs are those that the event names, sorted; none means
// that it names none, and the kind is read as a whole in any case, as listings are what says that something is gone.
type Touch struct {
	Account string
	Region  string // asset.Global for kinds that no region holds
	Kind    asset.Kind
	IDs     []string
}

// maxIDs bounds the ids kept of one touch; with more, none is kept. RunInstances starts up to 1,000 at once.
const maxIDs = 100

// Touched returns what an event says must be read again, ordered by kind; nothing if it changes nothing that hinomi keeps: reads, calls that
// failed, other services.
func Touched(e Envelope) []Touch {
	var kinds []asset.Kind
	ids := map[asset.Kind][]string{}
	switch e.DetailType {
	case trailCall, trailEvent:
		kinds = trail(e, ids)
	case configChange:
		kinds = item(&e, ids)
	default:
		kinds = notices[e.Source+"/"+e.DetailType]
		if e.DetailType == instanceState {
			kinds = stateKinds(e.Detail)
		}
		collect(e.Detail, ids)
		for _, arn := range e.Resources {
			collectText(arn, ids)
		}
	}
	out := make([]Touch, 0, len(kinds))
	for _, k := range kinds {
		t := Touch{Account: e.Account, Region: e.Region, Kind: k}
		if k.Global() {
			t.Region = asset.Global
		}
		if t.IDs = slices.Compact(slices.Sorted(slices.Values(ids[k]))); len(t.IDs) > maxIDs {
			t.IDs = nil
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Touch) int { return cmp.Compare(a.Kind, b.Kind) })
	return slices.CompactFunc(out, func(a, b Touch) bool { return a.Kind == b.Kind })
}

// call is what is read of a CloudTrail record (CloudTrail User Guide, "CloudTrail record contents").
type call struct {
	Source   string          `json:"eventSource"`
	Name     string          `json:"eventName"`
	ReadOnly bool            `json:"readOnly"`
	Error    string          `json:"errorCode"`
	Request  json.RawMessage `json:"requestParameters"`
	Response json.RawMessage `json:"responseElements"`
}

// readVerbs begin the names of calls that change nothing.
var readVerbs = []string{"Describe", "Get", "List", "Search", "Lookup", "Preview", "Validate"}

func trail(e Envelope, ids map[asset.Kind][]string) []asset.Kind {
	var c call
	if json.Unmarshal(e.Detail, &c) != nil || c.Error != "" || c.ReadOnly {
		return nil
	}
	s, known := services[c.Source]
	if !known || isRead(c.Name) {
		return nil
	}
	collect(c.Request, ids)
	if c.Name == "CreateTags" || c.Name == "DeleteTags" {
		if kinds := slices.Sorted(maps.Keys(ids)); len(kinds) > 0 {
			return kinds
		}
	}
	collect(c.Response, ids)
	if kinds, listed := s.calls[c.Name]; listed {
		return kinds
	}
	return s.family // a call that is newer than this table: whatever it may have changed is read
}

func isRead(name string) bool {
	return slices.ContainsFunc(readVerbs, func(v string) bool { return strings.HasPrefix(name, v) })
}

// item returns the kind of a Config configuration item. Its account and region are those of the resource, which an aggregator's need not share.
func item(e *Envelope, ids map[asset.Kind][]string) []asset.Kind {
	var d struct {
		Item struct {
			Type    string `json:"resourceType"`
			ID      string `json:"resourceId"`
			Account string `json:"awsAccountId"`
			Region  string `json:"awsRegion"`
		} `json:"configurationItem"`
	}
	if json.Unmarshal(e.Detail, &d) != nil {
		return nil
	}
	kinds := configTypes[d.Item.Type]
	if accountID.MatchString(d.Item.Account) {
		e.Account = d.Item.Account
	}
	if regionName.MatchString(d.Item.Region) {
		e.Region = d.Item.Region
	}
	collectText(d.Item.ID, ids)
	return kinds
}

// Detail-types of EventBridge that Touched looks into.
const (
	trailCall     = "AWS API Call via CloudTrail"
	trailEvent    = "AWS Service Event via CloudTrail"
	configChange  = "Config Configuration Item Change"
	instanceState = "EC2 Instance State-change Notification"
)

// stateKinds returns what a change of an instance's state changes: a start gives public addresses, a launch makes interfaces and volumes, and
// an end takes them (EC2 User Guide, "Amazon EC2 instance state changes").
func stateKinds(detail json.RawMessage) []asset.Kind {
	var d struct {
		State string `json:"state"`
	}
	if json.Unmarshal(detail, &d) != nil {
		return launched
	}
	switch d.State {
	case "running", "stopped":
		return []asset.Kind{asset.KindInstance, asset.KindNetworkInterface}
	case "stopping", "shutting-down":
		return []asset.Kind{asset.KindInstance}
	default: // pending, terminated, and what may come
		return launched
	}
}

// resourceID is an EC2 resource id in text: a prefix and 8 or 17 hexadecimal digits (EC2 User Guide, "Resource IDs").
var resourceID = regexp.MustCompile(`\b([a-z]+(?:-[a-z]+){0,4})-(?:[0-9a-f]{17}|[0-9a-f]{8})\b`)

// maxWalked bounds how many strings of a record are looked at.
const maxWalked = 20_000

// collect gathers the resource ids of a JSON value by kind.
func collect(raw json.RawMessage, ids map[asset.Kind][]string) {
	if len(raw) == 0 {
		return
	}
	left := maxWalked
	var v any
	if json.Unmarshal(raw, &v) == nil {
		walk(v, ids, &left)
	}
}

func walk(v any, ids map[asset.Kind][]string, left *int) {
	if *left--; *left < 0 {
		return
	}
	switch v := v.(type) {
	case string:
		collectText(v, ids)
	case []any:
		for _, x := range v {
			walk(x, ids, left)
		}
	case map[string]any:
		for _, x := range v {
			walk(x, ids, left)
		}
	}
}

// maxText is the longest string in which ids are looked for: an ARN. User data and policies are longer.
const maxText = 2048

func collectText(s string, ids map[asset.Kind][]string) {
	if len(s) > maxText {
		return
	}
	for _, m := range resourceID.FindAllStringSubmatch(s, maxIDs) {
		if k, ok := prefixes[m[1]]; ok && len(ids[k]) <= maxIDs*2 {
			ids[k] = append(ids[k], m[0])
		}
	}
}
