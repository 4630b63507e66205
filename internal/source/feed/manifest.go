package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hinomi/internal/source/feed/form"
)

// ManifestName is the file that lists a folder's feeds with their checksums.
const ManifestName = "MANIFEST.json"

// Errors that a caller acts on.
var (
	// ErrChecksum says that a file is not the one its manifest lists.
	ErrChecksum = errors.New("checksum differs from the manifest")
	// ErrUnlisted says that a folder holds a feed that its manifest does not list.
	ErrUnlisted = errors.New("file is not in the manifest")
	// ErrLimit says that a file is larger, once unpacked, than a feed can be.
	ErrLimit = form.ErrLimit
	// ErrShrunk says that a feed lost more than a fifth of its rows since the last import.
	ErrShrunk = errors.New("feed shrank by more than a fifth")
	// ErrFormat says that a file is not in its publisher's format.
	ErrFormat = form.ErrFormat
)

// Manifest lists the files of a folder.
type Manifest struct {
	Generated string  `json:"generated,omitempty"` // YYYY-MM-DD
	Entries   []Entry `json:"entries"`
}

// Entry is one file of a manifest. Unknown fields are ignored.
type Entry struct {
	File       string    `json:"file"` // slash-separated, inside the folder
	Bytes      int64     `json:"bytes"`
	SHA256     string    `json:"sha256"`
	Licence    string    `json:"licence,omitempty"`
	Origin     string    `json:"canonical_feed,omitempty"`
	URL        string    `json:"url,omitempty"`  // where it was fetched from
	ETag       string    `json:"etag,omitempty"` // the publisher's validators, for the next conditional request
	Modified   string    `json:"lastModified,omitempty"`
	Version    string    `json:"version,omitempty"` // the publisher's own word for what the file was when it was fetched
	Checked    time.Time `json:"checked,omitzero"`  // when the publisher last said that this is current
	CommitDate string    `json:"commit_date,omitempty"`
	Newest     string    `json:"newest,omitempty"`
	Complete   *bool     `json:"complete,omitempty"` // false: a subset. Absent: complete
	Note       string    `json:"note,omitempty"`
}

// maxManifest bounds the manifest itself: a hundred times the largest known.
const maxManifest = 16 << 20

// ReadManifest reads the manifest of a folder. A folder without one gives an error that wraps fs.ErrNotExist.
func ReadManifest(dir string) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, ManifestName)) //nolint:gosec // the folder is the caller's choice
	if err != nil {
		return Manifest{}, fmt.Errorf("read the feeds' manifest: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if len(b) > maxManifest {
		return Manifest{}, fmt.Errorf("read %s: %w: more than %d bytes", f.Name(), ErrLimit, maxManifest)
	}
	m, err := parseManifest(b)
	if err != nil {
		return Manifest{}, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return m, nil
}

// parseManifest reads a manifest's bytes and refuses paths that lead out of the folder.
func parseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	seen := map[string]bool{}
	for _, e := range m.Entries {
		if !fs.ValidPath(e.File) || strings.Contains(e.File, `\`) || path.Clean(e.File) != e.File {
			return Manifest{}, fmt.Errorf("%w: path %q", ErrFormat, e.File)
		}
		if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != sha256.Size {
			return Manifest{}, fmt.Errorf("%w: SHA-256 of %s", ErrFormat, e.File)
		}
		if seen[e.File] {
			return Manifest{}, fmt.Errorf("%w: %s is listed twice", ErrFormat, e.File)
		}
		seen[e.File] = true
	}
	return m, nil
}

// WriteManifest writes the manifest of a folder in one step, entries sorted by path.
func WriteManifest(dir string, m Manifest) error {
	slices.SortFunc(m.Entries, func(a, b Entry) int { return strings.Compare(a.File, b.File) })
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write the feeds' manifest: %w", err)
	}
	return replace(filepath.Join(dir, ManifestName), func(f *os.File) error {
		_, err := f.Write(append(b, '\n'))
		return err
	})
}

// replace writes a file beside its place and renames it there, so that a reader or a crash never sees half of it.
func replace(name string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}

// verify compares a file's SHA-256 with its entry's.
func verify(ctx context.Context, f io.Reader, e Entry) error {
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, f}); err != nil {
		return fmt.Errorf("read %s: %w", e.File, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, e.SHA256) {
		return fmt.Errorf("%s: %w: it has %s, the manifest says %s", e.File, ErrChecksum, got, e.SHA256)
	}
	return nil
}

// sumOf returns the SHA-256 and size of a file.
func sumOf(ctx context.Context, name string) (sum string, size int64, err error) {
	f, err := os.Open(name) //nolint:gosec // a part of ours inside the folder
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if size, err = io.Copy(h, &ctxReader{ctx, f}); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// ctxReader stops reading when its context ends.
type ctxReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// asOf returns the time for which an entry speaks: when it was last checked, else its commit's or newest document's date, never later
// than now (publishers write future dates); zero if nothing is said.
func (e Entry) asOf(now time.Time) time.Time {
	if !e.Checked.IsZero() {
		return earlier(e.Checked, now)
	}
	var out time.Time
	for _, s := range []string{e.CommitDate, e.Newest} {
		if t := form.Date(s); t.After(out) {
			out = t
		}
	}
	return earlier(out, now)
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}
