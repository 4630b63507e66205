package jsontree_test

import (
	"errors"
	"strings"
	"testing"

	"hinomi/internal/inventory/lockfile/jsontree"
)

func TestMembers(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		bad              bool
	}{
		{"object", ` {"a": 1, "b":[2, 3], "a": {"c":null}} `, `a=1 b=[2, 3] a={"c":null} `, false},
		{"null", "null", "", false},
		{"empty", "{}", "", false},
		{"array", "[1]", "", true},
		{"nothing", "", "", true},
		{"cut", `{"a":1,`, "a=1 ", true},
		{"more", `{"a":1} 2`, "a=1 ", true},
		{"no_value", `{"a":}`, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			err := jsontree.Members([]byte(c.text), func(k string, v []byte) error {
				got.WriteString(k + "=" + string(v) + " ")
				return nil
			})
			if got.String() != c.want || errors.Is(err, jsontree.ErrSyntax) != c.bad || (err == nil) == c.bad {
				t.Errorf("got %q, %v; want %q, an error %v", got.String(), err, c.want, c.bad)
			}
		})
	}
}

func TestElements(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	err := jsontree.Elements([]byte(`["x", "y", "z"]`), func(v []byte) error {
		s, err := jsontree.Text(v)
		if err != nil {
			return err
		}
		if n++; s == "y" {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || errors.Is(err, jsontree.ErrSyntax) || n != 2 {
		t.Errorf("got %d elements, %v", n, err)
	}
	if _, err := jsontree.Text([]byte("7")); !errors.Is(err, jsontree.ErrSyntax) {
		t.Errorf("a number as text: got %v", err)
	}
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"a":null}`))
	f.Add([]byte("[[[["))
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		err := jsontree.Members(b, func(_ string, v []byte) error {
			size += len(v)
			return jsontree.Elements(v, func(e []byte) error { return jsontree.Decode(e, new(any)) })
		})
		if err != nil && !errors.Is(err, jsontree.ErrSyntax) {
			t.Fatal(err)
		}
		if size > len(b) {
			t.Fatalf("%d bytes of values in %d", size, len(b))
		}
	})
}
