// Package diff compares two JSON objects field by field.
package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Change is one field that changed. Path is a JSON pointer (RFC 6901) into the asset's JSON; From or To is empty where the field was absent.
type Change struct {
	Path string          `json:"path"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// Objects compares two JSON objects field by field, objects inside them too; a list that differs is one change.
func Objects(before, after string) ([]Change, error) {
	var x, y map[string]json.RawMessage
	if err := json.Unmarshal([]byte(before), &x); err != nil {
		return nil, fmt.Errorf("decode the stored asset: %w", err)
	}
	if err := json.Unmarshal([]byte(after), &y); err != nil {
		return nil, fmt.Errorf("decode the asset: %w", err)
	}
	return diffObjects("", x, y), nil
}

func diffObjects(path string, x, y map[string]json.RawMessage) []Change {
	keys := make([]string, 0, len(x)+len(y))
	for k := range x {
		keys = append(keys, k)
	}
	for k := range y {
		if _, both := x[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var out []Change
	for _, k := range keys {
		from, to := x[k], y[k]
		if bytes.Equal(from, to) {
			continue
		}
		p := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
		a, aok := object(from)
		b, bok := object(to)
		if (aok || from == nil) && (bok || to == nil) && (aok || bok) {
			out = append(out, diffObjects(p, a, b)...)
			continue
		}
		out = append(out, Change{Path: p, From: from, To: to})
	}
	return out
}

// object decodes a JSON object that has members; an empty one is a value like any other.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	var m map[string]json.RawMessage
	err := json.Unmarshal(raw, &m)
	return m, err == nil && len(m) > 0
}
