package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// UpdateOptions are what a caller decides about a download.
type UpdateOptions struct {
	Now      time.Time
	Base     string                               // mirror: every file is fetched from Base + "/" + File, and held to the mirror's own manifest
	MaxBytes int64                                // of one file; default 8 GiB
	Tries    int                                  // for each file; a try goes on where the last was cut. Default 4
	Progress func(file string, done, total int64) // total is -1 if the server does not say; may be nil
}

// Update says what happened to one file.
type Update struct {
	File   string
	Status string // "updated", "unchanged", "failed"; "absent" if the publisher has no such file and need not have it
	Bytes  int64  // transferred
	Err    error
}

// absent is the status of an optional file that the publisher does not have.
const absent = "absent"

// Download brings every file of a catalogue into dir and keeps the folder's manifest. A file that the publisher calls unchanged is not
// transferred; one that was cut goes on where it stopped, in this run or the next; and a file takes its place only when it is whole, so that a
// failure leaves the old one. Failures of single files are in the updates and joined in the error; all other files are kept.
func Download(ctx context.Context, client *http.Client, dir string, files []Remote, o UpdateOptions) ([]Update, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 30
	}
	if o.Tries <= 0 {
		o.Tries = 4
	}
	m, err := ReadManifest(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d := downloader{client: client, dir: dir, o: o, entry: func(file string) (Entry, bool) {
		i := slices.IndexFunc(m.Entries, func(e Entry) bool { return e.File == file })
		if i < 0 {
			return Entry{}, false
		}
		return m.Entries[i], true
	}}
	if o.Base != "" {
		if d.mirror, err = d.mirrorManifest(ctx); err != nil {
			return nil, err
		}
	}
	var errs []error
	list, out := d.expand(ctx, yearly(files, o.Now))
	for _, u := range out {
		errs = append(errs, u.Err)
	}
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			return out, errors.Join(append(errs, err)...)
		}
		i := slices.IndexFunc(m.Entries, func(e Entry) bool { return e.File == r.File })
		old := Entry{File: r.File}
		if i >= 0 {
			old = m.Entries[i]
		}
		e, u := d.fetch(ctx, r, old)
		out = append(out, u)
		if u.Err != nil {
			errs = append(errs, u.Err)
			continue
		}
		if u.Status == absent {
			continue
		}
		if i >= 0 {
			m.Entries[i] = e
		} else {
			m.Entries = append(m.Entries, e)
		}
		m.Generated = o.Now.UTC().Format(time.DateOnly)
		if err := WriteManifest(dir, m); err != nil { // after each file: it must never speak of another file than the one that lies there
			return out, errors.Join(append(errs, err)...)
		}
	}
	return out, errors.Join(errs...)
}

type downloader struct {
	client *http.Client
	dir    string
	o      UpdateOptions
	mirror *Manifest
	entry  func(file string) (Entry, bool) // of the folder's manifest
}

// errHTTP is a server's refusal; trying again at once is of no use.
var errHTTP = errors.New("server refused")

// mirrorManifest reads a mirror's manifest; a mirror without one is taken without checksums.
func (d *downloader) mirrorManifest(ctx context.Context) (*Manifest, error) {
	resp, err := d.get(ctx, d.at(ManifestName), nil)
	if err != nil {
		return nil, fmt.Errorf("read the mirror's manifest: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode == http.StatusNotFound {
		return nil, nil //nolint:nilnil // no manifest is a valid answer
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the mirror's manifest: %w: %s", errHTTP, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read the mirror's manifest: %w", err)
	}
	if len(b) > maxManifest {
		return nil, fmt.Errorf("read the mirror's manifest: %w", ErrLimit)
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("read the mirror's manifest: %w", err)
	}
	return &m, nil
}

// at returns the address of a file on the mirror.
func (d *downloader) at(file string) string {
	p := strings.Split(file, "/")
	for i := range p {
		p[i] = url.PathEscape(p[i])
	}
	return strings.TrimSuffix(d.o.Base, "/") + "/" + strings.Join(p, "/")
}

// get sends a request with headers. Identity coding keeps byte ranges and checksums those of the file.
func (d *downloader) get(ctx context.Context, address string, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "hinomi")
	for k, v := range header {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	return d.client.Do(req)
}

// fetch brings one file up to date.
func (d *downloader) fetch(ctx context.Context, r Remote, old Entry) (Entry, Update) {
	u := Update{File: r.File, Status: "failed"}
	name := filepath.Join(d.dir, filepath.FromSlash(r.File))
	if !fs.ValidPath(r.File) {
		u.Err = fmt.Errorf("download %q: %w: not a path inside the folder", r.File, ErrFormat)
		return old, u
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		u.Err = fmt.Errorf("download %s: %w", r.File, err)
		return old, u
	}
	if !sameSize(name, old.Bytes) {
		old.ETag, old.Modified = "", "" // what lies there is not what the manifest speaks of
	}
	if r.Changes != nil && d.o.Base == "" {
		return d.collect(ctx, r, old, name)
	}
	if r.Version != "" && r.Version == old.Version && r.URL == old.URL && sameSize(name, old.Bytes) {
		u.Status, old.Checked = "unchanged", d.o.Now.UTC()
		return old, u
	}
	address, sum, err := d.resolve(ctx, r)
	switch {
	case r.Optional && errors.Is(err, errNoErrata):
		u.Status = absent
		return old, u
	case err != nil:
		u.Err = fmt.Errorf("download %s: %w", r.File, err)
		return old, u
	case sum != "" && strings.EqualFold(sum, old.SHA256) && sameSize(name, old.Bytes):
		u.Status, old.Checked = "unchanged", d.o.Now.UTC()
		return old, u
	}
	if old.URL != address {
		old.ETag, old.Modified = "", "" // validators belong to an address
	}
	p := part{name: name + ".part"}
	for try := 1; ; try++ {
		unchanged, err := d.transfer(ctx, address, old, &p)
		u.Bytes = p.moved
		if err == nil && unchanged {
			u.Status, old.Checked = "unchanged", d.o.Now.UTC()
			return old, u
		}
		if err == nil {
			break
		}
		if try >= d.o.Tries || ctx.Err() != nil || errors.Is(err, errHTTP) || errors.Is(err, ErrLimit) || !isCut(err) {
			u.Err = fmt.Errorf("download %s from %s: %w", r.File, address, err)
			return old, u
		}
	}
	e, err := d.install(ctx, r, address, name, sum, &p)
	if err != nil {
		u.Err = fmt.Errorf("download %s from %s: %w", r.File, address, err)
		return old, u
	}
	u.Status = "updated"
	return e, u
}

// resolve returns where a file lies now, and its SHA-256 if the publisher gives one beforehand.
func (d *downloader) resolve(ctx context.Context, r Remote) (address, sum string, err error) {
	switch {
	case d.o.Base != "":
		return d.at(r.File), "", nil
	case r.Latest:
		address, err = d.latest(ctx, r.URL)
		return address, "", err
	case r.MirrorList || r.Repository:
		return d.updateinfoOf(ctx, r)
	}
	return r.URL, "", nil
}

// sameSize reports whether a file is there with so many bytes.
func sameSize(name string, bytes int64) bool {
	st, err := os.Stat(name)
	return err == nil && st.Size() == bytes
}

// isCut reports whether an error is a broken transfer, which can go on, rather than a fault on this side.
func isCut(err error) bool {
	var disk *fs.PathError
	return !errors.As(err, &disk)
}

// part is a file on its way: its bytes so far lie in name, and beside it the validator they belong to.
type part struct {
	name  string
	moved int64
	Validator
}

// Validator is what the server called the version of a file.
type Validator struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"lastModified,omitempty"`
}

// resume returns how many bytes of the same version are there already. Without a strong validator nothing is.
func (p *part) resume(address string) int64 {
	b, err := os.ReadFile(p.name + ".json")
	if err != nil {
		return 0
	}
	var v Validator
	if json.Unmarshal(b, &v) != nil || v.URL != address || (v.ETag == "" || strings.HasPrefix(v.ETag, "W/")) && v.Modified == "" {
		return 0
	}
	st, err := os.Stat(p.name)
	if err != nil {
		return 0
	}
	p.Validator = v
	return st.Size()
}

// remove forgets the bytes so far.
func (p *part) remove() {
	_ = os.Remove(p.name)
	_ = os.Remove(p.name + ".json")
}

// transfer gets the rest of a file. unchanged says that the old one is still current.
func (d *downloader) transfer(ctx context.Context, address string, old Entry, p *part) (unchanged bool, err error) {
	have := p.resume(address)
	header := map[string]string{"If-None-Match": old.ETag, "If-Modified-Since": old.Modified}
	if have > 0 {
		header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", have), "If-Range": cmp.Or(strong(p.ETag), p.Modified)}
	}
	resp, err := d.get(ctx, address, header)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	switch resp.StatusCode {
	case http.StatusNotModified:
		return true, nil
	case http.StatusOK:
		have = 0
	case http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			p.remove()
			return false, fmt.Errorf("server sent range %q, asked from %d", resp.Header.Get("Content-Range"), have)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		p.remove()
		return false, errors.New("what was there so far is not part of the file")
	default:
		return false, fmt.Errorf("%w: %s", errHTTP, resp.Status)
	}
	return false, d.write(resp, address, have, p)
}

// strong returns an ETag that names exact bytes, else "".
func strong(etag string) string {
	if strings.HasPrefix(etag, "W/") {
		return ""
	}
	return etag
}

// write appends a response to the part.
func (d *downloader) write(resp *http.Response, address string, have int64, p *part) error {
	total := resp.ContentLength
	if total >= 0 {
		total += have
	}
	if total > d.o.MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrLimit, total, d.o.MaxBytes)
	}
	flag := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if have == 0 {
		flag |= os.O_TRUNC
		p.Validator = Validator{URL: address, ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified")}
		b, err := json.Marshal(p.Validator)
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.name+".json", b, 0o600); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(p.name, flag, 0o600)
	if err != nil {
		return err
	}
	w := &counter{w: f, done: have, limit: d.o.MaxBytes, tell: func(done int64) {
		if d.o.Progress != nil {
			d.o.Progress(p.name, done, total)
		}
	}}
	n, err := io.Copy(w, resp.Body)
	p.moved += n
	if err == nil && total >= 0 && have+n != total {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// counter writes on, within a limit.
type counter struct {
	w     io.Writer
	done  int64
	limit int64
	tell  func(done int64)
}

func (c *counter) Write(b []byte) (int, error) {
	if c.done+int64(len(b)) > c.limit {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrLimit, c.limit)
	}
	n, err := c.w.Write(b)
	c.done += int64(n)
	c.tell(c.done)
	return n, err
}

// install checks a whole part against the mirror's manifest and puts it in its place.
func (d *downloader) install(ctx context.Context, r Remote, address, name, want string, p *part) (Entry, error) {
	sum, size, err := sumOf(ctx, p.name)
	if err != nil {
		return Entry{}, err
	}
	if want != "" && !strings.EqualFold(want, sum) {
		p.remove()
		return Entry{}, fmt.Errorf("%w: it has %s, the repository says %s", ErrChecksum, sum, want)
	}
	e := Entry{
		File: r.File, Bytes: size, SHA256: sum, Licence: r.Licence, URL: address, ETag: p.ETag, Modified: p.Modified, Checked: d.o.Now.UTC(),
		Complete: &r.Complete, Version: r.Version,
	}
	if d.mirror != nil {
		i := slices.IndexFunc(d.mirror.Entries, func(e Entry) bool { return e.File == r.File })
		if i < 0 {
			p.remove()
			return Entry{}, fmt.Errorf("%w of the mirror", ErrUnlisted)
		}
		l := d.mirror.Entries[i]
		if !strings.EqualFold(l.SHA256, sum) {
			p.remove()
			return Entry{}, fmt.Errorf("%w: it has %s, the mirror's manifest says %s", ErrChecksum, sum, l.SHA256)
		}
		e.Complete, e.Licence, e.Origin, e.Newest, e.CommitDate, e.Note = l.Complete, l.Licence, l.Origin, l.Newest, l.CommitDate, l.Note
		e.Checked = l.Checked // the mirror may be old itself: what counts is when it last asked the publisher
	}
	if err := os.Rename(p.name, name); err != nil {
		return Entry{}, err
	}
	p.remove()
	return e, nil
}
