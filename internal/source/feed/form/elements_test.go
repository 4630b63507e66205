package form_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

// lists reads the numbers of a list and the names of the other members.
func lists(numbers *[]string, rest *[]string) form.Feed {
	return form.Feed{
		ID: "lists", Files: []string{"*.json"}, Name: form.Always("lists"),
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Elements(ctx, "list", func(v json.RawMessage) error {
				*numbers = append(*numbers, string(v))
				return nil
			}, func(name string, _ json.RawMessage) error {
				*rest = append(*rest, name)
				return nil
			})
		},
	}
}

func TestElements(t *testing.T) {
	for _, c := range []struct {
		name, text    string
		numbers, rest []string
		want          error
	}{
		{"between_others", `{"a": {"list": [9]}, "list": [1, {"x": 2}], "b": null}`, []string{"1", `{"x": 2}`}, []string{"a", "b"}, nil},
		{"empty", `{"list": []}`, nil, nil, nil},
		{"none", `{"a": 1}`, nil, []string{"a"}, form.ErrFormat},
		{"no_list", `{"list": {"x": 1}}`, nil, nil, form.ErrFormat},
		{"no_object", `[1]`, nil, nil, form.ErrFormat},
		{"cut", `{"list": [1, 2`, []string{"1", "2"}, nil, form.ErrFormat},
		{"two_objects", `{"list": [1]} {}`, []string{"1"}, nil, form.ErrFormat},
		{"large_element", `{"list": ["` + strings.Repeat("x", 1<<20) + `"]}`, nil, nil, form.ErrLimit},
	} {
		var numbers, rest []string
		_, err := form.Read(t.Context(), lists(&numbers, &rest), form.Source{
			File: "a.json", At: strings.NewReader(c.text), Size: int64(len(c.text)), Sink: &feedtest.Sink{}, Limits: form.Limits{Document: 4 << 10},
		})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if diff := cmp.Diff(c.numbers, numbers) + cmp.Diff(c.rest, rest); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestReplaced keeps of two documents of one id the newer one, whichever file it stands in.
func TestReplaced(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	kind := form.Feed{
		ID: "k", Files: []string{"*"}, Name: form.Always("k"), Changes: func(file string) bool { return file == "changes" },
		Read: func(_ context.Context, in *form.Document) error {
			if in.File == "changes" {
				in.Deleted("D", day(5))
				return errors.Join(in.Advisory(&advisory.Advisory{ID: "A", Modified: day(3), Summary: "new"}), in.CVEAt(&advisory.CVE{ID: "CVE-2026-0001"}, day(3)))
			}
			in.Deleted("A", day(9)) // no file of changes: of no effect
			return errors.Join(
				in.Advisory(&advisory.Advisory{ID: "A", Modified: day(2)}), in.Advisory(&advisory.Advisory{ID: "A", Modified: day(4), Summary: "newer still"}),
				in.Advisory(&advisory.Advisory{ID: "D", Modified: day(5)}), in.Advisory(&advisory.Advisory{ID: "D", Modified: day(6), Summary: "came back"}),
				in.CVEAt(&advisory.CVE{ID: "CVE-2026-0001", Description: "old"}, day(3)), in.CVE(&advisory.CVE{ID: "CVE-2026-0002"}),
			)
		},
	}
	s := &feedtest.Sink{}
	told := form.Replaced{}
	rows := 0
	for _, file := range []string{"changes", "archive"} {
		l, err := form.Read(t.Context(), kind, form.Source{File: file, At: strings.NewReader(""), Sink: s, Replaced: told})
		if err != nil {
			t.Fatal(err)
		}
		rows += l.Rows
	}
	var got []string
	for _, a := range s.Advisories {
		got = append(got, a.ID+" "+a.Summary)
	}
	if diff := cmp.Diff([]string{"A new", "A newer still", "D came back"}, got); diff != "" {
		t.Error(diff)
	}
	if len(s.CVEs) != 2 || s.CVEs["CVE-2026-0001"].Description != "" || rows != 2 {
		t.Errorf("got %+v, %d rows", s.CVEs, rows)
	}
}
