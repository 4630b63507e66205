package api

import (
	"reflect"
	"strings"
	"unicode"

	"hinomi/internal/asset"
)

// schemaName names a type in the OpenAPI document: Finding for finding.Finding, FindingNetwork for finding.Network, FindingPage for Page[finding.Finding].
// Types of this room, of the store and of auth keep their own name, save those that would say too little.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := t.Name()
	if name == "" {
		return upper(hint)
	}
	if outer, inner, ok := strings.Cut(strings.TrimSuffix(name, "]"), "["); ok {
		path, last := "", inner
		if i := strings.LastIndexByte(inner, '.'); i >= 0 {
			path, last = inner[:i], inner[i+1:]
		}
		return qualified(path, last) + upper(outer)
	}
	return qualified(t.PkgPath(), name)
}

func qualified(path, name string) string {
	room := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case room == "" || room == "api" || room == "store" || strings.EqualFold(room, name), room == "auth" && name != "Scope":
		return upper(name)
	}
	return upper(room) + name
}

func upper(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Pass it as cursor to get the following page; absent on the last one"`
}

// page answers with a page; a list without anything is empty, not null.
func page[T any](items []T, next string, err error) (*out[Page[T]], error) {
	if err != nil {
		return nil, err
	}
	if items == nil {
		items = []T{}
	}
	return answer(Page[T]{items, next}), nil
}

// PageQuery is how a list is asked for.
type PageQuery struct {
	Cursor string `query:"cursor" maxLength:"4096" doc:"The next of the page before; none for the first page"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many"`
}

// AssetPath names one asset.
type AssetPath struct {
	Account string `path:"account" pattern:"^[0-9]{12}$" doc:"AWS account: 12 digits"`
	Region  string `path:"region" maxLength:"64"`
	Kind    string `path:"kind" maxLength:"64" doc:"The kind of asset: instance, volume …"`
	ID      string `path:"id" maxLength:"2048" doc:"The service's own ID; an ARN's slashes are written as %2F"`
}

func (p AssetPath) ref() asset.Ref {
	return asset.Ref{Account: p.Account, Region: p.Region, Kind: asset.Kind(p.Kind), ID: p.ID}
}
