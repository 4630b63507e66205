package csaf

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"hinomi/internal/source/feed/form"
)

// deletions is the list of what was taken back, beside the documents that changed.
const deletions = "deletions.csv"

// Archive reads every document of an archive, and its list of deletions if it has one.
func Archive(ctx context.Context, in *form.Document, p Publisher) error {
	return in.Entries(ctx, func(name string, b []byte) error {
		switch {
		case path.Base(name) == deletions:
			if err := deleted(in, b); err != nil {
				in.Problem(name, err)
			}
			return nil
		case strings.HasSuffix(name, ".csv"):
			return nil
		}
		return Read(in, name, b, p)
	}, ".json", ".csv")
}

// HoldsChanges reports whether a file holds the documents that changed since the archive beside it was made.
func HoldsChanges(file string) bool { return path.Base(file) == "changes.zip" }

// deleted reads a list of deletions: path and time. The document of a CVE is named after it.
func deleted(in *form.Document, b []byte) error {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = 2
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", form.ErrFormat, err)
		}
		at := form.Date(rec[1])
		if at.IsZero() {
			return fmt.Errorf("%w: time %q", form.ErrFormat, rec[1])
		}
		if id := strings.ToUpper(strings.TrimSuffix(path.Base(rec[0]), ".json")); strings.HasPrefix(id, "CVE-") {
			in.Deleted(id, at)
		}
	}
}
