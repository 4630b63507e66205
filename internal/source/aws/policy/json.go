package policy

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// version is that of the IAM policy language (IAM User Guide, "IAM JSON policy elements: Version").
const version = "2012-10-17"

type jsonDocument struct {
	Version   string
	Statement []jsonStatement
}

type jsonStatement struct {
	Sid       string
	Effect    string
	Principal map[string][]string            `json:",omitzero"`
	Action    []string                       `json:",omitzero"`
	Resource  []string                       `json:",omitzero"`
	Condition map[string]map[string][]string `json:",omitzero"`
}

// JSON renders the policy as an IAM policy document.
func (d Document) JSON() ([]byte, error) {
	doc := jsonDocument{Version: version}
	for _, s := range d.Statements {
		j := jsonStatement{Sid: s.Sid, Effect: "Allow", Action: s.Actions, Resource: s.Resources, Condition: s.conditions()}
		if len(s.Principals) > 0 {
			j.Principal = map[string][]string{"AWS": s.Principals}
		}
		doc.Statement = append(doc.Statement, j)
	}
	b, err := json.Marshal(doc, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

func (s Statement) conditions() map[string]map[string][]string {
	var out map[string]map[string][]string
	for _, c := range s.Conditions {
		if out == nil {
			out = map[string]map[string][]string{}
		}
		if out[c.Operator] == nil {
			out[c.Operator] = map[string][]string{}
		}
		out[c.Operator][c.Key] = c.Values
	}
	return out
}
