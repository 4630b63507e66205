// Package policy reads and evaluates IAM policy documents as far as the test double in internal/awstest needs it: effects, actions, principals and
// string conditions. The Resource element is not judged.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Document is an IAM policy document. IAM User Guide, "IAM JSON policy elements reference".
type Document struct {
	Statement Statements
}

// Statement is one statement of a document.
type Statement struct {
	Effect    string
	Action    oneOrMore
	NotAction oneOrMore
	Principal Principals
	Condition Condition
}

// Statements are a document's; it may write a single one without a list.
type Statements []Statement

// Principals are whom a statement is about: "*", account numbers and ARNs.
type Principals []string

// Condition is operator → key → values.
type Condition map[string]map[string]oneOrMore

type oneOrMore []string

// Parse reads a document.
func Parse(doc string) (Document, error) {
	var p Document
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return Document{}, fmt.Errorf("parse policy: %w", err)
	}
	return p, nil
}

// UnmarshalJSON reads one statement or a list of them.
func (s *Statements) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	return json.Unmarshal(b, (*[]Statement)(s))
}

// UnmarshalJSON reads a string, a boolean or a list of strings.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return json.Unmarshal(b, (*[]string)(o))
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*o = oneOrMore{fmt.Sprint(v)}
	return nil
}

// UnmarshalJSON reads "*" or {"AWS": …}. Services and federated users are principals that no call here comes from.
func (p *Principals) UnmarshalJSON(b []byte) error {
	var m map[string]oneOrMore
	if err := json.Unmarshal(b, &m); err == nil {
		*p = Principals(m["AWS"])
		return nil
	}
	return json.Unmarshal(b, (*oneOrMore)(p))
}

// Covers says whether the statement is about an action. Names of actions are not case sensitive, and * and ? are wild.
func (s Statement) Covers(action string) bool {
	if s.NotAction != nil {
		return !MatchesAny(s.NotAction, action)
	}
	return MatchesAny(s.Action, action)
}

// MatchesAny says whether one of the patterns, with * and ?, is the action.
func MatchesAny(patterns []string, v string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(v)) })
}

// wild matches * and ?, as IAM does; path.Match would stop at a slash and read brackets.
func wild(pattern, v string) bool {
	plain := strings.NewReplacer("/", "\x00", "[", "\x01", "\\", "\x02")
	ok, err := path.Match(plain.Replace(pattern), plain.Replace(v))
	return err == nil && ok
}

// Holds evaluates the string conditions against the request's context, whose keys are in lower case. An operator that it does not know is an error:
// to pass it over would prove nothing.
func (c Condition) Holds(ctx map[string][]string) (bool, error) {
	for op, keys := range c {
		for key, want := range keys {
			got, present := ctx[strings.ToLower(key)]
			var ok bool
			switch base, ifExists := strings.CutSuffix(op, "IfExists"); {
			case ifExists && !present:
				ok = true
			case base == "StringEquals" || base == "ForAnyValue:StringEquals":
				ok = slices.ContainsFunc(got, func(g string) bool { return slices.Contains(want, g) })
			case base == "StringNotEquals":
				ok = !slices.ContainsFunc(got, func(g string) bool { return slices.Contains(want, g) })
			case base == "StringLike" || base == "ArnLike" || base == "ArnEquals":
				ok = slices.ContainsFunc(got, func(g string) bool { return slices.ContainsFunc(want, func(w string) bool { return wild(w, g) }) })
			case base == "ForAllValues:StringEquals":
				ok = !slices.ContainsFunc(got, func(g string) bool { return !slices.Contains(want, g) })
			case base == "Null":
				ok = slices.Contains(want, fmt.Sprint(!present))
			default:
				return false, fmt.Errorf("condition operator %s is not known to the test double", op)
			}
			if !ok {
				return false, nil
			}
		}
	}
	return true, nil
}
