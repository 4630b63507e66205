package cli

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"hinomi/internal/asset"
)

// fieldsOf returns an asset's own fields as text, by name; nested values as compact JSON. The names are those of the JSON output.
func fieldsOf(a asset.Asset) [][2]string {
	b, err := json.Marshal(a)
	if err != nil {
		return [][2]string{{"error", err.Error()}}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return [][2]string{{"error", err.Error()}}
	}
	var out [][2]string
	for k, v := range fields {
		if slices.Contains([]string{"account", "region", "id"}, k) {
			continue
		}
		out = append(out, [2]string{k, plain(v)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out
}

// plain shows a JSON value as a person writes it: text without quotes, a list of texts with commas, a map as key=value.
func plain(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, ", ")
	}
	var pairs map[string]string
	if json.Unmarshal(raw, &pairs) == nil {
		var out []string
		for k, v := range pairs {
			out = append(out, k+"="+v)
		}
		sort.Strings(out)
		return strings.Join(out, ", ")
	}
	return string(raw)
}
