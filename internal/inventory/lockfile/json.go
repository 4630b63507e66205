package lockfile

import (
	"errors"

	"hinomi/internal/inventory/lockfile/jsontree"
)

// members calls fn with each member of a JSON object. The values are parts of b: nothing of the object is held but the one member. null has none.
func members(b []byte, fn func(key string, value []byte) error) error {
	return format(jsontree.Members(b, fn))
}

// elements calls fn with each element of a JSON array, as members does.
func elements(b []byte, fn func(value []byte) error) error { return format(jsontree.Elements(b, fn)) }

// decode reads one small value.
func decode(b []byte, into any) error { return format(jsontree.Decode(b, into)) }

// format makes an error of JSON one of this package.
func format(err error) error {
	if errors.Is(err, jsontree.ErrSyntax) && !errors.Is(err, ErrFormat) {
		return malformed(err)
	}
	return err
}
