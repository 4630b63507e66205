// Package collect writes what live accounts answer as a dump: a folder of AWS CLI JSON that package dump reads back into the same
// snapshot, so that an organisation can be analysed where AWS cannot be reached. What is secret is left out: pre-shared keys of VPNs,
// BGP keys, and the device configurations that hold them.
package collect

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/aws/mapping"
)

// Result says what was written.
type Result struct {
	live.Report
	Files int
	Bytes int64
}

// ErrNotEmpty is returned if the folder already holds something: two collections are never mixed.
var ErrNotEmpty = errors.New("the folder is not empty")

// Write reads targets and writes the dump to dir, which is made if it does not exist. What could not be read is told in the report
// and in the dump's manifest; the error is that of the folder or the context.
func Write(ctx context.Context, dir string, targets []live.Target, opts live.Options) (*Result, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the dump's folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the dump's folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := empty(root); err != nil {
		return nil, fmt.Errorf("write a dump to %s: %w", dir, err)
	}
	if opts.Now == nil {
		opts.Now = time.Now //nolint:forbidigo // the default of a clock that is handed in
	}
	c := &collection{root: root, manifest: dump.Manifest{Version: 1, CollectedAt: opts.Now().UTC()}}
	report, err := live.Walk(ctx, targets, opts, c.open)
	if err != nil {
		return nil, fmt.Errorf("write a dump to %s: %w", dir, err)
	}
	for _, f := range report.Failed {
		c.manifest.Gaps = append(c.manifest.Gaps, snapshot.Gap{Scope: snapshot.Scope{Account: f.Account}, Reason: f.Reason, Detail: f.Detail, At: f.At})
	}
	if err := c.writeManifest(); err != nil {
		return nil, fmt.Errorf("write a dump to %s: %w", dir, err)
	}
	return &Result{Report: *report, Files: c.files, Bytes: c.bytes}, nil
}

func empty(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(1)
	switch {
	case len(names) > 0:
		return ErrNotEmpty
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// collection is one dump being written.
type collection struct {
	root *os.Root

	mu       sync.Mutex
	manifest dump.Manifest
	files    int
	bytes    int64
}

func (c *collection) open(account, region string) (live.Sink, error) {
	dir := filepath.Join("accounts", account, region)
	if err := c.root.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &sink{c: c, account: account, region: region, dir: dir, files: map[*mapping.Part]*file{}}, nil
}

// writeManifest is the last thing written: a folder without it was not collected to its end.
func (c *collection) writeManifest() error {
	slices.SortFunc(c.manifest.Parts, func(a, b dump.ManifestPart) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Part, b.Part))
	})
	b, err := json.Marshal(c.manifest, json.Deterministic(true), jsontext.WithIndent("    "))
	if err != nil {
		return err
	}
	c.files++
	c.bytes += int64(len(b)) + 1
	return c.root.WriteFile(dump.ManifestName, append(b, '\n'), 0o600)
}

// sink writes the files of one account and region.
type sink struct {
	c               *collection
	account, region string
	dir             string

	mu        sync.Mutex
	files     map[*mapping.Part]*file
	parts     []dump.ManifestPart
	instances int
	assets    int
	whole     bool  // the region as a whole was not read: one gap stands for all its parts
	err       error // the first of writing
}

// file is one file being written, an element at a time.
type file struct {
	f *os.File
	w *bufio.Writer
	n int
}

// Put implements live.Sink.
func (s *sink) Put(p *mapping.Part, item any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := item.(*ec2types.Reservation); ok {
		s.instances += len(r.Instances)
		s.assets += len(r.Instances)
	} else if p.Detail == "" {
		s.assets++
	}
	b, err := p.CLI(item)
	if err == nil {
		err = s.element(p, b)
	}
	s.keep(err)
}

func (s *sink) keep(err error) {
	if err != nil && s.err == nil {
		s.err = err
	}
}

func (s *sink) element(p *mapping.Part, b []byte) error {
	f, err := s.file(p)
	if err != nil {
		return err
	}
	v := jsontext.Value(b)
	prefix := "        "
	if p.Object {
		prefix = "    "
	}
	if err := v.Indent(jsontext.WithIndentPrefix(prefix), jsontext.WithIndent("    ")); err != nil {
		return err
	}
	lead := ""
	switch {
	case p.Object:
	case f.n > 0:
		lead = ",\n" + prefix
	default:
		lead = "\n" + prefix
	}
	f.n++
	_, err = f.w.WriteString(lead + string(bytes.TrimSpace(v)))
	return err
}

// file returns the part's file, begun on first use.
func (s *sink) file(p *mapping.Part) (*file, error) {
	if f, ok := s.files[p]; ok {
		return f, nil
	}
	w, err := s.c.root.OpenFile(filepath.Join(s.dir, p.Name+".json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	f := &file{f: w, w: bufio.NewWriterSize(w, 64<<10)}
	s.files[p] = f
	open := "["
	if p.Object {
		open = ""
	}
	_, err = f.w.WriteString("{\n    \"" + p.Key + "\": " + open)
	return f, err
}

// Done implements live.Sink.
func (s *sink) Done(p *mapping.Part, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.file(p) // an empty list says that there are none
	s.keep(err)
	s.parts = append(s.parts, dump.ManifestPart{Account: s.account, Region: s.region, Part: p.Name, At: at})
	s.keep(s.finish(p))
}

// Fail implements live.Sink.
func (s *sink) Fail(p *mapping.Part, at time.Time, reason snapshot.Reason, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, dump.ManifestPart{Account: s.account, Region: s.region, Part: p.Name, At: at, Reason: reason, Detail: detail})
	s.keep(s.finish(p))
}

// FailAll implements live.Sink.
func (s *sink) FailAll(at time.Time, reason snapshot.Reason, detail string) {
	s.mu.Lock()
	s.whole = true
	s.mu.Unlock()
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.manifest.Gaps = append(s.c.manifest.Gaps, snapshot.Gap{Scope: snapshot.Scope{Account: s.account, Region: s.region}, Reason: reason, Detail: detail, At: at})
}

// finish ends the part's file, if it was begun.
func (s *sink) finish(p *mapping.Part) error {
	f := s.files[p]
	if f == nil || f.f == nil {
		return nil
	}
	end := "\n    ]\n}\n"
	switch {
	case p.Object && f.n == 0:
		end = "null\n}\n"
	case p.Object:
		end = "\n}\n"
	case f.n == 0:
		end = "]\n}\n"
	}
	_, err := f.w.WriteString(end)
	err = cmp.Or(err, f.w.Flush())
	info, statErr := f.f.Stat()
	err = cmp.Or(err, statErr, f.f.Close())
	f.f, f.w = nil, nil
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(s.dir, p.Name+".json"), err)
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.files++
	s.c.bytes += info.Size()
	return nil
}

// Close implements live.Sink.
func (s *sink) Close(time.Time) (instances, assets int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, f := range s.files {
		if f.f != nil { // neither done nor failed: the reading was stopped
			s.keep(s.finish(p))
		}
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.whole {
		s.c.manifest.Parts = append(s.c.manifest.Parts, s.parts...)
	}
	return s.instances, s.assets, s.err
}
