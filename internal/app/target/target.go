// Package target reads and judges one thing without any installation: a folder, a disk image, an SBOM, a snapshot. What a configuration says is
// all that it needs.
package target

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/app/core"
	"hinomi/internal/app/reading"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/ebs"
	"hinomi/internal/source/extract"
	"hinomi/internal/source/sbom"
)

// Scanned is the outcome of scanning one target without an installation.
type Scanned struct {
	Target    string               `json:"target"`
	Kind      string               `json:"kind"` // host, folder, image, sbom, snapshot
	Inventory *inventory.Inventory `json:"inventory"`
	Matched   pipeline.Matched     `json:"-"`
	Cost      pipeline.Cost        `json:"cost"`
	// Statements are what users said of vulnerabilities (VEX): Match hears them.
	Statements []advisory.Statement `json:"-"`
}

// Options say how a target is read.
type Options struct {
	Region  string // of ebs:snap-…
	Kernel  string // uname -r of the live host, for "/"
	Secrets bool   // look for keys and tokens, too
	Owned   bool   // list, too, what the distribution's packages brought, with its owner
}

// reader reads targets with the configuration alone.
type reader struct {
	core.Config
	secrets bool // keys and tokens are looked for, too
	owned   bool // what the distribution's packages brought is listed, too
}

// maxUnpacked bounds a compressed image: 1 TiB of zeros packs to a gigabyte, and nobody keeps such a file by accident.
const maxUnpacked = 64 << 30

// ErrTarget marks a target that is none of those that can be scanned.
var ErrTarget = errors.New("not a folder, a disk image, an SBOM or ebs:snap-…")

// Read reads the inventory of a target: "/" or a folder, a raw disk image (also gzip), an SBOM or lock file, ebs:snap-….
func Read(ctx context.Context, c core.Config, target string, o Options) (*Scanned, error) {
	r := &reader{Config: c, secrets: o.Secrets, owned: o.Owned}
	if r.Progress == nil {
		r.Progress = func(pipeline.Step) {}
	}
	if id, ok := strings.CutPrefix(target, "ebs:"); ok {
		return r.readSnapshot(ctx, id, o)
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	if info.IsDir() {
		return r.readFolder(ctx, target, o)
	}
	if m := info.Mode(); !m.IsRegular() && m&(fs.ModeDevice|fs.ModeCharDevice) != fs.ModeDevice {
		return nil, fmt.Errorf("%s: %w: it is %s, which has no end or waits for a writer", target, ErrTarget, kindOfFile(m))
	}
	if strings.HasSuffix(target, ".gz") {
		return r.readPacked(ctx, target)
	}
	text, err := looksLikeText(target)
	if err != nil {
		return nil, err
	}
	if text {
		return r.readSBOM(target)
	}
	return r.readImage(ctx, target)
}

// kindOfFile names a file that is neither regular nor a block device.
func kindOfFile(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeCharDevice != 0:
		return "a character device"
	default:
		return "a special file"
	}
}

func (r *reader) extractOptions(method inventory.Method, source string) extract.Options {
	return extract.Options{Method: method, Source: source, Secrets: r.secrets, Owned: r.owned, Now: r.Now, Logger: r.Log, OnProgress: r.WatchFiles}
}

func (r *reader) readFolder(ctx context.Context, dir string, o Options) (*Scanned, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	defer root.Close() //nolint:errcheck // only read
	opts := r.extractOptions(inventory.Host, abs)
	kind := "folder"
	if abs == "/" {
		kind, opts.RunningKernel = "host", o.Kernel
	}
	inv, stats, err := extract.Extract(ctx, root.FS(), opts)
	if err != nil {
		return nil, err
	}
	r.LogStats(ctx, opts.Source, stats)
	return &Scanned{Target: dir, Kind: kind, Inventory: inv}, nil
}

func (r *reader) readImage(ctx context.Context, path string) (*Scanned, error) {
	img, err := disk.OpenImage(path)
	if err != nil {
		return nil, fmt.Errorf("open image %s: %w", path, err)
	}
	defer img.Close() //nolint:errcheck // only read
	inv, err := r.ReadDisks(ctx, reading.Job{Source: path, Disks: []reading.Disk{{}}, Secrets: r.secrets, Owned: r.owned}, []reading.Device{img})
	if errors.Is(err, reading.ErrOpen) {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrTarget, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", path, err)
	}
	return &Scanned{Target: path, Kind: "image", Inventory: inv, Cost: pipeline.Cost{Bytes: img.Size()}}, nil
}

// readPacked unpacks a gzip image to a temporary file, sparse where it holds zeros, and reads that.
func (r *reader) readPacked(ctx context.Context, path string) (*Scanned, error) {
	tmp, err := Unpack(path)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp) //nolint:errcheck // a temporary file
	s, err := r.readImage(ctx, tmp)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), tmp, path))
	}
	s.Target, s.Inventory.Source = path, path
	return s, nil
}

// Unpack writes the unpacked form of a gzip file to a temporary file and returns its name.
func Unpack(path string) (name string, err error) {
	in, err := os.Open(path) //nolint:gosec // the file that the user named
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(in)
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", path, err)
	}
	out, err := os.CreateTemp("", "hinomi-image-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := out.Close(); err == nil && cerr != nil {
			err = cerr
		}
		if err != nil {
			_ = os.Remove(out.Name()) // the error that led here counts
		}
	}()
	if err := sparseCopy(out, z); err != nil {
		return "", fmt.Errorf("unpack %s: %w", path, err)
	}
	return out.Name(), nil
}

// sparseCopy writes a stream, leaving holes for blocks of zeros.
func sparseCopy(out *os.File, in io.Reader) error {
	buf := make([]byte, 64<<10)
	var size int64
	for {
		n, err := fill(in, buf)
		if n > 0 && bytes.ContainsFunc(buf[:n], func(r rune) bool { return r != 0 }) {
			if _, err := out.WriteAt(buf[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		switch {
		case size > maxUnpacked:
			return fmt.Errorf("more than %d GiB unpacked", maxUnpacked>>30)
		case errors.Is(err, io.EOF):
			return out.Truncate(size)
		case err != nil:
			return err
		}
	}
}

// fill reads until buf is full. Unlike io.ReadFull it tells a stream's end (io.EOF) from one that was cut (io.ErrUnexpectedEOF, of gzip).
func fill(in io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = in.Read(buf[n:])
		n += k
	}
	return n, err
}

// looksLikeText reports whether a file begins with text: no zero byte in its first 4 KiB, and not empty.
func looksLikeText(path string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // the file that the user named
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read
	head := make([]byte, 4096)
	n, err := fill(f, head)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	return n > 0 && !bytes.ContainsRune(head[:n], 0), nil
}

// readSBOM reads a document that says what is installed.
func (r *reader) readSBOM(path string) (*Scanned, error) {
	f, err := os.Open(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	inv, err := sbom.Read(filepath.Base(path), f, inventory.OS{})
	if errors.Is(err, sbom.ErrUnknown) {
		return nil, fmt.Errorf("%s: %w", path, ErrTarget)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	inv.ReadAt = r.Now()
	return &Scanned{Target: path, Kind: "sbom", Inventory: inv}, nil
}

// readSnapshot reads an EBS snapshot through the EBS direct APIs.
func (r *reader) readSnapshot(ctx context.Context, id string, o Options) (*Scanned, error) {
	session, region, err := r.snapshotSession(o)
	if err != nil {
		return nil, err
	}
	dev, err := ebs.Open(ctx, session.EBS(region), id, ebs.Options{Now: r.Now, CacheBytes: core.SnapshotCache})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, session.Classify(err))
	}
	inv, err := r.ReadDisks(ctx, reading.Job{Source: id, Disks: []reading.Disk{{}}, Secrets: r.secrets, Owned: r.owned}, []reading.Device{dev})
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", id, err)
	}
	n := dev.Counters()
	return &Scanned{Target: "ebs:" + id, Kind: "snapshot", Inventory: inv, Cost: pipeline.Cost{Calls: int(n.Lists + n.Blocks), Bytes: n.Bytes}}, nil
}

// snapshotSession returns the session that reads a snapshot with the process's own credentials, and the region.
func (r *reader) snapshotSession(o Options) (*awsclient.Session, string, error) {
	if o.Region == "" {
		return nil, "", errors.New("the snapshot's region is not known: give --region or set AWS_REGION")
	}
	clients, err := r.NewClients()
	if err != nil {
		return nil, "", err
	}
	s, err := clients.Session(awsclient.Who{Type: connector.TypeOfRegion(o.Region)})
	return s, o.Region, err
}
