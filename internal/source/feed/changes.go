package feed

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hinomi/internal/source/feed/form"
)

// Changes says where a publisher of CSAF documents lists what changed (CSAF 2.0, 7.1.13, "changes.csv"), so that an archive of all documents
// need not be fetched every time one does.
type Changes struct {
	Archive   string // Remote.File of the archive: what it already holds is not fetched
	Deletions bool   // the folder has a deletions.csv, too (Red Hat)
}

// Bounds of what is put together. Red Hat's lists name some 50,000 documents, of which a thousand change in a busy week.
const (
	maxList      = 64 << 20
	maxChanged   = 100_000
	maxDocument  = 64 << 20
	collectAtOne = 4 // documents under way at once
)

// DeletionsName is the member of a file of changes that lists what was taken back.
const DeletionsName = "deletions.csv"

// listed is a line of changes.csv or deletions.csv.
type listed struct {
	path string
	text string // the time as written
	at   time.Time
}

// collect puts together a zip archive of the documents that changed since the archive beside it was made. Documents that a former run has
// fetched are taken over; what was fetched before a fault is kept for the next run.
func (d *downloader) collect(ctx context.Context, r Remote, old Entry, name string) (Entry, Update) {
	u := Update{File: r.File, Status: "failed"}
	e, unchanged, err := d.collected(ctx, r, old, name, &u.Bytes)
	switch {
	case err != nil:
		u.Err = fmt.Errorf("download %s from %s: %w", r.File, r.URL, err)
		return old, u
	case unchanged:
		u.Status = "unchanged"
	default:
		u.Status = "updated"
	}
	return e, u
}

func (d *downloader) collected(ctx context.Context, r Remote, old Entry, name string, moved *int64) (e Entry, unchanged bool, err error) {
	since, err := d.since(r.Changes.Archive)
	if err != nil {
		return old, false, err
	}
	changed, err := d.list(ctx, r.URL+"changes.csv", since)
	if err != nil {
		return old, false, err
	}
	var deleted []listed
	if r.Changes.Deletions {
		if deleted, err = d.list(ctx, r.URL+DeletionsName, since); err != nil {
			return old, false, err
		}
	}
	have := fetched{}
	defer have.close()
	if sameSize(name, old.Bytes) && old.SHA256 != "" {
		have.open(name)
	}
	if have.holds(changed, deleted) {
		old.Checked = d.o.Now.UTC()
		return old, true, nil
	}
	have.open(name + ".part")
	var failed error
	write := func(f *os.File) error {
		var err error
		failed, err = d.pack(ctx, f, r, changed, deleted, &have, moved)
		return err
	}
	target := name + ".part"
	if err := replace(target, write); err != nil {
		return old, false, err
	}
	if failed != nil {
		return old, false, failed
	}
	have.close()
	if err := os.Rename(target, name); err != nil {
		return old, false, err
	}
	sum, size, err := sumOf(ctx, name)
	if err != nil {
		return old, false, err
	}
	return Entry{
		File: r.File, Bytes: size, SHA256: sum, Licence: r.Licence, URL: r.URL, Checked: d.o.Now.UTC(), Complete: &r.Complete,
	}, false, nil
}

// dated finds the day in the name of an archive: "csaf_vex_2024-08-04.tar.zst".
var dated = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

// since returns the time up to which an archive holds every change: a day before the one in its name, else before the publisher's date of
// the file.
func (d *downloader) since(archive string) (time.Time, error) {
	e, ok := d.entry(archive)
	if !ok {
		return time.Time{}, fmt.Errorf("%s is not there yet: %w", archive, fs.ErrNotExist)
	}
	at := form.Date(dated.FindString(path.Base(e.URL)))
	if at.IsZero() {
		var err error
		if at, err = http.ParseTime(e.Modified); err != nil {
			return time.Time{}, fmt.Errorf("%w: %s has no date", ErrFormat, archive)
		}
	}
	return at.Add(-24 * time.Hour), nil
}

// list reads a changes.csv or deletions.csv: the documents since a time, by path, each once. A list that is not there is empty.
func (d *downloader) list(ctx context.Context, address string, since time.Time) ([]listed, error) {
	b, err := d.body(ctx, address, maxList)
	if err != nil {
		return nil, err
	}
	out, err := parseList(b, since)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return out, nil
}

func parseList(b []byte, since time.Time) ([]listed, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord, r.ReuseRecord = 2, true
	latest := map[string]listed{}
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		l := listed{path: strings.Clone(rec[0]), text: strings.Clone(rec[1]), at: form.Date(rec[1])}
		if l.at.IsZero() || !fs.ValidPath(l.path) || !strings.HasSuffix(l.path, ".json") || strings.Contains(l.path, `\`) {
			return nil, fmt.Errorf("%w: line %q, %q", ErrFormat, l.path, l.text)
		}
		if l.at.After(since) && l.at.After(latest[l.path].at) {
			latest[l.path] = l
		}
	}
	if len(latest) > maxChanged {
		return nil, fmt.Errorf("%w: %d documents changed", ErrLimit, len(latest))
	}
	out := make([]listed, 0, len(latest))
	for _, l := range latest {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b listed) int { return cmp.Compare(a.path, b.path) })
	return out, nil
}

// errGone says that a publisher lists a document and does not have it.
var errGone = errors.New("not found")

// body gets a whole response, trying again where it was cut.
func (d *downloader) body(ctx context.Context, address string, limit int64) ([]byte, error) {
	for try := 1; ; try++ {
		b, err := d.once(ctx, address, limit)
		if err == nil || try >= d.o.Tries || ctx.Err() != nil || errors.Is(err, errHTTP) || errors.Is(err, ErrLimit) || errors.Is(err, errGone) {
			return b, err
		}
	}
}

func (d *downloader) once(ctx context.Context, address string, limit int64) ([]byte, error) {
	resp, err := d.get(ctx, address, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", address, errGone)
	default:
		return nil, fmt.Errorf("%s: %w: %s", address, errHTTP, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", address, ErrLimit, limit)
	}
	return b, nil
}

// pack writes the archive of changes. failed is why not all of them could be had: the archive then holds the others, and is whole in itself.
func (d *downloader) pack(ctx context.Context, f *os.File, r Remote, changed, deleted []listed, have *fetched, moved *int64) (failed, err error) {
	z := zip.NewWriter(f)
	if err := member(z, listed{path: DeletionsName}, deletionsText(deleted)); err != nil {
		return nil, err
	}
	var missing []listed
	for _, l := range changed {
		m := have.find(l)
		if m == nil {
			missing = append(missing, l)
			continue
		}
		if err := z.Copy(m); err != nil {
			return nil, err
		}
	}
	gone := map[string]bool{}
	for _, l := range deleted {
		gone[l.path] = true
	}
	for chunk := range slices.Chunk(missing, collectAtOne) {
		got := make([][]byte, len(chunk))
		var g errgroup.Group // one that fails does not stop the others: what they bring is kept
		for i, l := range chunk {
			g.Go(func() error {
				b, err := d.body(ctx, r.URL+escape(l.path), maxDocument)
				if errors.Is(err, errGone) && gone[l.path] {
					return nil
				}
				got[i] = b
				return err
			})
		}
		failed = g.Wait()
		for i, b := range got {
			if b == nil {
				continue
			}
			if *moved += int64(len(b)); *moved > d.o.MaxBytes {
				return nil, fmt.Errorf("%w: more than %d bytes", ErrLimit, d.o.MaxBytes)
			}
			if err := member(z, chunk[i], b); err != nil {
				return nil, err
			}
		}
		if d.o.Progress != nil {
			d.o.Progress(f.Name(), *moved, -1)
		}
		if failed != nil {
			break
		}
	}
	return failed, z.Close()
}

// member writes one document; its comment says of which time it is.
func member(z *zip.Writer, l listed, b []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: l.path, Comment: l.text, Method: zip.Deflate})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func deletionsText(l []listed) []byte {
	var b bytes.Buffer
	for _, d := range l {
		fmt.Fprintf(&b, "%q,%q\n", d.path, d.text)
	}
	return b.Bytes()
}

// escape makes the path of an address.
func escape(p string) string {
	l := strings.Split(p, "/")
	for i := range l {
		l[i] = url.PathEscape(l[i])
	}
	return strings.Join(l, "/")
}

// fetched is what former runs have brought.
type fetched struct {
	files []*zip.ReadCloser
	at    map[[2]string]*zip.File // by name and time
}

// open adds an archive; one that cannot be read is as good as none.
func (h *fetched) open(name string) {
	z, err := zip.OpenReader(filepath.Clean(name))
	if err != nil {
		return
	}
	h.files = append(h.files, z)
	if h.at == nil {
		h.at = map[[2]string]*zip.File{}
	}
	for _, f := range z.File {
		h.at[[2]string{f.Name, f.Comment}] = f
	}
}

func (h *fetched) close() {
	for _, z := range h.files {
		_ = z.Close() // only read
	}
	h.files = nil
}

// find returns a document of the time that is listed, nil if there is none.
func (h *fetched) find(l listed) *zip.File { return h.at[[2]string{l.path, l.text}] }

// holds reports whether the first archive is exactly what would be made.
func (h *fetched) holds(changed, deleted []listed) bool {
	if len(h.files) == 0 || len(h.files[0].File) != len(changed)+1 {
		return false
	}
	want := map[string]string{DeletionsName: ""}
	for _, l := range changed {
		want[l.path] = l.text
	}
	for _, f := range h.files[0].File {
		if t, ok := want[f.Name]; !ok || t != f.Comment {
			return false
		}
		if f.Name == DeletionsName {
			r, err := f.Open()
			if err != nil {
				return false
			}
			b, err := io.ReadAll(io.LimitReader(r, maxList))
			if err != nil || r.Close() != nil || !bytes.Equal(b, deletionsText(deleted)) {
				return false
			}
		}
	}
	return true
}

// latest returns the address of the archive that a text beside it names ("archive_latest.txt").
func (d *downloader) latest(ctx context.Context, address string) (string, error) {
	b, err := d.small(ctx, address)
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(b))
	base, err := url.Parse(address)
	if err != nil || name == "" || name != path.Base(name) || strings.ContainsAny(name, " \t\r\n\\") {
		return "", fmt.Errorf("%s: %w: name %q", address, ErrFormat, name)
	}
	return base.JoinPath("..", name).String(), nil
}
