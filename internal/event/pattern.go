package event

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Pattern says which events a rule of EventBridge sends on (EventBridge User Guide, "Creating event patterns").
type Pattern struct {
	Name  string // letters and digits, for the rule's name
	About string // one sentence, for the comment beside it

	Sources       []string
	DetailTypes   []string
	Services      []string // of calls: CloudTrail's names, detail.eventSource
	ResourceTypes []string // of Config's items
}

// MaxPattern is the most characters of a pattern (EventBridge User Guide, "Quotas": event pattern size).
const MaxPattern = 2048

// Patterns returns the patterns of all events that Touched understands, made from the same tables. Calls that only read are not sent to a
// rule in the state ENABLED (EventBridge User Guide, "Receiving read-only management events"); calls that failed no pattern lets pass.
func Patterns() []Pattern {
	calls := Pattern{Name: "Calls", About: "Calls that change something, as CloudTrail records them: a trail must log management events.", DetailTypes: []string{trailCall, trailEvent}}
	for name := range services {
		calls.Services = append(calls.Services, name)
		calls.Sources = append(calls.Sources, "aws."+strings.TrimSuffix(name, ".amazonaws.com"))
	}
	slices.Sort(calls.Services)
	slices.Sort(calls.Sources)
	out := []Pattern{calls, {
		Name: "Config", About: "Changes that AWS Config recorded, where it is on.", Sources: []string{"aws.config"}, DetailTypes: []string{configChange},
		ResourceTypes: slices.Sorted(maps.Keys(configTypes)),
	}}
	bySource := map[string][]string{}
	for key := range notices {
		source, kind, _ := strings.Cut(key, "/")
		bySource[source] = append(bySource[source], kind)
	}
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		slices.Sort(bySource[source])
		n := noticeNames[source]
		out = append(out, Pattern{Name: n[0], About: n[1], Sources: []string{source}, DetailTypes: bySource[source]})
	}
	return out
}

// noticeNames are name and purpose of the rules for the services' own events.
var noticeNames = map[string][2]string{
	"aws.autoscaling":          {"AutoScaling", "Instances that Auto Scaling started and ended."},
	"aws.ec2":                  {"EC2", "Changes of the state of instances, volumes, snapshots and images."},
	"aws.elasticloadbalancing": {"LoadBalancers", "Load balancers that became ready."},
	"aws.ssm":                  {"SystemsManager", "Instances that became managed or changed their inventory or compliance."},
}

// JSON renders the pattern over several lines, each after the first begun with prefix.
func (p Pattern) JSON(prefix string) ([]byte, error) {
	type item struct {
		Type []string `json:"resourceType"`
	}
	type detail struct {
		Service []string          `json:"eventSource,omitempty"`
		Error   []map[string]bool `json:"errorCode,omitempty"`
		Item    *item             `json:"configurationItem,omitempty"`
	}
	out := struct {
		Source     []string `json:"source"`
		DetailType []string `json:"detail-type"`
		Detail     *detail  `json:"detail,omitempty"`
	}{Source: p.Sources, DetailType: p.DetailTypes}
	switch {
	case len(p.Services) > 0:
		out.Detail = &detail{Service: p.Services, Error: []map[string]bool{{"exists": false}}}
	case len(p.ResourceTypes) > 0:
		out.Detail = &detail{Item: &item{p.ResourceTypes}}
	}
	return json.MarshalIndent(out, prefix, "  ")
}
