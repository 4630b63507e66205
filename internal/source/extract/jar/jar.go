// Package jar reads what Java archives say of themselves and of what is packed into them, within bounds that no archive can leave.
package jar

import (
	"context"
	"crypto/sha1" //nolint:gosec // the identity that Maven repositories publish, not a protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"hinomi/internal/source/extract/zipdir"
)

// The bounds of one archive on the disk with all that is nested in it. A large server's archive has some 10,000 entries and 500 nested archives of
// at most some 50 MB; DEFLATE packs at most 1:1032, archives of archives hardly pack at all.
const (
	maxArchiveDepth   = 8
	maxArchiveEntries = 2_000_000
	maxArchiveProps   = 10_000
	maxNested         = 20_000
	maxNestedBytes    = 64 << 20 // of one nested archive that must be unpacked into memory, and of all that are open at once
	maxUnpacked       = 1 << 30  // bytes unpacked in all
	maxRatio          = 100      // unpacked to packed, of a nested archive
	maxProperties     = 64 << 10 // bytes of pom.properties, and of the manifest's main section
	maxPath           = 4096     // bytes of a place
	archiveGaps       = 50       // gaps of one archive that are named one by one
)

// Found is an archive, or one that was packed into another, with its coordinates.
type Found struct {
	Group, Artifact string
	Version         string // "" if the archive does not say one
	Place           string // inside the file, as in a jar: URL, with the file's own path before it; "" for the file itself
	SHA1            string // of the archive, where no pom.properties named it
}

// Reader reads the archives of one host.
type Reader struct {
	limit  int64
	unpack sync.Mutex // held while nested archives of one file are in memory
	arena  []byte     // where they are, guarded by unpack; made when first needed, and resident as far as it was used
}

// NewReader makes a Reader. The SHA-1 is only taken of archives of at most limit bytes. It is safe for concurrent use.
func NewReader(limit int64) *Reader { return &Reader{limit: limit} }

// Read reads an archive and those nested in it: each pom.properties that Maven left (a shaded archive has many), else the manifest, else the
// file's name. found and gap are called from this goroutine; gap with the place of what could not be read.
func (r *Reader) Read(ctx context.Context, file *io.SectionReader, location string, found func(Found), gap func(place, reason string)) {
	j := &jar{reader: r, location: location, found: found, report: gap}
	j.read(ctx, file, "", path.Base(location), 0)
	if j.lost > 0 {
		gap(location, fmt.Sprintf("%d more problems in the archive", j.lost))
	}
}

// Extensions lists the endings of Java archives: those of Java itself and its servers (jar, war, ear, sar), of Apache (par, kar, nar, aar of Axis2),
// of Jenkins (hpi, jpi) and of Liferay (lpkg).
func Extensions() []string {
	return []string{".jar", ".war", ".ear", ".par", ".sar", ".kar", ".hpi", ".jpi", ".nar", ".aar", ".lpkg"}
}

// is says whether the name of an entry is that of a Java archive.
func is(name []byte) bool {
	i := len(name) - 1
	for i > 0 && i > len(name)-5 && name[i] != '.' {
		i--
	}
	if i <= 0 || name[i] != '.' || name[i-1] == '/' {
		return false
	}
	for _, ext := range Extensions() {
		if len(ext) == len(name)-i && strings.EqualFold(ext, string(name[i:])) {
			return true
		}
	}
	return false
}

// jar is one archive on the disk, with what it has cost so far.
type jar struct {
	reader   *Reader
	location string
	found    func(Found)
	report   func(place, reason string)
	entries  int64
	nested   int
	props    int
	unpacked int64
	live     int64 // bytes of nested archives held in memory
	holds    bool  // the lock for that
	gaps     int
	lost     int
}

func (j *jar) gap(parent string, reason string) {
	if j.gaps++; j.gaps > archiveGaps {
		j.lost++
		return
	}
	if parent == "" {
		parent = j.location
	}
	j.report(parent, reason)
}

// content is what one archive says of itself.
type content struct {
	props    []coordinates
	manifest map[string]string
	classes  bool
}

type coordinates struct{ group, artifact, version string }

// read takes one archive; parent is its place inside the file on the disk, "" for that file.
func (j *jar) read(ctx context.Context, r *io.SectionReader, parent, base string, depth int) {
	a, err := zipdir.Open(r, r.Size())
	if err != nil {
		j.gap(parent, err.Error())
		return
	}
	var c content
	err = a.Entries(func(e zipdir.Entry) error {
		if j.entries++; j.entries > maxArchiveEntries {
			return fmt.Errorf("more than %d entries: the rest was not read", maxArchiveEntries)
		}
		if j.entries%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		j.entry(ctx, a, e, &c, parent, depth)
		return nil
	})
	if err != nil {
		j.gap(parent, err.Error())
	}
	j.conclude(r, &c, parent, base)
}

func (j *jar) entry(ctx context.Context, a *zipdir.Archive, e zipdir.Entry, c *content, parent string, depth int) {
	name := e.Name
	var err error
	switch {
	case len(name) == 0 || name[len(name)-1] == '/':
	case is(name):
		err = j.nest(ctx, a, e, parent, depth)
	case hasSuffix(name, ".class"):
		c.classes = true
	case hasSuffix(name, "/pom.properties") && strings.HasPrefix(string(name), "META-INF/maven/"):
		if j.props++; j.props > maxArchiveProps {
			err = fmt.Errorf("more than %d pom.properties", maxArchiveProps)
			break
		}
		err = j.pom(a, e, c)
	case string(name) == "META-INF/MANIFEST.MF":
		var text []byte
		if text, err = j.text(a, e); err == nil {
			c.manifest = parseManifest(text)
		}
	}
	if err != nil {
		j.gap(parent, fmt.Sprintf("%.200q: %v", name, err))
	}
}

func hasSuffix(name []byte, suffix string) bool {
	return len(name) >= len(suffix) && string(name[len(name)-len(suffix):]) == suffix
}

// text reads the beginning of a small entry.
func (j *jar) text(a *zipdir.Archive, e zipdir.Entry) ([]byte, error) {
	r, err := a.Reader(e)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxProperties))
	if j.unpacked += int64(len(data)); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return data, nil
}

func (j *jar) pom(a *zipdir.Archive, e zipdir.Entry, c *content) error {
	text, err := j.text(a, e)
	if err != nil {
		return err
	}
	p := parseProperties(string(text))
	at := coordinates{p["groupId"], p["artifactId"], p["version"]}
	if at.group == "" || at.artifact == "" || at.version == "" || strings.Contains(at.version+at.artifact+at.group, "${") {
		return fmt.Errorf("no whole coordinates: %q %q %q", at.group, at.artifact, at.version)
	}
	if !slices.Contains(c.props, at) {
		c.props = append(c.props, at)
	}
	return nil
}

// nest reads an archive inside an archive: a stored one in place, a packed one in memory.
func (j *jar) nest(ctx context.Context, a *zipdir.Archive, e zipdir.Entry, parent string, depth int) error {
	inner := string(e.Name)
	if parent == "" {
		parent = j.location
	}
	parent += "!/" + inner
	j.nested++
	switch {
	case e.Packed == 0 && e.Size == 0:
		return nil
	case depth+1 > maxArchiveDepth:
		return fmt.Errorf("not read: archives are nested more than %d deep", maxArchiveDepth)
	case j.nested > maxNested:
		return fmt.Errorf("not read: more than %d nested archives", maxNested)
	case len(parent) > maxPath:
		return fmt.Errorf("not read: a path of %d bytes", len(parent))
	}
	raw, err := a.Raw(e)
	if err != nil {
		return err
	}
	if e.Method == zipdir.Store {
		j.read(ctx, raw, parent, path.Base(inner), depth+1)
		return nil
	}
	switch {
	case e.Size > maxNestedBytes || j.live+e.Size > maxNestedBytes:
		return fmt.Errorf("not read: %d bytes unpacked, at most %d are held", e.Size, maxNestedBytes)
	case e.Size > 1<<20 && e.Size/max(e.Packed, 1) > maxRatio:
		return fmt.Errorf("not read: %d bytes packed into %d, more than 1:%d, as a zip bomb does", e.Size, e.Packed, maxRatio)
	case j.unpacked+e.Size > maxUnpacked:
		return fmt.Errorf("not read: more than %d bytes unpacked from one file", maxUnpacked)
	}
	// One at a time over all readers, so that the memory is that of one.
	if !j.holds {
		j.reader.unpack.Lock()
		j.holds = true
		defer func() {
			j.holds = false
			j.reader.unpack.Unlock()
		}()
	}
	r, err := a.Reader(e)
	if err != nil {
		return err
	}
	if j.reader.arena == nil {
		j.reader.arena = make([]byte, maxNestedBytes+1)
	}
	data := j.reader.arena[j.live : j.live+e.Size+1]
	n, err := io.ReadFull(r, data)
	j.unpacked += int64(n)
	if !errors.Is(err, io.ErrUnexpectedEOF) || int64(n) != e.Size {
		return fmt.Errorf("%w: unpacked to %d bytes, its directory says %d (%w)", zipdir.ErrFormat, n, e.Size, err)
	}
	j.live += e.Size
	j.read(ctx, io.NewSectionReader(sliceReader(data[:n]), 0, int64(n)), parent, path.Base(inner), depth+1)
	j.live -= e.Size
	return nil
}

// sliceReader is an io.ReaderAt over bytes.
type sliceReader []byte

func (s sliceReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(s)) {
		return 0, io.EOF
	}
	n := copy(p, s[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// conclude adds what an archive holds, and what it is itself.
func (j *jar) conclude(r *io.SectionReader, c *content, parent, base string) {
	stem := base[:len(base)-len(path.Ext(base))]
	named := false
	for _, at := range c.props {
		j.add(at, parent, "")
		named = named || stem == at.artifact || strings.HasPrefix(stem, at.artifact+"-") ||
			len(c.props) == 1 && (at.version == c.manifest["Implementation-Version"] || at.version == c.manifest["Bundle-Version"])
	}
	if named || len(c.props) == 0 && !c.classes && len(c.manifest) == 0 {
		return
	}
	sum, err := j.sha1(r)
	if err != nil {
		j.gap(parent, err.Error())
	}
	at := guess(stem, c.manifest)
	if at.version != "" || c.classes && len(c.props) == 0 {
		j.add(at, parent, sum) // even without a version: the caller may know whose it is
	}
}

func (j *jar) add(at coordinates, parent, sum string) {
	j.found(Found{Group: at.group, Artifact: at.artifact, Version: at.version, Place: parent, SHA1: sum})
}

func (j *jar) sha1(r *io.SectionReader) (string, error) {
	if r.Size() > j.reader.limit {
		return "", fmt.Errorf("no SHA-1 was taken of %d bytes, at most %d are read", r.Size(), j.reader.limit)
	}
	h := sha1.New() //nolint:gosec // see above
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return "", fmt.Errorf("take the SHA-1: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
