package reading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"hinomi/internal/inventory"
	"hinomi/internal/sandbox"
	"hinomi/internal/source/disk"
)

// Argument is the argument by which this program becomes the child that reads.
const Argument = "__read-disks"

// outcome is the child's result.
type outcome struct {
	Inventory *inventory.Inventory `json:"inventory,omitempty"`
	Stats     Stats                `json:"stats"`
	Fault     *wireFault           `json:"fault,omitempty"`
}

// wireFault is an error on its way to the parent.
type wireFault struct {
	Text   string   `json:"text"`
	Codes  []string `json:"codes,omitempty"`
	Device uint32   `json:"device,omitempty"` // number of a device's error, for sandbox.Report.Fault; 0 for none
}

// codes name the errors that are told apart on the other side.
var codes = []struct {
	name string
	err  error
}{
	{"open", ErrOpen},
	{"no_root", disk.ErrNoRoot},
	{"no_files", disk.ErrNoFiles},
	{"unsupported", disk.ErrUnsupported},
	{"corrupt", disk.ErrCorrupt},
	{"limit", disk.ErrLimit},
	{"loop", disk.ErrLoop},
}

// step is a message of the child.
type step struct {
	Files int    `json:"files"`
	Path  string `json:"path"`
}

// stepTime is how often the child tells how far it is.
const stepTime = 100 * time.Millisecond

// InChild is the whole life of the child: in and out are the pipes to its parent.
func InChild(ctx context.Context, in io.Reader, out io.Writer, now func() time.Time) error {
	return sandbox.Child(ctx, in, out, func(ctx context.Context, s *sandbox.Session) ([]byte, error) {
		var job Job
		if err := json.Unmarshal(s.Job(), &job); err != nil {
			return nil, fmt.Errorf("read the job: %w", err)
		}
		devices := make([]Device, 0, len(s.Devices()))
		for i, d := range s.Devices() {
			if i < len(job.Disks) && job.Disks[i].Hints {
				devices = append(devices, hinting{d})
			} else {
				devices = append(devices, d)
			}
		}
		var told time.Time
		inv, stats, err := Read(ctx, job, devices, now, func(files int, path string) {
			if t := now(); t.Sub(told) >= stepTime {
				told = t
				tell(s, step{files, path})
			}
		})
		o := outcome{Inventory: inv, Stats: stats}
		if err != nil {
			o.Inventory, o.Fault = nil, toWire(err)
		}
		return json.Marshal(o)
	})
}

// tell sends a step. One that cannot be sent is no loss: a parent that has gone is noticed elsewhere.
func tell(s *sandbox.Session, what step) {
	what.Path = what.Path[:min(len(what.Path), 4096)]
	if b, err := json.Marshal(what); err == nil {
		_ = s.Send(b)
	}
}

// hinting is a device whose parent wants to know what will be read soon.
type hinting struct{ *sandbox.Remote }

// Prefetch tells it.
func (h hinting) Prefetch(off, length int64) {
	_ = h.Hint([]sandbox.Range{{Offset: off, Length: length}}) // a parent that has gone is noticed by the next read
}

func toWire(err error) *wireFault {
	w := &wireFault{Text: err.Error()}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			w.Codes = append(w.Codes, c.name)
		}
	}
	var d *sandbox.DeviceError
	if errors.As(err, &d) {
		w.Device = d.Number
	}
	return w
}

// fault is the error as the parent sees it.
func (w *wireFault) fault(report *sandbox.Report) error {
	f := &Fault{text: printable(w.Text)}
	for _, name := range w.Codes {
		for _, c := range codes {
			if c.name == name {
				f.is = append(f.is, c.err)
			}
		}
	}
	if err := report.Fault(w.Device); w.Device != 0 && err != nil {
		f.is = append(f.is, err)
	}
	return f
}
