package reading

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hinomi/internal/inventory"
	"hinomi/internal/sandbox"
)

// Reader reads disks in children.
type Reader struct {
	Command sandbox.Command // starts a program that calls InChild; the zero value is this program with Argument
	Limits  sandbox.Limits
	Log     *slog.Logger
	Now     func() time.Time
}

// parallel is how many answers are in the making for a device that reads far away.
const parallel = 32

// Read is what Read of this package is, but in a child. How the child ends, if it does so without a result, is a *sandbox.Error.
func (r Reader) Read(ctx context.Context, job Job, devices []Device, watch Watch) (*inventory.Inventory, Stats, error) {
	if len(devices) != len(job.Disks) {
		return nil, Stats{}, fmt.Errorf("%d devices for %d disks", len(devices), len(job.Disks))
	}
	c := r.Command
	if c.Path == "" {
		var err error
		if c, err = sandbox.Self(Argument); err != nil {
			return nil, Stats{}, err
		}
	}
	job.Disks = slices.Clone(job.Disks)
	sources := make([]sandbox.Device, len(devices))
	for i, d := range devices {
		sources[i] = sandbox.Device{Source: d, Size: d.Size()}
		if f, ok := d.(interface{ File() *os.File }); ok {
			sources[i].File, job.Disks[i].Local = f.File(), true
		}
		if p, ok := d.(prefetcher); ok {
			job.Disks[i].Hints, sources[i].Parallel = true, parallel
			sources[i].Prefetch = func(ranges []sandbox.Range) {
				for _, r := range ranges {
					p.Prefetch(r.Offset, r.Length)
				}
			}
		}
	}
	text, err := json.Marshal(job)
	if err != nil {
		return nil, Stats{}, fmt.Errorf("write the job: %w", err)
	}
	start := r.Now()
	result, report, err := sandbox.Run(ctx, c, r.Limits, text, sources, func(b []byte) { heard(b, watch) })
	r.log(ctx, job.Source, report, err)
	if err != nil {
		return nil, Stats{}, err
	}
	inv, stats, err := parse(result, report)
	if inv != nil {
		inv.Method, inv.Source, inv.ReadAt = job.Method, job.Source, start // these it has from here
	}
	return inv, stats, err
}

// heard passes on how far the child says that it is. A message that is none is of no matter.
func heard(b []byte, watch Watch) {
	var s step
	if watch != nil && json.Unmarshal(b, &s) == nil && s.Files >= 0 {
		watch(s.Files, s.Path)
	}
}

// parse reads the child's result, in which nothing is trusted.
func parse(b []byte, report *sandbox.Report) (*inventory.Inventory, Stats, error) {
	nonsense := func(why string) error {
		return &sandbox.Error{Kind: sandbox.ErrProtocol, Why: "its result: " + printable(why)}
	}
	var o outcome
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return nil, Stats{}, nonsense(err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, Stats{}, nonsense("something follows it")
	}
	switch {
	case o.Fault != nil && o.Inventory == nil && o.Fault.Text != "":
		return nil, o.Stats, o.Fault.fault(report)
	case o.Fault != nil || o.Inventory == nil:
		return nil, Stats{}, nonsense("neither an inventory nor an error")
	}
	return o.Inventory, o.Stats, nil
}

// log says how the child was walled in and what it cost. That no wall keeps it from files is a warning.
func (r Reader) log(ctx context.Context, source string, report *sandbox.Report, err error) {
	var e *sandbox.Error
	if errors.As(err, &e) && e.Stderr != "" {
		r.Log.WarnContext(ctx, "last words of the process that reads", slog.String("source", source), slog.String("stderr", e.Stderr))
	}
	level := slog.LevelInfo
	if err == nil && !walled(report.Layers) {
		level = slog.LevelWarn
	}
	r.Log.Log(ctx, level, "disks read in a process of its own", slog.String("source", source), slog.Any("layers", report.Layers),
		slog.Any("missing", report.Missing), slog.Int64("reads", report.Reads), slog.Int64("bytes", report.Bytes),
		slog.Duration("cpu", report.CPU), slog.Int64("peak_bytes", report.Peak))
}

// walled reports whether files are out of the child's reach.
func walled(layers []string) bool {
	return slices.ContainsFunc(layers, func(l string) bool { return l == "seccomp" || strings.HasPrefix(l, "landlock") })
}

// maxText bounds an error of the child.
const maxText = 8 << 10

// printable bounds a text of the child, and leaves no control character in it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}
